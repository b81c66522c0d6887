package main

import (
	"crypto/tls"
	"net/http"
	"os"
	"strings"

	"github.com/switchyard-gateway/switchyard/certificates/authorities"
)

// Variables that say how a command shows the admin listener who it is, and knows
// the listener, beside those of the gateway's own settings.
const (
	adminTokenFileEnv  = "SWITCHYARD_ADMIN_TOKEN_FILE"
	adminCAFileEnv     = "SWITCHYARD_ADMIN_CA_FILE"
	adminClientCertEnv = "SWITCHYARD_ADMIN_CLIENT_CERT_FILE"
	adminClientKeyEnv  = "SWITCHYARD_ADMIN_CLIENT_KEY_FILE"
)

// clientEnvs are those of them that are no settings of the gateway.
var clientEnvs = []string{adminCAFileEnv, adminClientCertEnv, adminClientKeyEnv}

// adminToken is the first token of the variable, or of the file that another one
// names; empty without either.
func adminToken(p process) (string, error) {
	text, _ := p.env.lookup(adminTokenEnv)
	if path, _ := p.env.lookup(adminTokenFileEnv); text == "" && path != "" {
		read, err := os.ReadFile(path)
		if err != nil {
			return "", usagef("%s: %w", adminTokenFileEnv, err)
		}
		text = string(read)
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return line, nil
		}
	}
	return "", nil
}

// adminTransport is how the listener is called: as usual, unless variables say
// whom to trust and which certificate to show.
func adminTransport(p process) (http.RoundTripper, error) {
	ca, _ := p.env.lookup(adminCAFileEnv)
	cert, _ := p.env.lookup(adminClientCertEnv)
	key, _ := p.env.lookup(adminClientKeyEnv)
	return trustFiles{ca: ca, cert: cert, key: key, caName: adminCAFileEnv, pairName: adminClientCertEnv + " and " + adminClientKeyEnv}.transport()
}

// trustFiles are the files that say whom to trust over TLS and which certificate to
// show, and what the files are called where they are named.
type trustFiles struct {
	ca, cert, key    string // empty: none
	caName, pairName string
}

func (f trustFiles) transport() (http.RoundTripper, error) {
	config, err := f.config()
	switch {
	case err != nil:
		return nil, err
	case config == nil:
		return http.DefaultTransport, nil
	}
	return &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment}, nil
}

// config is nil without files.
func (f trustFiles) config() (*tls.Config, error) {
	if f.ca == "" && f.cert == "" && f.key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		var err error
		if config.RootCAs, err = authorities.File(f.ca); err != nil {
			return nil, usagef("%s: %w", f.caName, err)
		}
	}
	if f.cert != "" || f.key != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, usagef("%s: %w", f.pairName, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
