package endpoints

import (
	"net/http"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Endpoint is a declared endpoint whose deployments are resolved. It is
// immutable and safe for concurrent use.
type Endpoint struct {
	Name       string
	Path       string         // a path prefix of the public listener, without a trailing slash; empty: none
	Timeout    schema.Timeout // the zero Timeout where not written
	Backends   []Backend      // in the order of the file
	Mirrors    []Mirror       // the enabled ones, in the order of the file
	Fallback   *Fallback      // nil: none
	Assignment Keys
	Sampling   Keys
	// CallerTimeout is where a request says in how many seconds it is to be answered;
	// empty: nowhere.
	CallerTimeout Keys
	Capture       *Capture     // nil: nothing is captured
	Guard         schema.Guard // what is asked of callers
}

// Backend may answer the live request: a deployment or a static value.
type Backend struct {
	Name       string
	Weight     float64
	Deployment *deployments.Resolved // nil for a static backend
	Static     []byte                // the JSON answer of a static backend

	salt uint64 // of assignment; 0: not computed beforehand
}

// Fallback is the backend that answers when the assigned one fails in one of some
// ways.
type Fallback struct {
	Backend int // its index among the endpoint's
	On      schema.Failures
}

// Mirror gets a copy of live requests.
type Mirror struct {
	Name       string
	Percent    float64 // in (0, 100]
	Deployment deployments.Resolved
	Header     http.Header       // set on every copy after the version's, "Host" too
	Rules      deployments.Rules // after the version's
	Compare    *schema.Compare   // nil: answers are not compared
	Noise      bool              // what differs is the noise of the live deployment itself
	Gates      *schema.Gates     // nil: none

	salt uint64 // of sampling; 0: not computed beforehand
}
