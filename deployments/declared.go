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
	Header  http.Header // set on every request, secrets filled in; never log it
	Methods []string    // allowed ones, upper case; empty: any
}

// Resolved is a version together with the alias by which it was found.
type Resolved struct {
	*Version
	Alias string // "latest", an alias, or empty when named by its number
}

// Secrets looks up what placeholders in headers stand for. Only the command
// reads the environment and files; tests pass maps.
type Secrets struct {
	Env  func(name string) (string, bool)
	File func(path string) (string, error)
}

// Set holds the declared deployments of every branch of one revision. It is
// immutable and safe for concurrent use.
type Set struct{}

// Load parses the deployment documents of every branch of a revision and
// resolves their secrets. All problems are reported at once.
func Load(rev schema.Revision, secrets Secrets) (*Set, schema.Diagnostics) { panic("not yet") }

// Resolve finds the version that ref addresses. Whatever is missing (branch,
// deployment, version, alias) is a diagnostic at the position of the part of
// ref that names it, with the nearest existing one offered.
func (s *Set) Resolve(ref schema.DeploymentRef) (Resolved, schema.Diagnostics) { panic("not yet") }
