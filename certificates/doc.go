// Package certificates owns what a TLS listener shows and asks for: certificates
// and keys from files that are read again when they change, or certificates that
// an ACME server issues.
//
// What is read serves as a whole or not at all. A file that is missing, half
// written, expired or does not belong to its key leaves what served in place, is
// logged at level error, and shows in the metrics until it is put right.
//
//	store, err := certificates.Open(certificates.Options{Pairs: pairs, Logger: logger})
//	...
//	go store.Run(ctx)
//	listener := tls.NewListener(l, store.Config())
//
// Connections speak TLS 1.2 or later with Go's curves and ciphers. Session
// tickets are sealed with keys that only this process has and that change daily.
package certificates
