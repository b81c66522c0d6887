package testbed

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority issues certificates that nobody but a test trusts.
type Authority struct {
	// ValidFrom is when what it issues begins to be valid; zero: an hour before.
	ValidFrom time.Time

	tb   testing.TB
	cert *x509.Certificate
	key  crypto.Signer
	last int64
}

// NewAuthority makes an authority with a key of its own.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, key: newKey(tb)}
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}, nil, a.key.Public())
	return a
}

func newKey(tb testing.TB) crypto.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func (a *Authority) sign(t, parent *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	a.tb.Helper()
	if parent == nil {
		parent = t
	}
	a.last++
	t.SerialNumber, t.NotBefore = big.NewInt(a.last), cmp.Or(a.ValidFrom, time.Now().Add(-time.Hour))
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key, a.key)
	if err != nil {
		a.tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.tb.Fatal(err)
	}
	return cert
}

// Sign issues a certificate for a key that somebody else has.
func (a *Authority) Sign(key crypto.PublicKey, notAfter time.Time, hosts ...string) *x509.Certificate {
	a.tb.Helper()
	t := &x509.Certificate{
		NotAfter: notAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
			continue
		}
		t.DNSNames = append(t.DNSNames, h)
	}
	return a.sign(t, a.cert, key)
}

// Issue writes a new certificate for the hosts, and its key, to NAME.crt and
// NAME.key in dir.
func (a *Authority) Issue(dir, name string, notAfter time.Time, hosts ...string) (certFile, keyFile string) {
	a.tb.Helper()
	key := newKey(a.tb)
	cert := a.Sign(key.Public(), notAfter, hosts...)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.tb.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	a.write(certFile, "CERTIFICATE", cert.Raw)
	a.write(keyFile, "PRIVATE KEY", der)
	return certFile, keyFile
}

// Certificate issues one for the hosts that lasts as long as any test.
func (a *Authority) Certificate(hosts ...string) tls.Certificate {
	a.tb.Helper()
	c, err := tls.LoadX509KeyPair(a.Issue(a.tb.TempDir(), "it", time.Now().Add(time.Hour), hosts...))
	if err != nil {
		a.tb.Fatal(err)
	}
	return c
}

// File writes the authority's own certificate to a file.
func (a *Authority) File() string {
	a.tb.Helper()
	path := filepath.Join(a.tb.TempDir(), "ca.pem")
	a.write(path, "CERTIFICATE", a.cert.Raw)
	return path
}

// Pool is the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a *Authority) write(path, kind string, der []byte) {
	a.tb.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.tb.Fatal(err)
	}
}
