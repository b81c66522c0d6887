// Package plan says what one revision would change against another, before it
// serves: for those who review a change, and for those who have to undo one.
//
// [Compare] takes two revisions that were loaded as the gateway loads them and
// gives a [Plan]: endpoints that come, go or change, with their backends,
// mirrors, keys, paths and timeouts; deployments that are redefined, and whom
// that touches; and how many subjects get another backend. [Print] writes it for
// a terminal, for a comment on a pull request, or as JSON. It is arithmetic on
// values: no git, no sockets, no clock, and no secrets, since headers are
// compared as they are written and named without their values.
//
// # How many subjects move
//
// The shares are exact, not simulated. A subject's scores are -ln(u)/weight (see
// package endpoints), so that for a random subject each backend i holds one
// exponentially distributed draw E(i) for both revisions, and has the score
// E(i)/w(i) before and E(i)/v(i) after. With
//
//	t(i) = w(i) / v(i)
//	M(s) = the sum over all backends k of max(w(k), s v(k))
//
// the share of subjects that i has before and j after is
//
//	w(i) / M(t(i))                                             for i = j
//	w(i) v(j) times the integral of 1/M(s)^2 over [t(j), t(i)]   for t(j) < t(i)
//	0                                                          else
//
// It follows by integrating over the draws of i and j that make them win, times
// the probability that all others draw more. M is linear between the t(k), where
// the integral of 1/M^2 from a to b is (b - a) / (M(a) M(b)), so that one pass
// over the sorted t(k) serves all pairs.
//
// Whoever raises one weight sees moves to that backend only: all other t are
// alike. The error of floating point is below 1e-12, and so are no shares: they
// count as 0. What is exact is the expectation. Of n real subjects a share of p is
// n p, give or take the square root of n p (1 - p).
//
// When the first key of an assignment is another one, subjects are other values
// and are drawn anew: the share that goes from i to j is then the product of
// both shares. Without a key nobody is bound to a backend, and shares are those
// of requests.
package plan
