// Package token verifies the JSON Web Tokens (RFC 7519) of one OpenID Connect
// issuer that callers may show in place of an API key.
//
// A [Verifier] trusts one issuer, for one list of audiences. [Verifier.Run] finds
// the issuer's keys by its discovery document (OpenID Connect Discovery 1.0) or
// where it is told, reads them every few minutes, and keeps the last good ones for
// a day while the issuer is away. [Verifier.Verify] takes a token apart with
// go-jose and checks it by the keys that are there. What it never does:
//
//   - believe a token's header: the algorithm must be one of a list of asymmetric
//     ones and fit the key; keys, certificates and URLs in the header are not looked at;
//   - ask the issuer for each token that is signed with a key it does not know: that
//     has the keys read once within ten seconds, whatever comes, and a request waits
//     for it for a second at most;
//   - show a token, or a part of it, in an error, a log line or a metric.
//
// What is read of the issuer is bounded in size, number and time, and redirects are
// not followed.
package token
