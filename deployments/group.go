package deployments

import (
	"math/rand/v2"
	"slices"
)

// Group is the replicas of one version for one use, with the choice among them.
// It is immutable and safe for concurrent use.
type Group struct {
	version  *Version
	replicas []*Replica
}

// Version is what the group was bound from.
func (g *Group) Version() *Version { return g.version }

// Replicas lists the group's replicas in the order of the file; it must not be
// changed.
func (g *Group) Replicas() []*Replica { return g.replicas }

// Pick chooses a replica and counts a request in flight on it until Release is
// called, exactly once. It neither blocks nor allocates.
//
// Of two replicas drawn at random it takes the one with fewer requests in flight.
// A replica that could not be connected to is left aside for a growing time, 1 s
// to 10 s, after which one request at a time tries it again.
//
// When no replica is up, those that refuse connections are chosen all the same:
// asking costs nothing, and a server that restarts serves from its first moment.
// Those that cost a timeout are each tried by one request at a time, a second
// after the last one failed. For all other requests Pick returns nil, without
// delay: there is nothing to call.
func (g *Group) Pick() *Replica {
	if r := g.draw(); r != nil {
		return counted(r)
	}
	if r := g.overdue(); r != nil {
		return counted(r)
	}
	return counted(g.search(nil))
}

// PickExcept is Pick among the replicas that the caller has not tried yet, for
// another attempt after a failed one; nil when there is none. A request that has
// failed once is not used to try out a replica that is down while others are up.
func (g *Group) PickExcept(tried ...*Replica) *Replica {
	return counted(g.search(tried))
}

func counted(r *Replica) *Replica {
	if r != nil {
		r.inFlight.Add(1)
	}
	return r
}

// draw is the usual case: the better of two random replicas, nil if one of them
// is down.
func (g *Group) draw() *Replica {
	n := len(g.replicas)
	if n == 0 {
		return nil
	}
	if n == 1 {
		return up(g.replicas[0])
	}
	i, j := rand.IntN(n), rand.IntN(n-1)
	if j >= i {
		j++
	}
	a, b := up(g.replicas[i]), up(g.replicas[j])
	if a == nil || b == nil {
		return nil
	}
	if b.inFlight.Load() < a.inFlight.Load() {
		return b
	}
	return a
}

func up(r *Replica) *Replica {
	if r.health.down() {
		return nil
	}
	return r
}

// overdue is a replica whose time aside is over, for one request to try it.
func (g *Group) overdue() *Replica {
	for r := range g.around(nil) {
		if r.health.claim(r.health.aside()) {
			return r
		}
	}
	return nil
}

// search looks at all replicas but those tried: for the one that is up and has
// the fewest requests in flight, or else one that may be asked although it is
// down.
func (g *Group) search(tried []*Replica) *Replica {
	var best *Replica
	for r := range g.around(tried) {
		if up(r) != nil && (best == nil || r.inFlight.Load() < best.inFlight.Load()) {
			best = r
		}
	}
	if best != nil {
		return best
	}
	for r := range g.around(tried) {
		if r.health.instant.Load() || r.health.claim(minAside) {
			return r
		}
	}
	return nil
}

// around goes once round the replicas but those tried, from a random one on.
func (g *Group) around(tried []*Replica) func(yield func(*Replica) bool) {
	return func(yield func(*Replica) bool) {
		n := len(g.replicas)
		if n == 0 {
			return
		}
		start := rand.IntN(n)
		for i := range n {
			r := g.replicas[(start+i)%n]
			if !slices.Contains(tried, r) && !yield(r) {
				return
			}
		}
	}
}
