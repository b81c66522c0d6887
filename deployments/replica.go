package deployments

import (
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Replica is one URL of a version as it is called: the connections to it, the
// requests in flight, and whether it could be reached lately. It is safe for
// concurrent use.
type Replica struct {
	url     *url.URL
	label   string
	use     Use
	options *PoolOptions

	once      sync.Once
	transport atomic.Pointer[Transport] // nil until the first request

	inFlight atomic.Int64
	retired  atomic.Bool
	health   health
}

func newReplica(u *url.URL, use Use, o *PoolOptions) *Replica {
	own, public := *u, *u
	public.User, public.RawQuery, public.Fragment = nil, "", ""
	return &Replica{url: &own, label: public.String(), use: use, options: o, health: health{start: time.Now()}}
}

// URL is where the replica answers; it must not be changed.
func (r *Replica) URL() *url.URL { return r.url }

// String is the URL without anything secret, as it stands in records.
func (r *Replica) String() string { return r.label }

// InFlight is the number of requests that are picked and not yet released.
func (r *Replica) InFlight() int { return int(r.inFlight.Load()) }

// Down reports whether the replica could not be reached lately and is left
// aside while there are others.
func (r *Replica) Down() bool { return r.health.down() }

// RoundTrip sends one request over the replica's own connections, as
// http.RoundTripper does: no redirect is followed and no status is an error.
// That no connection could be made (see ConnectFailed) marks the replica as
// down, that one could be made as up again.
func (r *Replica) RoundTrip(req *http.Request) (*http.Response, error) {
	epoch, down := r.health.observe()
	if down {
		req = r.probe(req)
	}
	resp, err := r.connections().RoundTrip(req)
	switch {
	case err != nil && r.options.ConnectFailed(err):
		r.health.failed(epoch, err)
	case err == nil && down:
		r.health.reached()
	}
	return resp, err
}

// Try is RoundTrip for who has another use for the replica's Transport. While the
// replica is down it calls nothing and reports false: only RoundTrip can tell that
// it is up again.
func (r *Replica) Try(call func(Transport) error) (called bool, err error) {
	epoch, down := r.health.observe()
	if down {
		return false, nil
	}
	err = call(r.connections())
	if err != nil && r.options.ConnectFailed(err) {
		r.health.failed(epoch, err)
	}
	return true, err
}

// probe has the replica marked as up as soon as it is connected to. Its answer
// may take minutes, for which nobody ought to be refused.
func (r *Replica) probe(req *http.Request) *http.Request {
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { r.health.reached() }}
	return req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
}

// Release ends what Pick began. It is called exactly once for each Pick, after
// the response's body is closed.
func (r *Replica) Release() {
	left := r.inFlight.Add(-1)
	if left < 0 {
		panic("deployments: a replica was released more often than it was picked")
	}
	if left == 0 && r.retired.Load() {
		r.closeIdle()
	}
}

// connections makes the transport at the first request, so that binding
// thousands of replicas costs next to nothing.
func (r *Replica) connections() Transport {
	r.once.Do(func() {
		t := r.options.Transport(Destination{URL: r.url, Use: r.use})
		r.transport.Store(&t)
	})
	return *r.transport.Load()
}

// closeIdle closes the connections that no request uses.
func (r *Replica) closeIdle() {
	if t := r.transport.Load(); t != nil {
		(*t).CloseIdleConnections()
	}
}
