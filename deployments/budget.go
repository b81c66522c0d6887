package deployments

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	budgetWindow = 10 * time.Second
	// spareRetries may be made within a window whatever the share is: where there are
	// few requests, a share of them would be none.
	spareRetries = 3
)

// budget keeps retries to a share of a version's requests, so that they cannot
// multiply what an overloaded deployment has to bear.
type budget struct {
	made, denied atomic.Uint64

	mu     sync.Mutex
	since  time.Time // the zero of the window's clock
	recent window    // requests, retries
}

func (b *budget) at() time.Duration {
	now := time.Now()
	if b.since.IsZero() {
		b.since = now
	}
	return now.Sub(b.since)
}

// CountRequest tells the budget of a version with retries of a request.
func (g *Group) CountRequest() {
	if g.retries == nil {
		return
	}
	b := &g.gate.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recent.add(b.at(), budgetWindow, 1, 0)
}

// TryRetry reports whether another attempt of a request may be made as far as the
// version's budget goes, and takes it from that.
func (g *Group) TryRetry() bool {
	if g.retries == nil {
		return false
	}
	b := &g.gate.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.at()
	requests, retries := b.recent.sums(at)
	if retries >= spareRetries && float64(retries+1) > g.retries.Budget*float64(requests) {
		b.denied.Add(1)
		return false
	}
	b.recent.add(at, budgetWindow, 0, 1)
	b.made.Add(1)
	return true
}

// Refusing reports whether the version's breaker refuses requests at the moment.
func (g *Group) Refusing() bool { return g.breaker != nil && g.gate.breaker.isOpen() }
