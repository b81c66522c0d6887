package deployments

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Use says for whose requests replicas are bound: connections are never shared
// between live requests and mirrors, nor between mirrors.
type Use struct {
	Endpoint string // both empty for live requests
	Mirror   string
}

// Destination is what the connections of one replica lead to.
type Destination struct {
	URL *url.URL // must not be changed
	Use Use
	// Address is the replica's, where it is one of several that the URL's name
	// has; the zero Addr: it is looked up when a connection is opened. Whatever it
	// is, a TLS server has to prove that it bears the name.
	Address netip.Addr
	// Protocol is what is spoken over them; empty means schema.AutoProtocol.
	Protocol schema.Protocol
	TLS      *TLS // nil: nothing is said about it
	MaxConns int  // bounds the connections; 0: no bound
}

// PoolOptions say how a Pool reaches replicas.
type PoolOptions struct {
	// Transport makes the connections of one replica. It is called once for
	// each replica, when the first request is sent to it; it must not block.
	// Nil means NewTransport with OptionsFor it.
	Transport func(to Destination) Transport
	// MirrorConns bounds the connections of a mirror to one replica: as many as copies
	// are sent to a mirror at a time, for a copy that waits for one spends its time on
	// that. DefaultMirrorConns when it is less.
	MirrorConns int
	// ConnectFailed reports whether an error of such a Transport says that no
	// connection could be made. Nil means the function of that name.
	ConnectFailed func(err error) bool
	// Lookup resolves the names of versions that say so. Nil means Go's resolver,
	// which reads /etc/hosts and /etc/resolv.conf and asks for IPv4 and IPv6.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Changed is told what becomes of replicas. It must not block, nor call the
	// pool. Nil: nobody is told.
	Changed func(c Change)
}

// Pool holds the running replicas. It outlives snapshots: what two snapshots
// bind with the same URL, protocol, TLS and use is the same replica, with the same connections
// and the same counts, also of failures. It starts no goroutines but in Run. It is
// safe for concurrent use.
type Pool struct {
	options   PoolOptions
	checking  *schedule
	resolving *schedule

	mu       sync.Mutex
	replicas map[replicaKey]*Replica
	checks   map[checkKey]*check
	rosters  map[rosterKey]*roster
	gates    map[gateKey]*gate
	known    map[string][]netip.Addr // by host, as some roster has resolved it last
	untidy   bool                    // some replica may be retired and not forgotten yet, or some check be needed no more

	ejecting sync.Mutex // held to count failures and to eject for them
	ejected  atomic.Uint64
	panicked atomic.Uint64
}

// replicaKey is the identity by which a replica is found again.
type replicaKey struct {
	url      string
	use      Use
	protocol schema.Protocol // see spoken
	tls      string          // see TLS.identity
	address  netip.Addr
	named    bool // it stands for a name until that is resolved
}

// spoken is the protocol by which a replica is found again: what auto amounts to
// is the same as if it were written.
func spoken(p schema.Protocol, u *url.URL) schema.Protocol {
	switch {
	case p != "" && p != schema.AutoProtocol:
		return p
	case u.Scheme == "http":
		return schema.HTTP1
	}
	return schema.AutoProtocol
}

// NewPool makes an empty pool.
func NewPool(o PoolOptions) *Pool {
	if o.Transport == nil {
		o.Transport = defaultTransport
	}
	o.MirrorConns = max(o.MirrorConns, DefaultMirrorConns)
	if o.ConnectFailed == nil {
		o.ConnectFailed = ConnectFailed
	}
	if o.Lookup == nil {
		resolver := &net.Resolver{PreferGo: true}
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return resolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return &Pool{
		options:   o,
		checking:  newSchedule(maxChecks),
		resolving: newSchedule(maxLookups),
		replicas:  make(map[replicaKey]*Replica),
		checks:    make(map[checkKey]*check),
		rosters:   make(map[rosterKey]*roster),
		gates:     make(map[gateKey]*gate),
		known:     make(map[string][]netip.Addr),
	}
}

// Run makes the health checks and look-ups that versions ask for, a bounded
// number at a time, until ctx ends; then it waits for those in progress and
// returns nil. Without it replicas are up as far as requests tell, and names are
// resolved when a connection is opened. It must not run twice at once.
func (p *Pool) Run(ctx context.Context) error {
	var checks sync.WaitGroup
	checks.Go(func() { p.checking.run(ctx) })
	p.resolving.run(ctx)
	checks.Wait()
	return nil
}

// Bind returns the replicas of v for one use. A replica that the pool holds
// already is found again by its URL, protocol, TLS and use, and one that is draining is taken
// back into service; the others are new. A replica that several versions name is
// checked and ejected as the version says that was bound last. Bind opens no
// connection and does not block.
//
// What is bound stays in the pool until a Retain does not name it. A snapshot is
// therefore bound and retained by one goroutine at a time: a Retain of another
// snapshot in between would retire what has just been bound.
func (p *Pool) Bind(v *Version, use Use) *Group {
	g := &Group{version: v, use: use, hashes: v.Serving.Balance == schema.Hash, turns: v.Serving.Balance == schema.RoundRobin}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit(g)
	if v.Serving.Resolve != nil {
		p.enroll(g, use)
		return g
	}
	g.replicas = make([]*Replica, 0, len(v.URLs))
	for _, u := range v.URLs {
		r := p.replica(v, u, replicaKey{use: use})
		// A URL that is written twice would be drawn twice as often.
		if !slices.Contains(g.replicas, r) {
			g.replicas = append(g.replicas, r)
		}
	}
	for _, r := range g.replicas { // requests meet the group by them, so it is complete by now
		p.instruct(r, v, g)
	}
	return g
}

// instruct tells a replica what its version says about it. The pool is locked.
func (p *Pool) instruct(r *Replica, v *Version, g *Group) {
	p.attend(r, v)
	p.supervise(r, v, g)
	if g.gate != nil {
		r.serves(&g.gate.queue)
	}
}

// replica finds or makes a replica of a version, whose use and address the key has.
// The pool is locked.
func (p *Pool) replica(v *Version, u *url.URL, key replicaKey) *Replica {
	key.url, key.protocol, key.tls = u.String(), spoken(v.Serving.Protocol, u), v.TLS.identity()
	r := p.replicas[key]
	if r == nil {
		r = newReplica(key, u, v.TLS, p)
		p.replicas[key] = r
	}
	r.retired.Store(false)
	return r
}

// Retain retires every replica that is in no group of keep, which is what the
// current snapshot calls. A retired replica gets no new requests, other than
// those of the snapshots that still hold a group with it; what is in flight
// finishes, and its connections close as they become idle. It is forgotten when
// nothing is in flight any more; bound again before that, it goes on as the same
// replica, and afterwards as a new one.
func (p *Pool) Retain(keep []*Group) {
	for _, r := range p.sweep(keep) {
		r.closeIdle()
	}
}

// few is how many groups are compared with others one by one.
const few = 100

// Replaced reports whether a Retain is not needed after groups were exchanged in
// what the current snapshot calls: for each group that left one joined with the
// same version and replicas, and nothing drains or waits to be tidied up.
func (p *Pool) Replaced(left, joined []*Group) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.untidy && len(left) <= few && !slices.ContainsFunc(left, func(old *Group) bool {
		return !slices.ContainsFunc(joined, func(g *Group) bool {
			return g.version == old.version && g.roster == old.roster && g.gate == old.gate && slices.Equal(g.replicas, old.replicas)
		})
	})
}

// Close retires all replicas: idle connections are closed now, those in use when
// their requests are done. It does not wait for requests in flight, because
// their deadlines belong to the callers.
func (p *Pool) Close() { p.Retain(nil) }

// Len is the number of replicas in the pool, with those that are draining.
func (p *Pool) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.replicas)
}

// sweep marks what is not kept as retired, forgets what of it has drained, and
// returns what has connections to close: closing happens outside of the lock,
// since a TLS connection says goodbye over the network.
func (p *Pool) sweep(keep []*Group) []*Replica {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dismiss(keep)
	gone := p.forgetGates(keep)
	kept := make(map[*Replica]struct{}, len(keep))
	for _, g := range keep {
		for _, r := range g.Replicas() {
			kept[r] = struct{}{}
		}
	}
	var retired []*Replica
	for _, r := range p.replicas {
		r.leaves(gone)
		if _, ok := kept[r]; !ok {
			r.retired.Store(true)
			retired = append(retired, r)
		}
	}
	p.forget()
	p.uncheck()
	return retired
}

// forget forgets the retired replicas that have drained. The pool is locked.
func (p *Pool) forget() {
	p.untidy = false
	for key, r := range p.replicas {
		switch {
		case !r.retired.Load():
		case r.inFlight.Load() == 0:
			delete(p.replicas, key)
			r.leaveCheck()
		default:
			p.untidy = true
		}
	}
}
