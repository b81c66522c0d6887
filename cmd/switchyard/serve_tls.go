package main

import (
	"errors"
	"fmt"

	"github.com/switchyard-gateway/switchyard/certificates"
	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/schema"
)

// tlsOptions translates the settings of the public listener's certificates, and
// refuses those that do not go together.
func tlsOptions(s settings, o *serve.Options) error {
	certs, keys := schema.ParseStrings(s.text("tlsCertFile")), schema.ParseStrings(s.text("tlsKeyFile"))
	hosts := schema.ParseStrings(s.text("acmeHost"))
	problem := ""
	switch {
	case len(certs) != len(keys):
		problem = fmt.Sprintf("tlsCertFile names %d files and tlsKeyFile %d; each certificate needs its key", len(certs), len(keys))
	case len(certs) > 0 && len(hosts) > 0:
		problem = "certificates come either from tlsCertFile or from acmeHost"
	case len(hosts) > 0 && !s.flag("acmeAcceptTerms"):
		problem = "acmeHost needs acmeAcceptTerms: an ACME server issues nothing to whoever has not accepted its terms"
	case len(hosts) > 0 && s.text("state") == "":
		problem = "acmeHost needs state, the directory where certificates are kept"
	case len(certs)+len(hosts) == 0 && s.text("tlsClientCaFile") != "":
		problem = "tlsClientCaFile needs tlsCertFile or acmeHost"
	}
	if problem != "" {
		return usageError{errors.New(problem)}
	}
	if len(certs)+len(hosts) == 0 {
		return nil
	}
	o.TLS = &certificates.Options{ClientCAFile: s.text("tlsClientCaFile")}
	for i := range certs {
		o.TLS.Pairs = append(o.TLS.Pairs, certificates.Pair{CertFile: certs[i], KeyFile: keys[i]})
	}
	if len(hosts) > 0 {
		o.TLS.ACME = &certificates.ACME{
			Hosts: hosts, Email: s.text("acmeEmail"), Directory: s.text("acmeDirectory"), CAFile: s.text("acmeCaFile"), State: s.text("state"),
		}
	}
	return nil
}
