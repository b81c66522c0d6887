package deployments

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/certificates/authorities"
	"github.com/switchyard-gateway/switchyard/schema"
)

// tlsAge is how long what was read from files is used before they are read again,
// when a connection is opened.
const tlsAge = time.Second

// TLS is how the replicas of a version are met over https, with what its
// placeholders stand for. Files are read again as connections are opened, at most
// once a second; while they are missing or malformed, what they held before
// goes on. It is safe for concurrent use.
type TLS struct {
	declared *schema.TLS
	secrets  Secrets

	reading sync.Mutex // held to read the files again
	read    time.Time  // when they were; guarded by reading
	texts   [3]string  // what they held; guarded by reading
	current atomic.Pointer[material]
}

// material is what one reading of the files gave. It is immutable.
type material struct {
	roots *x509.CertPool // nil: the system's
	own   *tls.Certificate
}

// newTLS reads the files for the first time. What is wrong with them is said at
// the placeholder of each.
func newTLS(declared *schema.TLS, r *resolver) (*TLS, schema.Diagnostics) {
	if declared == nil {
		return nil, nil
	}
	t := &TLS{declared: declared, secrets: r.secrets, read: time.Now()}
	var problems schema.Diagnostics
	assumed := false
	for i, v := range t.placeholders() {
		if v.V == "" {
			continue
		}
		var err error
		if t.texts[i], err = r.text(v.V); err != nil {
			problems = append(problems, schema.Diagnostic{Position: v.Pos, Rule: schema.RuleSecret, Message: fmt.Sprintf("tls: %s", err)})
		}
		assumed = assumed || t.texts[i] != "" && t.texts[i] == r.secrets.Assumed
	}
	t.current.Store(&material{})
	if len(problems) > 0 || assumed {
		return t, problems
	}
	m, at, err := t.parse(t.texts)
	if err != nil {
		return t, schema.Diagnostics{{Position: at.Pos, Rule: schema.RuleSecret, Message: fmt.Sprintf("tls: %s: %s", at.V, err)}}
	}
	t.current.Store(m)
	return t, nil
}

// placeholders are those of the texts, in their order.
func (t *TLS) placeholders() [3]schema.Value[string] {
	return [...]schema.Value[string]{t.declared.CA, t.declared.Cert, t.declared.Key}
}

// parse makes use of the texts. An error is about what stands at the placeholder;
// it tells nothing of the text.
func (t *TLS) parse(texts [3]string) (m *material, at schema.Value[string], err error) {
	m = &material{}
	if t.declared.CA.V != "" {
		if m.roots, err = authorities.Pool([]byte(texts[0])); err != nil {
			return nil, t.declared.CA, err
		}
	}
	if t.declared.Cert.V != "" {
		own, err := tls.X509KeyPair([]byte(texts[1]), []byte(texts[2]))
		if err != nil {
			return nil, t.declared.Cert, fmt.Errorf("with the key of %s: %s", t.declared.Key.V, strings.TrimPrefix(err.Error(), "tls: "))
		}
		m.own = &own
	}
	return m, at, nil
}

// latest is the material of now.
func (t *TLS) latest() *material {
	if t.reading.TryLock() {
		defer t.reading.Unlock()
		if time.Since(t.read) >= tlsAge {
			t.read = time.Now()
			t.reread()
		}
	}
	return t.current.Load()
}

// reread takes over what the files hold now, if it is of use.
func (t *TLS) reread() {
	r := &resolver{secrets: t.secrets, known: map[schema.Placeholder]secret{}}
	var texts [3]string
	for i, v := range t.placeholders() {
		if v.V == "" {
			continue
		}
		text, err := r.text(v.V)
		if err != nil {
			return
		}
		texts[i] = text
	}
	if texts == t.texts {
		return
	}
	if m, _, err := t.parse(texts); err == nil {
		t.texts = texts
		t.current.Store(m)
	}
}

// Declared is how it is written; nil for none.
func (t *TLS) Declared() *schema.TLS {
	if t == nil {
		return nil
	}
	return t.declared
}

// identity tells apart what must not share connections. It holds no secret.
func (t *TLS) identity() string {
	if t == nil {
		return ""
	}
	d := t.declared
	return fmt.Sprintf("%q %q %q %q %t", d.CA.V, d.Cert.V, d.Key.V, d.ServerName, d.Insecure)
}

// configure makes a configuration for connections to host what t says. A server
// has to prove at each handshake, also at one that resumes a session, that an
// authority of that time vouches for it.
func (t *TLS) configure(c *tls.Config, host string) {
	if t == nil {
		return
	}
	c.ServerName = t.declared.ServerName // empty: the host, as ever
	if c.ServerName != "" {
		host = c.ServerName
	}
	if t.declared.Cert.V != "" {
		c.ClientSessionCache = nil // a session that is resumed stands for the certificate of before
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.latest().own, nil }
	}
	switch {
	case t.declared.Insecure:
		c.InsecureSkipVerify = true
	case t.declared.CA.V != "":
		// The package would check by the authorities of the time when the
		// configuration was made: this checks the same by those of now.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error { return verify(s.PeerCertificates, t.latest().roots, host) }
	}
}

// verify checks a server's certificates as crypto/tls does.
func verify(chain []*x509.Certificate, roots *x509.CertPool, host string) error {
	if len(chain) == 0 || host == "" {
		return errors.New("the server shows no certificate") // neither happens in TLS 1.2 and 1.3
	}
	o := x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	return nil
}
