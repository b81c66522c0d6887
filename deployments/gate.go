package deployments

import (
	"context"
	"errors"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Why Take gives no replica.
var (
	ErrNoReplica    = errors.New("no replica of the deployment is up")
	ErrQueueFull    = errors.New("as many requests wait for the deployment as may")
	ErrQueueTimeout = errors.New("the request has waited for the deployment as long as it may")
)

// gate is what the live requests of a version pass before a replica is chosen. It
// outlives snapshots, and so does what it counts; the numbers to keep to are those
// of the group by which a request comes, but for how many each replica works on at a
// time: that is the replicas' own, and as the group says that was bound last.
type gate struct {
	queue   line
	breaker breaker
	budget  budget
}

// gateKey is the identity by which a gate is found again.
type gateKey struct {
	branch, name string
	number       int
}

// GateState is what a version's limits have come to.
type GateState struct {
	Waiting  int    // requests that wait for a replica
	Full     uint64 // requests that were refused because too many waited
	TimedOut uint64 // requests that waited for too long

	BreakerOpen    bool   // requests are refused at the moment, or tried one by one
	BreakerOpened  uint64 // how often the breaker has opened
	BreakerRefused uint64 // requests that it refused

	Retries       uint64 // attempts that were made again
	RetriesDenied uint64 // and that the budget did not allow
}

// Gate tells of the limits of the version, false if it has none.
func (g *Group) Gate() (GateState, bool) {
	if g.gate == nil {
		return GateState{}, false
	}
	q, b, r := &g.gate.queue, &g.gate.breaker, &g.gate.budget
	return GateState{
		Waiting: int(q.length.Load()), Full: q.full.Load(), TimedOut: q.late.Load(),
		BreakerOpen: g.breaker != nil && b.tripped.Load(), BreakerOpened: b.opened.Load(), BreakerRefused: b.refused.Load(),
		Retries: r.made.Load(), RetriesDenied: r.denied.Load(),
	}, true
}

// Take is PickFor, or PickExcept where replicas have been tried, for a version
// that may be limited: where each replica works on as many requests as it may, it
// waits for its turn, until ctx ends at the latest. What it returns is to be
// released as by Pick. It does not allocate where nothing waits.
func (g *Group) Take(ctx context.Context, subject string, tried ...*Replica) (*Replica, error) {
	if c := g.capacity; c != nil {
		return g.gate.queue.take(ctx, g, subject, tried)
	}
	var r *Replica
	if len(tried) == 0 {
		r = g.PickFor(subject)
	} else {
		r = g.PickExcept(subject, tried...)
	}
	if r == nil {
		return nil, ErrNoReplica
	}
	return r, nil
}

// limit finds or makes the gate of a group of live requests that has limits; a
// mirror has workers and a queue of its own. The pool is locked.
func (p *Pool) limit(g *Group) {
	v := g.version
	if !g.Live() || !limited(v) {
		return
	}
	at := gateKey{v.Branch, v.Name, v.Number}
	if p.gates[at] == nil {
		p.gates[at] = &gate{}
	}
	l := &v.Serving.Limits
	g.gate, g.capacity, g.breaker, g.retries = p.gates[at], l.Capacity, l.Breaker, l.Retries
	g.gate.queue.bound(l.Capacity)
}

func limited(v *Version) bool {
	l := &v.Serving.Limits
	return l.Capacity != nil || l.Breaker != nil || l.Retries != nil
}

// forgetGates forgets those that no group of keep has. It returns which queues need not
// be told any more that a replica has room: those of no gate, unless somebody of an
// earlier snapshot still waits there. The pool is locked.
func (p *Pool) forgetGates(keep []*Group) (gone func(*line) bool) {
	kept := make(map[*line]bool, len(p.gates))
	for _, g := range keep {
		if g.gate != nil {
			kept[&g.gate.queue] = true
		}
	}
	for key, gt := range p.gates {
		if !kept[&gt.queue] {
			delete(p.gates, key)
		}
	}
	gone = func(q *line) bool { return !kept[q] && q.length.Load() == 0 }
	for _, s := range p.rosters {
		s.lines = slices.DeleteFunc(s.lines, gone)
	}
	return gone
}

// within chooses a replica that works on fewer requests than it may. busy tells,
// where there is none, that one may get free; otherwise there is nothing to call.
func (g *Group) within(most int, subject string, tried []*Replica) (r *Replica, busy bool) {
	room := func(r *Replica) bool { return r.InFlight() < most }
	if len(tried) == 0 {
		if r := g.comingBack(subject); r != nil {
			return counted(r), false
		}
	}
	if r, busy := g.among(subject, tried, (*Replica).Up, room); r != nil || busy {
		return counted(r), busy
	}
	r, busy = g.among(subject, tried, (*Replica).reachable, room)
	switch {
	case r != nil:
		g.panicking()
	case !busy:
		r = g.refusing(tried)
	}
	return counted(r), busy
}

// comingBack is a replica that is to be tried again.
func (g *Group) comingBack(subject string) *Replica {
	if g.hashes && subject != "" {
		return returning(g.Replicas(), xxhash.Sum64String(subject))
	}
	return g.overdue()
}

// among chooses a fit replica that has room, by the way in which the group
// balances. busy tells that there are fit ones, and none has.
func (g *Group) among(subject string, tried []*Replica, fit, room func(*Replica) bool) (r *Replica, busy bool) {
	both := func(r *Replica) bool { return fit(r) && room(r) }
	switch {
	case g.hashes && subject != "":
		r = g.ownOf(subject, tried, both)
	case g.turns:
		r = g.turnOf(tried, both)
	default:
		r = g.idlest(tried, both)
	}
	if r != nil {
		return r, false
	}
	for r := range around(g.Replicas(), tried) {
		if fit(r) {
			return nil, true
		}
	}
	return nil, false
}

// turnOf is the next replica in turn that is fit.
func (g *Group) turnOf(tried []*Replica, fit func(*Replica) bool) *Replica {
	replicas := g.Replicas()
	n := len(replicas)
	if n == 0 {
		return nil
	}
	from := int(g.turn.Add(1) - 1)
	for i := range n {
		if r := replicas[(from+i)%n]; fit(r) && !slices.Contains(tried, r) {
			return r
		}
	}
	return nil
}
