// Package signature tells who signed a git commit, and whether that is one of
// the keys that are trusted.
//
// It owns the reading of commit objects as git verify-commit reads them, of PGP
// keyrings and of OpenSSH's allowed signers. A commit is parsed once, by
// [Parse], from the very bytes that its name is the hash of; [Keys.Verify] checks
// the signature over those bytes without the signature. All that is not clearly
// right is an error: no signature, two of them, a key that is not listed, one
// that is revoked, or was not valid when the commit was made. There is no network,
// no gpg and no ssh-keygen in it.
package signature
