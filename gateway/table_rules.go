package gateway

import "github.com/switchyard-gateway/switchyard/schema"

// tlsAnswer is how replicas are met over https, as it is written.
type tlsAnswer struct {
	CA         string `json:"ca,omitempty"`
	Cert       string `json:"cert,omitempty"`
	Key        string `json:"key,omitempty"`
	ServerName string `json:"serverName,omitempty"`
	Insecure   bool   `json:"insecure"`
}

func describeTLS(t *schema.TLS) *tlsAnswer {
	if t == nil {
		return nil
	}
	return &tlsAnswer{CA: t.CA.V, Cert: t.Cert.V, Key: t.Key.V, ServerName: t.ServerName, Insecure: t.Insecure}
}
