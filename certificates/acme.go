package certificates

import (
	"crypto/tls"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/switchyard-gateway/switchyard/certificates/authorities"
)

// ACME says which certificates are issued, and by whom (RFC 8555). The server
// proves that a host is ours by calling it on port 443 (RFC 8737), so the listener
// must be reached there. A certificate is asked for at the first handshake for its
// host, and renewed 30 days before it ends.
type ACME struct {
	Hosts     []string // exact names; nobody else's certificate is asked for
	Email     string   // where the server writes to about the certificates; empty: nowhere
	Directory string   // URL; empty: Let's Encrypt
	CAFile    string   // CA certificates, in PEM, that the server's is checked by; empty: the system's
	State     string   // folder that keeps keys and certificates, made with mode 0700
}

// acmeTimeout bounds one call of the ACME server.
const acmeTimeout = 30 * time.Second

// apply has certificates for config issued.
func (a *ACME) apply(config *tls.Config) error {
	if len(a.Hosts) == 0 || a.State == "" {
		return errors.New("an ACME server issues certificates for named hosts, and they are kept in a folder")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if a.CAFile != "" {
		roots, err := authorities.File(a.CAFile)
		if err != nil {
			return err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS, // the operator has, or there would be no ACME
		Cache:      autocert.DirCache(filepath.Join(a.State, "acme")),
		HostPolicy: autocert.HostWhitelist(a.Hosts...),
		Email:      a.Email,
		Client: &acme.Client{
			DirectoryURL: a.Directory, UserAgent: "switchyard",
			HTTPClient: &http.Client{Transport: transport, Timeout: acmeTimeout},
		},
	}
	if a.Directory == "" {
		manager.Client.DirectoryURL = acme.LetsEncryptURL
	}
	config.GetCertificate = manager.GetCertificate
	config.NextProtos = append(config.NextProtos, acme.ALPNProto)
	return nil
}
