package deployments

import (
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Replica is one URL of a version as it is called, or one address of its name: the
// connections to it, the requests in flight, and whether it is up. It is safe for
// concurrent use.
type Replica struct {
	url     *url.URL
	label   string
	use     Use
	speaks  schema.Protocol
	tls     *TLS
	address netip.Addr // zero: that of the URL's name
	seed    uint64     // of its scores
	pool    *Pool

	once      sync.Once
	transport atomic.Pointer[Transport] // nil until the first request

	inFlight atomic.Int64
	retired  atomic.Bool
	out      atomic.Uint32 // why it is not up; see outUnreached
	health   health

	check atomic.Pointer[check] // nil: nobody asks whether it is well

	queues atomic.Pointer[[]*line] // of those that may wait for it; nil: nobody does

	watch        atomic.Pointer[watch] // nil: it is never ejected
	troubled     atomic.Bool           // the last request failed
	ejectedUntil atomic.Int64          // on health.clock
	ejections    *ejections            // guarded by pool.ejecting; nil: it was never watched
}

func newReplica(key replicaKey, u *url.URL, t *TLS, p *Pool) *Replica {
	own, public := *u, *u
	public.User, public.RawQuery, public.Fragment = nil, "", ""
	if key.address.IsValid() {
		public.Host = hostPort(key.address.String(), u.Port())
	}
	label := public.String()
	r := &Replica{
		url: &own, label: label, use: key.use, speaks: key.protocol, tls: t, address: key.address, seed: xxhash.Sum64String(label), pool: p,
	}
	r.health.start, r.health.out = time.Now(), &r.out
	return r
}

func hostPort(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// URL is where the replica answers; it must not be changed. Its host is the name
// also where the replica is one of that name's addresses.
func (r *Replica) URL() *url.URL { return r.url }

// Multiplexed reports whether HTTP/2 may be spoken with the replica. Its
// transport may then still read a request's header when it has returned.
func (r *Replica) Multiplexed() bool { return r.speaks != schema.HTTP1 }

// String is the URL without anything secret, as it stands in records, with the
// address in place of the name where the replica is one of several addresses.
func (r *Replica) String() string { return r.label }

// InFlight is the number of requests that are picked and not yet released.
func (r *Replica) InFlight() int { return int(r.inFlight.Load()) }

// Down reports whether the replica could not be connected to lately and is left
// aside while there are others.
func (r *Replica) Down() bool { return r.health.down() }

// Up reports whether the replica can be connected to as far as is known, its health
// checks pass, and it is not ejected.
func (r *Replica) Up() bool { return r.out.Load() == 0 }

// reachable is Up whatever was answered.
func (r *Replica) reachable() bool { return r.out.Load()&outUnreached == 0 }

// retriable reports whether the only reason that the replica is not up is that it
// could not be connected to, and its time aside is over; then the caller tries it.
func (r *Replica) retriable() bool {
	r.readmit()
	return r.out.Load() == outUnreached && r.health.claim(r.health.aside())
}

// RoundTrip sends one request over the replica's own connections, as
// http.RoundTripper does: no redirect is followed and no status is an error.
// That no connection could be made (see ConnectFailed) marks the replica as
// down, that one could be made as up again.
//
// Live requests that fail count towards an ejection where the version says so, but
// for those whose context was canceled or has a method Late() bool that says the
// caller's time is over, or whose Body has a method Whole() bool that says the caller
// has not sent all of it although the replica could be connected to, or whose error has a
// method Unsendable() bool that says that they could not be sent. A call of gRPC whose
// answer goes on after its head counts by Admission.CallEnded.
//
// Where a replica says in HTTP/2 that it has not processed the request, the error is an
// UnprocessedError.
func (r *Replica) RoundTrip(req *http.Request) (*http.Response, error) {
	epoch, down := r.health.observe()
	if down {
		req = r.probe(req)
	}
	resp, err := r.connections().RoundTrip(req)
	if err != nil && r.Multiplexed() {
		err = unprocessed(err)
	}
	switch {
	case err != nil && r.pool.options.ConnectFailed(err):
		r.health.failed(epoch, err)
	case err == nil && down:
		r.health.reached()
	}
	if w := r.watch.Load(); w != nil {
		r.observe(w, r.outcome(req, resp, err, false))
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
	if err != nil && r.pool.options.ConnectFailed(err) {
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
	if queues := r.queues.Load(); queues != nil {
		for _, q := range *queues {
			q.released()
		}
	}
	if left == 0 && r.retired.Load() {
		r.closeIdle()
	}
}

// serves has a queue told when the replica has room. The pool is locked.
func (r *Replica) serves(q *line) {
	var all []*line
	if known := r.queues.Load(); known != nil {
		all = *known
	}
	if !slices.Contains(all, q) {
		all = append(slices.Clip(all), q)
		r.queues.Store(&all)
	}
}

// leaves has the queues that are gone told no more. The pool is locked.
func (r *Replica) leaves(gone func(*line) bool) {
	known := r.queues.Load()
	if known == nil || !slices.ContainsFunc(*known, gone) {
		return
	}
	left := slices.DeleteFunc(slices.Clone(*known), gone)
	if len(left) == 0 {
		r.queues.Store(nil)
		return
	}
	r.queues.Store(&left)
}

// connections makes the transport at the first request, so that binding
// thousands of replicas costs next to nothing.
func (r *Replica) connections() Transport {
	r.once.Do(func() {
		to := Destination{URL: r.url, Use: r.use, Address: r.address, Protocol: r.speaks, TLS: r.tls}
		if r.use != (Use{}) {
			to.MaxConns = r.pool.options.MirrorConns
		}
		t := r.pool.options.Transport(to)
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
