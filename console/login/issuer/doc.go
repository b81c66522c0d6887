// Package issuer logs people in whom an OpenID provider knows: the code flow of
// OpenID Connect Core 1.0, section 3.1, with PKCE (RFC 7636).
//
//	issuer := issuer.New(issuer.Options{URL: "https://id.example.com", ...})
//	err := issuer.Begin(w, r, "/console/records")      // leads the browser to the provider
//	...
//	user, to, err := issuer.End(w, r)                   // when it comes back
//
// What a login is begun with, state, nonce and verifier, stays in memory for ten
// minutes. The browser holds a random token to it, in a cookie, so that nobody can
// have somebody else's browser end a login, and what comes back counts once.
//
// What the provider says of who came is believed if its signature, issuer,
// audience, expiry and nonce are right, and then held against two lists of claims:
// of those who may look, and of those who may change something.
package issuer
