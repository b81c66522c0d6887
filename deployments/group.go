package deployments

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Group is the replicas of one version for one use, with the choice among them.
// It is safe for concurrent use. Its replicas stay the same, unless the version
// says that each address of a name is one.
type Group struct {
	version  *Version
	use      Use
	replicas []*Replica
	roster   *roster // who the replicas are at the moment; nil: always the above

	hashes, turns bool // how it balances, if not by least requests

	gate     *gate            // nil: the version has no limits
	capacity *schema.Capacity // nil: any number of requests at a time
	breaker  *schema.Breaker  // nil: none
	retries  *schema.Retries  // nil: none

	turn     atomic.Uint32 // of round robin
	panicked atomic.Int64  // when it was last told that no replica is up
}

// Live reports whether the group is for live requests.
func (g *Group) Live() bool { return g.use == (Use{}) }

// Version is what the group was bound from.
func (g *Group) Version() *Version { return g.version }

// Replicas lists the group's replicas, in the order of the file and of their
// addresses; it must not be changed.
func (g *Group) Replicas() []*Replica {
	if g.roster != nil {
		return *g.roster.current.Load()
	}
	return g.replicas
}

// Pick is PickFor a request without a subject.
func (g *Group) Pick() *Replica { return g.PickFor("") }

// PickFor chooses a replica for a request of the subject, which may be empty, and
// counts the request in flight on it until Release is called, exactly once. It
// takes no lock and does not allocate.
//
// By default it takes of two replicas drawn at random the one with fewer requests
// in flight. With schema.RoundRobin the replicas take turns. With schema.Hash each
// subject has a replica of its own; where that one has more than its share of the
// requests in flight (see own), or is not up, it is the subject's next one.
//
// A replica is up unless its health checks say otherwise, it is ejected for its
// failures, or it could not be connected to. The latter is left aside for a growing
// time, 1 s to 10 s, after which one request at a time tries it again.
//
// When no replica is up, those are chosen all the same that can be connected to as
// far as is known: a check or a count of failures must not turn a bad answer into
// none. Where there is none of these either, those that refuse connections are
// chosen: asking costs nothing, and a server that restarts serves from its first
// moment. Those that cost a timeout are each tried by one request at a time, a
// second after the last one failed. For all other requests PickFor returns nil,
// without delay: there is nothing to call.
func (g *Group) PickFor(subject string) *Replica {
	if g.hashes && subject != "" {
		return counted(g.pickOwn(subject, nil))
	}
	if r := g.next(); r != nil {
		return counted(r)
	}
	if r := g.overdue(); r != nil {
		return counted(r)
	}
	return counted(g.search(nil))
}

// PickExcept is PickFor among the replicas that the caller has not tried yet, for
// another attempt after a failed one; nil when there is none. A request that has
// failed once is not used to try out a replica that is down while others are up.
func (g *Group) PickExcept(subject string, tried ...*Replica) *Replica {
	if g.hashes && subject != "" {
		return counted(g.pickOwn(subject, tried))
	}
	return counted(g.search(tried))
}

func counted(r *Replica) *Replica {
	if r != nil {
		r.inFlight.Add(1)
	}
	return r
}

// next is the usual case: the replica whose turn it is or that was drawn, nil if
// it is not up.
func (g *Group) next() *Replica {
	replicas := g.Replicas()
	switch n := len(replicas); {
	case n == 0:
		return nil
	case n == 1:
		return up(replicas[0])
	case g.turns:
		return up(replicas[int(g.turn.Add(1)-1)%n])
	}
	return draw(replicas)
}

// draw is the better of two random replicas, nil if one of them is not up.
func draw(replicas []*Replica) *Replica {
	n := len(replicas)
	i, j := rand.IntN(n), rand.IntN(n-1)
	if j >= i {
		j++
	}
	a, b := up(replicas[i]), up(replicas[j])
	if a == nil || b == nil {
		return nil
	}
	if b.inFlight.Load() < a.inFlight.Load() {
		return b
	}
	return a
}

func up(r *Replica) *Replica {
	if !r.Up() {
		return nil
	}
	return r
}

// overdue is a replica whose time aside is over, for one request to try it.
func (g *Group) overdue() *Replica {
	for r := range around(g.Replicas(), nil) {
		if r.retriable() {
			return r
		}
	}
	return nil
}

// search looks at all replicas but those tried: for the one that is up and has
// the fewest requests in flight, or else one that may be asked although it is
// not.
func (g *Group) search(tried []*Replica) *Replica {
	if r := g.idlest(tried, (*Replica).Up); r != nil {
		return r
	}
	if r := g.idlest(tried, (*Replica).reachable); r != nil {
		g.panicking()
		return r
	}
	return g.refusing(tried)
}

// idlest is the fit replica with the fewest requests in flight.
func (g *Group) idlest(tried []*Replica, fit func(*Replica) bool) *Replica {
	var best *Replica
	for r := range around(g.Replicas(), tried) {
		if fit(r) && (best == nil || r.inFlight.Load() < best.inFlight.Load()) {
			best = r
		}
	}
	return best
}

// refusing is a replica that cannot be connected to and is asked all the same.
func (g *Group) refusing(tried []*Replica) *Replica {
	for r := range around(g.Replicas(), tried) {
		if r.health.instant.Load() || r.health.claim(minAside) {
			return r
		}
	}
	return nil
}

// around goes once round the replicas but those tried, from a random one on.
func around(replicas, tried []*Replica) func(yield func(*Replica) bool) {
	return func(yield func(*Replica) bool) {
		n := len(replicas)
		if n == 0 {
			return
		}
		start := rand.IntN(n)
		for i := range n {
			r := replicas[(start+i)%n]
			if !slices.Contains(tried, r) && !yield(r) {
				return
			}
		}
	}
}
