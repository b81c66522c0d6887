package gateway

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

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

// rulesAnswer is how requests are changed on their way. Of header fields it has the
// names only: their values may be secret.
type rulesAnswer struct {
	Path                 *pathAnswer  `json:"path,omitempty"`
	Host                 string       `json:"host,omitempty"`
	Headers              headerAnswer `json:"headers"`
	ForwardAuthorization bool         `json:"forwardAuthorization"`
	Body                 bodyAnswer   `json:"body"`
	Model                string       `json:"model,omitempty"`
}

type pathAnswer struct {
	Replace string `json:"replace,omitempty"`
	Prefix  string `json:"prefix,omitempty"`
}

type headerAnswer struct {
	Set    []string `json:"set"`
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

type bodyAnswer struct {
	Set    map[string]json.RawMessage `json:"set"` // by JSON pointer
	Remove []string                   `json:"remove"`
}

func describeRules(set http.Header, r *deployments.Rules) rulesAnswer {
	answer := rulesAnswer{
		Host: set.Get("Host"), ForwardAuthorization: !r.Strip, Model: r.Model,
		Headers: headerAnswer{Set: names(set), Add: names(r.Add), Remove: append([]string{}, r.Remove...)},
		Body:    bodyAnswer{Set: map[string]json.RawMessage{}, Remove: append([]string{}, r.Body.Remove...)},
	}
	if r.Path != (schema.PathRule{}) {
		answer.Path = &pathAnswer{Replace: r.Path.Replace, Prefix: r.Path.Prefix}
	}
	for _, m := range r.Body.Set {
		answer.Body.Set[m.Pointer] = m.Value
	}
	return answer
}

// names are the names of header fields, sorted; Host is none of them.
func names(h http.Header) []string {
	all := []string{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name != "Host" {
			all = append(all, name)
		}
	}
	return all
}
