package certificates

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/switchyard-gateway/switchyard/certificates/authorities"
)

// maxFile is how much a file can hold: some thousand certificates of CAs.
const maxFile = 4 << 20

// files is what was in the files at one time.
type files struct {
	pairs   []filePair
	clients []byte // nil without a file
	caFile  string
}

type filePair struct {
	Pair
	cert, key []byte
}

type digest [sha256.Size]byte

// material is what one reading of the files gave. It is immutable.
type material struct {
	config *tls.Config
	names  []string // the files of the certificates
}

func read(o Options) (f files, err error) {
	f.caFile = o.ClientCAFile
	for _, p := range o.Pairs {
		pair := filePair{Pair: p}
		if pair.cert, err = readFile(p.CertFile); err != nil {
			return f, err
		}
		if pair.key, err = readFile(p.KeyFile); err != nil {
			return f, err
		}
		f.pairs = append(f.pairs, pair)
	}
	if o.ClientCAFile != "" {
		f.clients, err = readFile(o.ClientCAFile)
	}
	return f, err
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return text, nil
}

// digest tells contents apart.
func (f files) digest() (d digest) {
	h := sha256.New()
	add := func(part []byte) {
		_ = binary.Write(h, binary.BigEndian, int64(len(part))) // a hash takes everything
		h.Write(part)
	}
	for _, p := range f.pairs {
		add(p.cert)
		add(p.key)
	}
	add(f.clients)
	h.Sum(d[:0])
	return d
}

// parse makes a configuration of the files, with what base says besides.
func (f files) parse(base *tls.Config) (*material, error) {
	m := &material{config: base.Clone()}
	for _, p := range f.pairs {
		c, err := tls.X509KeyPair(p.cert, p.key)
		if err != nil {
			return nil, fmt.Errorf("%s with %s: %w", p.CertFile, p.KeyFile, err)
		}
		m.config.Certificates = append(m.config.Certificates, c)
		m.names = append(m.names, p.CertFile)
	}
	if f.caFile == "" {
		return m, nil
	}
	var err error
	if m.config.ClientCAs, err = authorities.Pool(f.clients); err != nil {
		return nil, fmt.Errorf("%s: %w", f.caFile, err)
	}
	m.config.ClientAuth = tls.RequireAndVerifyClientCert
	return m, nil
}

// useless are the certificates that callers refuse at that time.
func (m *material) useless(now time.Time) (all []*uselessError) {
	for i, c := range m.config.Certificates {
		switch {
		case now.After(c.Leaf.NotAfter):
			all = append(all, &uselessError{m.names[i], "the certificate has expired"})
		case now.Before(c.Leaf.NotBefore):
			all = append(all, &uselessError{m.names[i], "the certificate is not valid before " + c.Leaf.NotBefore.UTC().Format(time.RFC3339)})
		}
	}
	return all
}

// uselessError is a certificate that callers refuse by its times.
type uselessError struct{ file, why string }

func (e *uselessError) Error() string { return e.file + ": " + e.why }

// names are the hosts that a certificate is for.
func names(leaf *x509.Certificate) []string {
	all := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}
