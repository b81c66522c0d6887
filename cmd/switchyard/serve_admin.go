package main

import (
	"net"
	"strings"

	"github.com/switchyard-gateway/switchyard/certificates"
	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/schema"
)

const adminTokenEnv = "SWITCHYARD_ADMIN_TOKEN"

// shortestToken bounds tokens from below: one that can be guessed is none.
const shortestToken = 16

// adminOptions translates the settings of the admin listener, and refuses one
// that others can reach and that asks nobody who they are. A listener that the
// service manager hands over stands in place of the setting, so that it is taken
// into o before.
func adminOptions(p process, s settings, o *serve.Options) (err error) {
	if o.AdminTokens, err = secretSource(p, s, "adminTokenFile", adminTokenEnv); err != nil {
		return err
	}
	if o.AdminTokens != nil {
		if err := checkTokens(o.AdminTokens); err != nil {
			return err
		}
	}
	cert, key, clients := s.text("adminTlsCertFile"), s.text("adminTlsKeyFile"), s.text("adminClientCaFile")
	switch {
	case (cert == "") != (key == ""):
		return usagef("adminTlsCertFile and adminTlsKeyFile go together")
	case clients != "" && cert == "":
		return usagef("adminClientCaFile needs adminTlsCertFile and adminTlsKeyFile")
	case cert != "":
		o.AdminTLS = &certificates.Options{Pairs: []certificates.Pair{{CertFile: cert, KeyFile: key}}, ClientCAFile: clients}
	}
	if at, open := adminAddress(s, o); open && o.AdminTokens == nil && clients == "" {
		return usagef("admin %s can be reached from other machines, and whoever reaches it may change what serves: give adminTokenFile, %s, or adminClientCaFile; or listen on 127.0.0.1", at, adminTokenEnv)
	}
	return nil
}

// adminAddress is where the admin listener listens, and whether other machines
// reach it there.
func adminAddress(s settings, o *serve.Options) (at string, open bool) {
	if o.Private == nil {
		at = s.text("admin")
		return at, !isLoopback(at)
	}
	given := o.Private.Addr()
	return given.String(), given.Network() != "unix" && !isLoopback(given.String())
}

func checkTokens(read func() (string, error)) error {
	text, err := read()
	if err != nil {
		return usagef("adminTokenFile: %w", err)
	}
	tokens := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && len(line) < shortestToken {
			return usagef("a token of the admin listener has fewer than %d characters; make one with: openssl rand -hex 32", shortestToken)
		}
		if line != "" {
			tokens++
		}
	}
	if tokens == 0 {
		return usagef("there is no token of the admin listener where one is said to be")
	}
	return nil
}

// isLoopback reports whether an address is reached from this machine only.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	return schema.IsLoopback(host)
}
