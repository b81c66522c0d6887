package deployments

import (
	linked "container/list"
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// lookEvery is how often the first who waits looks for a replica that has come
// back, of which nobody tells the queue. Releases do tell it.
const lookEvery = 100 * time.Millisecond

// line is the requests that wait for a replica of one version that works on fewer
// than it may: the first come is the first served. One queue for all replicas,
// instead of one for each, because nobody can tell beforehand which replica will
// have room first.
//
// A commit may give a version other replicas while requests wait. Those go on waiting
// for the replicas of their own revision, and nobody who may have another one stands
// behind them for it.
type line struct {
	length atomic.Int64 // of waiting, and those that are about to join
	full   atomic.Uint64
	late   atomic.Uint64
	most   atomic.Int64 // requests that each replica works on, as the version says now

	mu      sync.Mutex
	waiting linked.List // of *waiter
	lanes   []*lane     // of those: one, but for a while after such a commit
}

// lane is those of a line that wait for the same replicas. Where one of them finds all
// busy, so do the others.
type lane struct {
	group   *Group // of one of them
	waiting int
	busy    bool // while the line is served: nothing is to be had for them
}

// waiter is one request that waits.
type waiter struct {
	lane    *lane
	group   *Group
	subject string
	tried   []*Replica
	given   chan *Replica // of capacity 1, sent to once: a replica, or nil if there is nothing to call
}

// take gives a replica, at once or after a wait.
func (q *line) take(ctx context.Context, g *Group, subject string, tried []*Replica) (*Replica, error) {
	c := g.capacity
	// Whoever releases a replica looks at the length after it has counted the request
	// out, so that of the two at least one sees the other.
	q.length.Add(1)
	q.mu.Lock()
	l := q.laneOf(g)
	if l == nil {
		q.serve() // who waits for other replicas, some of which may be the same, came first
		if r, busy := g.within(q.limit(), subject, tried); r != nil || !busy {
			q.mu.Unlock()
			q.length.Add(-1)
			return found(r)
		}
	}
	if l.len() >= c.MaxQueue {
		q.mu.Unlock()
		q.length.Add(-1)
		q.full.Add(1)
		return nil, ErrQueueFull
	}
	at := q.push(l, &waiter{group: g, subject: subject, tried: slices.Clone(tried), given: make(chan *Replica, 1)})
	q.serve()
	q.mu.Unlock()
	return q.await(ctx, at, c)
}

// bound says how many requests each replica works on from now on.
func (q *line) bound(c *schema.Capacity) {
	if c == nil {
		q.most.Store(math.MaxInt)
		return
	}
	q.most.Store(int64(c.MaxConcurrent))
}

func (q *line) limit() int { return int(q.most.Load()) }

// laneOf is the lane of a group, nil if nobody waits there. The queue is locked.
func (q *line) laneOf(g *Group) *lane {
	for _, l := range q.lanes {
		if l.group.roster == g.roster && slices.Equal(l.group.replicas, g.replicas) {
			return l
		}
	}
	return nil
}

func (l *lane) len() int {
	if l == nil {
		return 0
	}
	return l.waiting
}

func found(r *Replica) (*Replica, error) {
	if r == nil {
		return nil, ErrNoReplica
	}
	return r, nil
}

// await waits for what a waiter is given, and takes it off the queue when it
// leaves.
func (q *line) await(ctx context.Context, at *linked.Element, c *schema.Capacity) (*Replica, error) {
	w := at.Value.(*waiter)
	patience, look := time.NewTimer(c.QueueTimeout), time.NewTicker(lookEvery)
	defer patience.Stop()
	defer look.Stop()
	for {
		select {
		case r := <-w.given:
			return found(r)
		case <-look.C:
			q.look(at)
		case <-ctx.Done():
			return q.leave(at, ctx.Err())
		case <-patience.C:
			return q.leave(at, ErrQueueTimeout)
		}
	}
}

// leave takes a waiter off the queue, unless it has been given a replica at the
// same moment.
func (q *line) leave(at *linked.Element, reason error) (*Replica, error) {
	w := at.Value.(*waiter)
	q.mu.Lock()
	select {
	case r := <-w.given:
		q.mu.Unlock()
		return found(r)
	default:
	}
	q.remove(at)
	q.mu.Unlock()
	if reason == ErrQueueTimeout { //nolint:errorlint // this package's own, as it is
		q.late.Add(1)
	}
	return nil, reason
}

// look serves the queue if at is the first of it.
func (q *line) look(at *linked.Element) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting.Front() == at {
		q.serve()
	}
}

// released serves the queue because a request has ended.
func (q *line) released() {
	if q.length.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.serve()
}

// serve gives replicas to those that wait, in their order, until there is none to
// be had. One that has tried all replicas that have room is passed over. The queue
// is locked.
func (q *line) serve() {
	for _, l := range q.lanes {
		l.busy = false
	}
	busy := 0 // lanes
	for at := q.waiting.Front(); at != nil && busy < len(q.lanes); {
		w, next := at.Value.(*waiter), at.Next()
		if !w.lane.busy && !q.give(at) && len(w.tried) == 0 {
			w.lane.busy = true
			busy++
		}
		at = next
	}
}

// give gives a waiter a replica, or the word that there is nothing to call, and reports
// false if it has to wait on. The queue is locked.
func (q *line) give(at *linked.Element) bool {
	w := at.Value.(*waiter)
	r, busy := w.group.within(q.limit(), w.subject, w.tried)
	if r == nil && busy {
		return false
	}
	w.given <- r
	q.remove(at)
	return true
}

// push puts a waiter on the list, in a new lane if l is nil. The queue is locked.
func (q *line) push(l *lane, w *waiter) *linked.Element {
	if l == nil {
		l = &lane{group: w.group}
		q.lanes = append(q.lanes, l)
	}
	l.waiting++
	w.lane = l
	return q.waiting.PushBack(w)
}

// remove takes a waiter off the list. The queue is locked.
func (q *line) remove(at *linked.Element) {
	w := q.waiting.Remove(at).(*waiter)
	q.length.Add(-1)
	if w.lane.waiting--; w.lane.waiting == 0 {
		q.lanes = slices.DeleteFunc(q.lanes, func(l *lane) bool { return l == w.lane })
	}
}
