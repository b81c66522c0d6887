package deployments

import (
	"net/http"
	"net/url"
)

// Use says for whose requests replicas are bound: connections are never shared
// between live requests and mirrors, nor between mirrors.
type Use struct {
	Endpoint string // both empty for live requests
	Mirror   string
}

// Pool holds the running replicas. It outlives snapshots: what two snapshots
// bind with the same URL and use is the same replica, with the same connections
// and the same counts. It is safe for concurrent use.
type Pool struct{}

// Replica is one URL of a version as it is called: the connections to it and
// the requests in flight.
type Replica struct{}

// URL is where the replica answers; it must not be changed.
func (r *Replica) URL() *url.URL { panic("not yet") }

// RoundTrip sends one request over the replica's own connections.
func (r *Replica) RoundTrip(req *http.Request) (*http.Response, error) { panic("not yet") }

// Group is the replicas of one version for one use, with the choice among them.
type Group struct{}

// Pick chooses a replica and counts a request in flight on it until done is
// called, exactly once.
func (g *Group) Pick() (r *Replica, done func()) { panic("not yet") }
