package endpoints

import (
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Endpoint is a declared endpoint whose deployments are resolved. It is
// immutable and safe for concurrent use.
type Endpoint struct {
	Name       string
	Path       string // a path prefix of the public listener, without a trailing slash; empty: none
	Timeout    time.Duration
	Backends   []Backend
	Mirrors    []Mirror // the enabled ones
	Assignment Keys
	Sampling   Keys
}

// Backend may answer the live request: a deployment or a static value.
type Backend struct {
	Name       string
	Weight     float64
	Deployment *deployments.Resolved // nil for a static backend
	Static     []byte                // the JSON answer of a static backend
}

// Mirror gets a copy of live requests.
type Mirror struct {
	Name       string
	Percent    float64 // in (0, 100]
	Deployment deployments.Resolved
}

// Load parses the endpoint documents of the revision's endpoints branch,
// resolves what they name in set, and checks them against each other. All
// problems are reported at once; the endpoints are sorted by name.
func Load(rev schema.Revision, set *deployments.Set) ([]*Endpoint, schema.Diagnostics) {
	panic("not yet")
}

// Branches names the branches, besides the endpoints branch, that the endpoint
// documents of a tree address deployments on, sorted. It passes over whatever
// cannot be parsed: Load reports that.
func Branches(t schema.Tree, endpointsBranch string) []string { panic("not yet") }
