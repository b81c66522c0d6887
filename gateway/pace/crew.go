package pace

import (
	"sync"
	"time"
)

// Options set a Crew up. What is zero gets its default.
type Options struct {
	// Work works on all pieces that are queued, and returns when it has seen none. It is
	// called by as many goroutines as there are Workers.
	Work    func()
	Workers int           // at a time; 1
	Rest    time.Duration // for which pieces may wait for others; 5 ms
	Batch   int           // pieces that wait no longer; 64
}

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = 1
	}
	if o.Rest <= 0 {
		o.Rest = 5 * time.Millisecond
	}
	if o.Batch <= 0 {
		o.Batch = 64
	}
	return o
}

// Crew is workers that come when they are called, and go when there was nothing to do
// for a while. It is safe for concurrent use.
type Crew struct {
	opts  Options
	hurry chan struct{} // capacity 1; full means that a batch waits already

	mu      sync.Mutex
	calls   int64 // ever
	waiting int   // calls since a worker last looked
	running int   // workers
	resting int   // of these
	workers sync.WaitGroup
}

// NewCrew makes a crew. It starts nothing.
func NewCrew(o Options) *Crew {
	return &Crew{opts: o.withDefaults(), hurry: make(chan struct{}, 1)}
}

// Call says that a piece has been queued.
func (c *Crew) Call() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.waiting++
	switch {
	case c.running == 0:
		c.start(c.work)
	case c.resting == 0 && c.running < c.opts.Workers: // who is there is busy, and may be for long
		c.start(c.stand)
	case c.waiting >= c.opts.Batch:
		select {
		case c.hurry <- struct{}{}:
		default:
		}
	}
}

func (c *Crew) start(worker func()) {
	c.running++
	c.workers.Go(worker)
}

// work is a worker that looks at once.
func (c *Crew) work() {
	seen := c.look()
	c.watch(seen)
}

// stand is a worker that rests first.
func (c *Crew) stand() { c.watch(-1) }

// watch rests and looks by turns, until nobody has called during a rest. seen is how
// many calls there were when the worker last looked.
func (c *Crew) watch(seen int64) {
	rest := time.NewTimer(c.opts.Rest)
	defer rest.Stop()
	for c.rest(rest, seen) {
		seen = c.look()
		rest.Reset(c.opts.Rest)
	}
}

// rest reports whether there is a reason to look again. If not, the worker has gone.
func (c *Crew) rest(end *time.Timer, seen int64) bool {
	c.mu.Lock()
	c.resting++
	c.mu.Unlock()
	select {
	case <-end.C:
	case <-c.hurry:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting--
	if c.calls == seen {
		c.running--
	}
	return c.calls != seen
}

// look works, and tells how many calls there were before.
func (c *Crew) look() int64 {
	c.mu.Lock()
	seen := c.calls
	c.waiting = 0
	c.mu.Unlock()
	c.opts.Work()
	return seen
}

// Wait waits until all that was called for is done. Nobody may call meanwhile.
func (c *Crew) Wait() { c.workers.Wait() }
