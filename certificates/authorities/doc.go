// Package authorities reads the CA certificates by which the certificates of others are
// checked. Those of a file stand in place of the system's: whoever names a file trusts
// nobody else, and puts the others into it if he does.
//
//	roots, err := authorities.File("/etc/tls/ca.pem")
//	config := &tls.Config{RootCAs: roots}
package authorities
