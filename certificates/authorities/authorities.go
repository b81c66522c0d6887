package authorities

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// ErrNoCertificate is the error of a text that holds no certificate.
var ErrNoCertificate = errors.New("there is no certificate in PEM in it")

// File is the pool of the certificates in a file, in PEM. Errors name the file.
func File(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool, err := Pool(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return pool, nil
}

// Pool is the pool of the certificates in a text, in PEM. What else is in it is passed
// over.
func Pool(text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, ErrNoCertificate
	}
	return pool, nil
}
