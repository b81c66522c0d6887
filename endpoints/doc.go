// Package endpoints holds declared endpoints, and how their requests are
// assigned and sampled.
//
// [Load] reads the endpoint documents of a revision, resolves the deployments
// that they name, and checks the documents against each other; what it returns
// is valid and immutable. A [Loader] does so for one revision after another, and
// leaves what has not changed as it was.
//
// Everything else is arithmetic without locks, clocks or sockets: [Keys.Subject]
// finds the subject of a request, [Endpoint.Assign] and [Endpoint.Sampled] say
// what happens to it, and [Endpoint.AssignRandom] and [Endpoint.SampledRandom] do
// so for requests without one.
//
// # Assignment
//
// A subject is assigned by weighted rendezvous hashing: each backend draws a
// score for the subject, and the least score wins. The method is that of Thaler
// and Ravishankar, "Using name-based mappings to increase hit rates" (IEEE/ACM
// Transactions on Networking 6(1), 1998). The weights enter by the logarithm:
// -ln(u)/w of a uniform u is exponentially distributed with rate w, and of
// several such values each is the least with a probability in proportion to its
// rate (Efraimidis and Spirakis, "Weighted random sampling with a reservoir",
// Information Processing Letters 97(5), 2006; for hashing, Schindelhauer and
// Schomaker, "Weighted distributed hash tables", SPAA 2005).
//
// The formula, for those who want to know beforehand where a subject goes:
//
//	h     = XXH64(subject)                                        seed 0
//	salt  = XXH64("assign" 0x00 endpoint 0x00 backend)
//	x     = mix(h XOR salt)
//	u     = (floor(x / 2^12) + 1/2) / 2^52                        in (0, 1)
//	score = -ln(u) / weight
//
// where mix is the finaliser of SplitMix64 over 64-bit words:
//
//	x = (x XOR x>>30) * 0xbf58476d1ce4e5b9
//	x = (x XOR x>>27) * 0x94d049bb133111eb
//	x =  x XOR x>>31
//
// Backends of weight 0 take no part. Of equal scores the smaller name wins, in
// the order of bytes. The scores of a backend depend on nothing but its own name
// and weight, which gives the guarantees:
//
//   - Every gateway and every restart assigns alike, whatever the order of the
//     backends in the file.
//   - Raising one weight moves subjects to that backend only; lowering or
//     removing one moves its own subjects only. Nobody moves between two others.
//   - Raising one weight and lowering another does both: of two backends exactly
//     the difference moves; with a third one, some subjects also go from it to
//     the raised one, and about as many to it from the lowered one.
//   - Multiplying all weights by the same factor moves nobody.
//   - Renaming a backend or an endpoint draws anew: subjects move as if the old
//     one was removed and another one added.
//
// Logarithms may differ in the last of their 53 bits between processor
// architectures and libraries; that changes an assignment only where two scores
// agree in all other bits.
//
// # Sampling
//
// A mirror gets copies of a subject's requests if u < percent/100, with u as
// above and
//
//	salt = XXH64("sample" 0x00 endpoint 0x00 mirror)
//
// Raising the percentage therefore only adds subjects, and mirrors sample
// independently of each other and of the assignment. Bodies are captured by the
// same rule, with
//
//	salt = XXH64("capture" 0x00 endpoint 0x00)
package endpoints
