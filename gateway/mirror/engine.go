package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Options are the limits of an Engine. What is zero gets its default.
type Options struct {
	MaxBody   int64         // bytes of a body that is copied; 1 MiB
	Budget    int64         // bytes of memory for all captured bodies; 64 MiB
	Queue     int           // copies of one mirror that wait to be sent; 256
	Workers   int           // copies of one mirror that are sent at the same time; 16
	Timeout   time.Duration // of one copy, from its sending to the end of its answer, not counting its wait in the queue; 5 s
	MaxAnswer int64         // bytes that are read of an answer before it is closed; 1 MiB
	Idle      time.Duration // after which a worker without work ends; 10 s

	BreakerFailures int           // in a row (connect, timeout, reset, protocol, panic) open a mirror's breaker; 5
	BreakerMin      time.Duration // for so long at first; 1 s
	BreakerMax      time.Duration // and twice as long after each failed probe, up to this; 30 s

	// Done gets every copy that was offered, exactly once, with its record, and
	// must not keep it. The hold of its Tap, if it has one, is Done's. It is called
	// by the live request's goroutine where a copy is dropped on its way to the
	// queue: it must not block. A copy that was dropped by Offer has neither Tap nor
	// Note.
	Done func(*Copy)
	// Panicked, if set, is told of panics in the engine, which are bugs, and in
	// transports. The copy's record has the panic as its error.
	Panicked func(value any, stack []byte)
}

func (o Options) withDefaults() Options {
	o.MaxBody = cmp.Or(max(o.MaxBody, 0), 1<<20)
	o.Budget = cmp.Or(max(o.Budget, 0), 64<<20)
	o.Queue = cmp.Or(max(o.Queue, 0), 256)
	o.Workers = cmp.Or(max(o.Workers, 0), 16)
	o.Timeout = cmp.Or(max(o.Timeout, 0), 5*time.Second)
	o.MaxAnswer = cmp.Or(max(o.MaxAnswer, 0), 1<<20)
	o.Idle = cmp.Or(max(o.Idle, 0), 10*time.Second)
	o.BreakerFailures = cmp.Or(max(o.BreakerFailures, 0), 5)
	o.BreakerMin = cmp.Or(max(o.BreakerMin, 0), time.Second)
	o.BreakerMax = cmp.Or(max(o.BreakerMax, 0), 30*time.Second)
	if o.Done == nil {
		o.Done = func(c *Copy) { c.Tap.Release() }
	}
	if o.Panicked == nil {
		o.Panicked = func(any, []byte) {}
	}
	return o
}

// settleTime is how long Drain waits, after it has cut copies off, until their
// ends are recorded.
const settleTime = 500 * time.Millisecond

// errShutdown is why the contexts of copies end before their time.
var errShutdown = errors.New("the gateway stops")

// Engine copies live requests to mirrors. It is safe for concurrent use.
type Engine struct {
	opts   Options
	memory memory
	base   context.Context // of all copies
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	queues map[queueKey]*Queue

	copies   sync.Pool    // of *Copy
	open     atomic.Int64 // copies admitted and not yet recorded
	draining atomic.Bool
	settled  chan struct{} // capacity 1; full when open has become 0 while draining
	stop     chan struct{} // closed when idle workers are to end
	stopOnce sync.Once
	workers  sync.WaitGroup
}

type queueKey struct{ endpoint, name string }

// NewEngine returns an engine without queues. It starts no goroutine; Drain ends
// those that its copies start.
func NewEngine(opts Options) *Engine {
	e := &Engine{
		opts:    opts.withDefaults(),
		queues:  make(map[queueKey]*Queue),
		settled: make(chan struct{}, 1),
		stop:    make(chan struct{}),
	}
	e.memory.limit = e.opts.Budget
	e.base, e.cancel = context.WithCancelCause(context.Background())
	return e
}

// Queue finds or makes the queue of an endpoint's mirror. count, if it is not nil when
// the queue is made, gets the record of each of its copies before Options.Done gets
// the copy; it is called as that is, and must not block either.
func (e *Engine) Queue(endpoint, name string, count func(*record.Record)) *Queue {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := queueKey{endpoint, name}
	q := e.queues[key]
	if q == nil {
		q = newQueue(e, count)
		e.queues[key] = q
	}
	return q
}

// Forget forgets the queue of an endpoint's mirror. It goes on serving whoever
// still holds it, and is gone when its copies are.
func (e *Engine) Forget(endpoint, name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.queues, queueKey{endpoint, name})
}

// MaxBody is the most bytes that a body may have to be copied.
func (e *Engine) MaxBody() int64 { return e.opts.MaxBody }

// Captured is the memory, in bytes, that captured bodies hold or have reserved.
// It never exceeds Options.Budget.
func (e *Engine) Captured() int64 { return e.memory.held.Load() }

// Drain admits no copy any more and waits for those that were, until ctx ends.
// Then it cuts the rest off, to be recorded as dropped with the reason
// record.Shutdown, and returns within half a second with an error that counts
// them.
func (e *Engine) Drain(ctx context.Context) error {
	e.draining.Store(true)
	defer e.stopIdle()
	if e.await(ctx) {
		e.end()
		return nil
	}
	cut := e.open.Load()
	e.cancel(errShutdown)
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if e.await(settle) {
		e.end()
	}
	return fmt.Errorf("drain mirrors: %d copies were cut off: %w", cut, context.Cause(ctx))
}

// end stops the workers, none of which has anything to do.
func (e *Engine) end() {
	e.cancel(errShutdown)
	e.stopIdle()
	e.workers.Wait()
}

func (e *Engine) stopIdle() { e.stopOnce.Do(func() { close(e.stop) }) }

// admit counts a copy in, unless the engine drains. What was counted in will be
// counted out by leave.
func (e *Engine) admit() bool {
	e.open.Add(1)
	if !e.draining.Load() {
		return true
	}
	e.leave()
	return false
}

func (e *Engine) leave() {
	if e.open.Add(-1) == 0 && e.draining.Load() {
		select {
		case e.settled <- struct{}{}:
		default:
		}
	}
}

// await waits until no copy is open, and reports false when ctx ends first.
func (e *Engine) await(ctx context.Context) bool {
	for e.open.Load() > 0 {
		select {
		case <-e.settled:
		case <-ctx.Done():
			return e.open.Load() == 0
		}
	}
	return true
}
