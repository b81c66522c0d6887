package pair

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/pace"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

// Options are the limits of a Matcher. What is zero gets its default.
type Options struct {
	Budget  int64         // bytes of memory for all answers that wait; 64 MiB
	Wait    time.Duration // of a copy for the end of the live attempt; 1 min
	Queue   int           // pairs that wait to be compared; 4096
	Workers int           // that compare; 2

	// Done gets every copy that was added, exactly once, with its record, and must
	// not keep it, but the Tap's hold is Done's. It may be called by the live
	// request's goroutine: it must not block.
	Done func(*Copy)
	// Panicked, if set, is told of panics while comparing, which are bugs.
	Panicked func(value any, stack []byte)
}

func (o Options) withDefaults() Options {
	if o.Budget <= 0 {
		o.Budget = 64 << 20
	}
	if o.Wait <= 0 {
		o.Wait = time.Minute
	}
	if o.Queue <= 0 {
		o.Queue = 4096
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.Panicked == nil {
		o.Panicked = func(any, []byte) {}
	}
	return o
}

// Matcher compares the answers of all requests. It is safe for concurrent use.
type Matcher struct {
	opts      Options
	budget    *tap.Budget
	queue     chan *Copy // capacity Options.Queue; what finds it full is not compared
	workers   *pace.Crew
	copies    sync.Pool // of *Copy
	comparers sync.Pool // of *compare.Comparer

	open    atomic.Int64  // copies added and not done
	settled chan struct{} // capacity 1; full when open has become 0

	mu       sync.Mutex
	waiting  map[*Meeting]struct{}
	draining bool // nobody waits any more
	stopped  bool // no worker is started any more
}

// NewMatcher returns a matcher. It starts no goroutine; Drain ends those that its
// pairs start.
func NewMatcher(opts Options) *Matcher {
	opts = opts.withDefaults()
	m := &Matcher{
		opts: opts, budget: tap.NewBudget(opts.Budget), queue: make(chan *Copy, opts.Queue),
		settled: make(chan struct{}, 1), waiting: make(map[*Meeting]struct{}),
	}
	m.workers = pace.NewCrew(pace.Options{Work: m.work, Workers: opts.Workers})
	return m
}

// Tap returns a tap for an answer that is to be compared, which keeps these fields
// of its header too. Its hold is the caller's.
func (m *Matcher) Tap(names []string) *tap.Tap { return m.budget.Tap(tap.MaxBody, names) }

// Held is the memory, in bytes, that answers hold.
func (m *Matcher) Held() int64 { return m.budget.Held() }

// enqueue has a pair compared, as soon as there is a worker for it.
func (m *Matcher) enqueue(c *Copy) {
	select {
	case m.queue <- c:
	default:
		m.finish(c, record.TooMany)
		return
	}
	m.mu.Lock()
	stopped := m.stopped
	if !stopped {
		m.workers.Call()
	}
	m.mu.Unlock()
	if stopped {
		m.discard()
	}
}

// discard ends what is in the queue without comparing it.
func (m *Matcher) discard() {
	for {
		select {
		case c := <-m.queue:
			m.finish(c, record.Stopped)
		default:
			return
		}
	}
}

// work compares pairs until there are none.
func (m *Matcher) work() {
	comparer, ok := m.comparers.Get().(*compare.Comparer)
	if !ok {
		comparer = new(compare.Comparer)
	}
	defer m.comparers.Put(comparer)
	for {
		select {
		case c := <-m.queue:
			m.finish(c, m.judge(c, comparer))
		default:
			return
		}
	}
}

// judge compares the answers of a pair, or says why not.
func (m *Matcher) judge(c *Copy, comparer *compare.Comparer) (why record.Unpaired) {
	defer func() {
		if v := recover(); v != nil {
			*comparer = compare.Comparer{}
			m.opts.Panicked(v, debug.Stack())
			why = record.Failed
		}
	}()
	if why := c.failure(); why != "" {
		return why
	}
	live, why := c.live.answer()
	if why != "" {
		return why
	}
	mirror, why := answerOf(c.Record.Status, c.Tap)
	if why != "" {
		return why
	}
	comparer.Compare(c.Rules, live, mirror, c.comparison())
	return ""
}

// finish is the last thing that happens to a copy. What was compared says so
// itself.
func (m *Matcher) finish(c *Copy, why record.Unpaired) {
	defer m.leave()
	defer func() {
		if v := recover(); v != nil {
			m.opts.Panicked(v, debug.Stack())
		}
	}()
	result := c.comparison()
	if why != "" {
		*result = record.Comparison{Unpaired: why}
	}
	result.Noise = c.Noise
	c.live.describe(result)
	c.live.Tap.Release()
	if c.Count != nil {
		c.Count(result)
	}
	m.opts.Done(c)
	*c = Copy{}
	m.copies.Put(c)
}

func (m *Matcher) leave() {
	if m.open.Add(-1) == 0 {
		select {
		case m.settled <- struct{}{}:
		default:
		}
	}
}

// Drain waits until the copies that were added are done, until ctx ends. Then the
// rest are done without being compared, and the error counts them. Copies that
// wait for their live attempt are done at once. Call it when all copies have been
// added; those that are added afterwards are not compared.
func (m *Matcher) Drain(ctx context.Context) error {
	m.mu.Lock()
	m.draining = true
	waiting := m.waiting
	m.waiting = nil
	m.mu.Unlock()
	for meeting := range waiting {
		meeting.dismiss(record.Stopped)
	}
	var err error
	for m.open.Load() > 0 && err == nil {
		select {
		case <-m.settled:
		case <-ctx.Done():
			if left := m.open.Load(); left > 0 {
				err = fmt.Errorf("drain comparisons: %d pairs were not compared: %w", left, context.Cause(ctx))
			}
		}
	}
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	m.discard()
	m.workers.Wait()
	return err
}
