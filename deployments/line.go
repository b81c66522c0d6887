package deployments

import (
	linked "container/list"
	"context"
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
type line struct {
	length atomic.Int64 // of waiting, and those that are about to join
	full   atomic.Uint64
	late   atomic.Uint64

	mu      sync.Mutex
	waiting linked.List // of *waiter
}

// waiter is one request that waits.
type waiter struct {
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
	if q.waiting.Len() == 0 {
		if r, busy := g.within(c.MaxConcurrent, subject, tried); r != nil || !busy {
			q.mu.Unlock()
			q.length.Add(-1)
			return found(r)
		}
	}
	if q.waiting.Len() >= c.MaxQueue {
		q.mu.Unlock()
		q.length.Add(-1)
		q.full.Add(1)
		return nil, ErrQueueFull
	}
	w := &waiter{group: g, subject: subject, tried: slices.Clone(tried), given: make(chan *Replica, 1)}
	at := q.waiting.PushBack(w)
	q.serve()
	q.mu.Unlock()
	return q.await(ctx, at, c)
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
	for at := q.waiting.Front(); at != nil; {
		w, next := at.Value.(*waiter), at.Next()
		r, busy := w.group.within(w.group.capacity.MaxConcurrent, w.subject, w.tried)
		if r == nil && busy && len(w.tried) == 0 {
			return
		}
		if r != nil || !busy {
			w.given <- r
			q.remove(at)
		}
		at = next
	}
}

// remove takes a waiter off the list. The queue is locked.
func (q *line) remove(at *linked.Element) {
	q.waiting.Remove(at)
	q.length.Add(-1)
}
