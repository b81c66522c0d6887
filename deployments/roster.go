package deployments

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxLookups    = 16              // at a time
	lookupTimeout = 5 * time.Second // of one name
	maxAddresses  = 1024            // of one name; more are left out
)

// roster is who the replicas of a version are, for one use, where each address
// of a name is one. It stays as it is when a swap keeps it.
type roster struct {
	job
	pool    *Pool
	use     Use
	urls    []*url.URL
	version atomic.Pointer[Version] // that was bound last
	group   atomic.Pointer[Group]
	current atomic.Pointer[[]*Replica]

	lines   []*line                 // of all versions that have these replicas; guarded by pool.mu
	known   map[string][]netip.Addr // by host, as resolved last; guarded by pool.mu
	failing map[string]bool         // hosts whose last look-up failed; touched by one run after the other
}

// errNoAddress is what a look-up without an address comes to.
var errNoAddress = errors.New("the name has no address")

// rosterKey is the identity by which a roster is found again.
type rosterKey struct {
	urls string
	use  Use
}

// enroll finds or makes the roster of a group. Until a name is resolved the first
// time, its URL is one replica, that any of its addresses answers. The pool is locked.
func (p *Pool) enroll(g *Group, use Use) {
	v := g.version
	var key strings.Builder
	key.WriteString(v.TLS.identity() + "\n")
	for _, u := range v.URLs {
		key.WriteString(string(spoken(v.Serving.Protocol, u)) + " " + u.String() + "\n")
	}
	at := rosterKey{urls: key.String(), use: use}
	s := p.rosters[at]
	if s == nil {
		s = &roster{pool: p, use: use, urls: v.URLs, known: p.knownOf(v.URLs), failing: map[string]bool{}}
		s.run = s.refresh
		replicas := []*Replica{}
		s.current.Store(&replicas)
		p.rosters[at] = s
		defer p.resolving.add(&s.job)
	}
	s.version.Store(v)
	s.group.Store(g)
	p.resolving.pace(&s.job, v.Serving.Resolve.Interval)
	if g.gate != nil && !slices.Contains(s.lines, &g.gate.queue) {
		s.lines = append(s.lines, &g.gate.queue)
	}
	g.roster = s
	s.compose()
}

// compose finds or makes the replicas of all addresses that are known, and
// returns those that are not among them any more. The pool is locked.
func (s *roster) compose() (joined, left []*Replica) {
	v, before := s.version.Load(), *s.current.Load()
	now := make([]*Replica, 0, len(before)+1)
	for _, u := range s.urls {
		addresses := s.addresses(u)
		for _, a := range addresses {
			r := s.pool.replica(v, u, replicaKey{use: s.use, address: a, named: !a.IsValid()})
			s.pool.instruct(r, v, s.group.Load())
			for _, q := range s.lines {
				r.serves(q)
			}
			if !slices.Contains(now, r) {
				now = append(now, r)
			}
		}
	}
	for _, r := range now {
		if !slices.Contains(before, r) {
			joined = append(joined, r)
		}
	}
	for _, r := range before {
		if !slices.Contains(now, r) {
			left = append(left, r)
		}
	}
	if len(joined)+len(left) > 0 {
		s.current.Store(&now)
	}
	return joined, left
}

// addresses are those of a URL's host; the zero Addr stands for a name that is
// not resolved yet, and for what is an address already.
func (s *roster) addresses(u *url.URL) []netip.Addr {
	if known := s.known[u.Hostname()]; len(known) > 0 {
		return known
	}
	return []netip.Addr{{}}
}

// refresh looks the names up and replaces the replicas, if they differ. A name
// that cannot be resolved keeps the addresses that it had.
func (s *roster) refresh(ctx context.Context) {
	found := map[string][]netip.Addr{}
	for _, u := range s.urls {
		host := u.Hostname()
		if _, err := netip.ParseAddr(host); err == nil || found[host] != nil {
			continue
		}
		addresses, err := s.lookup(ctx, host)
		if ctx.Err() != nil {
			return
		}
		s.report(host, err)
		if err == nil {
			found[host] = addresses
		}
	}
	s.replace(found)
}

func (s *roster) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	all, err := s.pool.options.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	return preferred(all)
}

// preferred is the addresses of one family, without doubles, in order: a machine
// with one of each would be two replicas. IPv4 is preferred because a gateway
// without IPv6 is more common than one without IPv4.
func preferred(all []netip.Addr) ([]netip.Addr, error) {
	var v4, v6 []netip.Addr
	for _, a := range all {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	if len(v4) == 0 {
		v4 = v6
	}
	if len(v4) == 0 {
		return nil, errNoAddress
	}
	slices.SortFunc(v4, netip.Addr.Compare)
	v4 = slices.Compact(v4)
	return v4[:min(len(v4), maxAddresses)], nil
}

// report tells when a name cannot be resolved any more, and when it can again.
func (s *roster) report(host string, err error) {
	switch failing := s.failing[host]; {
	case err != nil && !failing:
		s.failing[host] = true
		s.pool.tell(Change{Kind: LookupFailed, Replica: host, Use: s.use, Reason: err.Error()})
	case err == nil && failing:
		delete(s.failing, host)
		s.pool.tell(Change{Kind: LookupWorks, Replica: host, Use: s.use})
	}
}

// replace puts the replicas of the addresses found in place. Those that nobody
// names any more drain.
func (s *roster) replace(found map[string][]netip.Addr) {
	p := s.pool
	p.mu.Lock()
	if s.gone.Load() {
		p.mu.Unlock()
		return
	}
	maps.Copy(s.known, found)
	maps.Copy(p.known, found)
	joined, left := s.compose()
	left = slices.DeleteFunc(left, p.rostered)
	for _, r := range left {
		r.retired.Store(true)
	}
	if len(left) > 0 {
		p.forget()
		p.uncheck()
	}
	p.mu.Unlock()
	for _, r := range left {
		r.closeIdle()
		if r.address.IsValid() { // not what stood for the name until now
			p.tell(Change{Kind: Left, Replica: r.label, Use: r.use})
		}
	}
	for _, r := range joined {
		p.tell(Change{Kind: Joined, Replica: r.label, Use: r.use})
	}
}

// knownOf is which addresses of the URLs' names are known already: of a version that is
// called at another URL as well since its last revision, or in another use. The pool is
// locked.
func (p *Pool) knownOf(urls []*url.URL) map[string][]netip.Addr {
	known := map[string][]netip.Addr{}
	for _, u := range urls {
		if all, ok := p.known[u.Hostname()]; ok {
			known[u.Hostname()] = all
		}
	}
	return known
}

// unknow forgets the addresses of names that no roster has. The pool is locked.
func (p *Pool) unknow() {
	named := make(map[string]bool, len(p.known))
	for _, s := range p.rosters {
		for _, u := range s.urls {
			named[u.Hostname()] = true
		}
	}
	maps.DeleteFunc(p.known, func(host string, _ []netip.Addr) bool { return !named[host] })
}

// rostered reports whether some roster holds a replica. The pool is locked.
func (p *Pool) rostered(r *Replica) bool {
	for _, s := range p.rosters {
		if slices.Contains(*s.current.Load(), r) {
			return true
		}
	}
	return false
}

// dismiss ends the rosters that no group of keep has. The pool is locked.
func (p *Pool) dismiss(keep []*Group) {
	if len(p.rosters) == 0 {
		return
	}
	kept := make(map[*roster]bool, len(p.rosters))
	for _, g := range keep {
		kept[g.roster] = true
	}
	ended := false
	for key, s := range p.rosters {
		if !kept[s] {
			s.gone.Store(true)
			delete(p.rosters, key)
			ended = true
		}
	}
	if ended {
		p.unknow()
	}
}
