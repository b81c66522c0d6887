package mirror

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Queue is one mirror of one endpoint: its slots, workers, breaker and ledger. It
// is safe for concurrent use.
type Queue struct {
	engine     *Engine
	count      func(*record.Record) // nil: nobody counts
	sampledOut atomic.Int64

	mu      sync.Mutex
	work    chan *Copy // capacity Options.Queue, as there are slots: sending never blocks; nil before the first copy
	slots   int        // taken by copies that wait for a worker
	pending int        // copies that are in work, or are about to be
	workers int        // running
	idle    int        // of them, waiting for work
	sending int        // copies that workers have
	breaker breaker
	sent    int64
	dropped map[record.ErrorKind]int64
}

// Counts is the ledger of a mirror. When no copy is on its way, requests offered
// to it = Sent + SampledOut + the sum of Dropped, exactly. The records tell the
// same: those with the outcome dropped are counted by their kind, all others as
// sent.
type Counts struct {
	Sent       int64                      // given to a replica, whatever came of it, unless Drain cut it off
	SampledOut int64                      // not in the sample, as told by SampledOut
	Dropped    map[record.ErrorKind]int64 // by reason; the caller's own
}

func newQueue(e *Engine, count func(*record.Record)) *Queue {
	return &Queue{engine: e, count: count, breaker: breaker{
		threshold: e.opts.BreakerFailures, least: e.opts.BreakerMin, most: e.opts.BreakerMax,
	}}
}

// SampledOut counts a request that is not in the sample. It has no record.
func (q *Queue) SampledOut() { q.sampledOut.Add(1) }

// Drop records and counts a copy that is not even offered, for the reason given:
// record.Loop, Upgrade, Method, Refused or Overload. The template is as for Capture.Offer.
func (q *Queue) Drop(template *record.Record, reason record.ErrorKind) {
	c := q.newCopy(template)
	q.engine.open.Add(1) // also while draining: the record counts
	c.drop(reason)
	c.end()
}

// Counts returns the ledger.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Counts{Sent: q.sent, SampledOut: q.sampledOut.Load(), Dropped: maps.Clone(q.dropped)}
}

// State is what a queue is doing.
type State struct {
	Slots       int  // taken, of Options.Queue
	Sending     int  // copies on their way, of Options.Workers
	BreakerOpen bool // or half open
}

// State returns what the queue is doing.
func (q *Queue) State() State {
	q.mu.Lock()
	defer q.mu.Unlock()
	return State{Slots: q.slots, Sending: q.sending, BreakerOpen: q.breaker.open()}
}

// admit says why a copy would not be sent if its body came at once. It takes no slot:
// streams that are captured for hours must not keep those out who are ready.
func (q *Queue) admit() record.ErrorKind {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case !q.breaker.admits():
		return record.BreakerOpen
	case q.slots >= q.engine.opts.Queue:
		return record.QueueFull
	}
	return record.None
}

// dispatch gives a copy, whose body is complete, to the workers, if there is a slot
// for it.
func (q *Queue) dispatch(c *Copy) bool {
	q.mu.Lock()
	if q.slots >= q.engine.opts.Queue {
		q.mu.Unlock()
		return false
	}
	if q.work == nil {
		q.work = make(chan *Copy, q.engine.opts.Queue)
	}
	q.slots++
	c.place, c.probe = waiting, q.breaker.claim()
	q.pending++
	if q.pending > q.idle && q.workers < q.engine.opts.Workers {
		q.workers++
		q.engine.workers.Go(newWorker(q).work)
	}
	q.mu.Unlock()
	q.work <- c
	return true
}

// next waits for a copy; nil means that the worker is to end.
func (q *Queue) next(patience *time.Timer) *Copy {
	select {
	case c := <-q.work: // no waiting, no timer
		q.take(c, 0)
		return c
	default:
	}
	q.mu.Lock()
	q.idle++
	q.mu.Unlock()
	patience.Reset(q.engine.opts.Idle)
	for {
		select {
		case c := <-q.work:
			q.take(c, 1)
			return c
		case <-patience.C:
			patience.Reset(q.engine.opts.Idle)
		case <-q.engine.stop:
		}
		if q.leave() {
			return nil
		}
	}
}

// take books that a worker has a copy; idle is 1 if it waited for it.
func (q *Queue) take(c *Copy, idle int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idle -= idle
	q.pending--
	q.slots--
	q.sending++
	c.place = sending
}

// leave lets an idle worker go, unless a copy is about to come.
func (q *Queue) leave() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pending > 0 {
		return false
	}
	q.idle--
	q.workers--
	return true
}

// closed reports whether copies that are not the probe are held back.
func (q *Queue) closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.breaker.open()
}

// settle books the end of a copy.
func (q *Queue) settle(c *Copy) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch c.place {
	case nowhere:
	case waiting:
		q.slots--
	case sending:
		q.sending--
	}
	if c.proves {
		q.breaker.settle(time.Now(), c.probe, c.failed)
	} else {
		q.breaker.forget(c.probe)
	}
	if c.Record.Outcome != record.Dropped {
		q.sent++
		return
	}
	if q.dropped == nil {
		q.dropped = make(map[record.ErrorKind]int64)
	}
	q.dropped[c.Record.ErrorKind]++
}
