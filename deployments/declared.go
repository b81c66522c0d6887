package deployments

import (
	"net/http"
	"net/url"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Version is one numbered version of a deployment, with its secrets resolved.
// It is immutable.
type Version struct {
	Branch  string
	Name    string
	Number  int
	URLs    []*url.URL  // the replicas, in the order of the file
	Header  http.Header // set on every request, "Host" too, secrets filled in; never log it
	Rules   Rules
	Methods []string // allowed ones, upper case; empty: any
	Serving schema.Serving
	TLS     *TLS // nil: nothing is said about it
}

// Resolved is a version together with the alias by which it was found.
type Resolved struct {
	*Version
	Alias string // "latest", an alias, or empty when named by its number
}
