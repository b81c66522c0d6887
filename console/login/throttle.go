package login

import (
	"sync"
	"time"
)

// throttle makes those wait who fail often.
type throttle struct {
	mu    sync.Mutex
	fails map[string]failing
}

// failing is how often in a row somebody failed, and until when he has to wait.
type failing struct {
	count int
	until time.Time
}

const (
	freeFails    = 5                // before there is any waiting
	longestWait  = time.Minute      // else others could lock a user out
	forgetAfter  = 15 * time.Minute // without a failure
	mostWatched  = 10_000           // names and addresses
	doublingFrom = time.Second
)

func newThrottle() *throttle { return &throttle{fails: map[string]failing{}} }

// wait is how long somebody has to wait who goes by these keys.
func (t *throttle) wait(keys []string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	longest := time.Duration(0)
	for _, k := range keys {
		longest = max(longest, t.fails[k].until.Sub(now))
	}
	return longest
}

func (t *throttle) failed(keys []string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		f := t.fails[k]
		if now.Sub(f.until) > forgetAfter {
			f = failing{}
		}
		f.count++
		f.until = now
		if over := f.count - freeFails; over >= 0 {
			f.until = now.Add(min(longestWait, doublingFrom<<min(over, 10)))
		}
		if len(t.fails) >= mostWatched {
			t.sweep(now)
		}
		if len(t.fails) < mostWatched {
			t.fails[k] = f
		}
	}
}

// sweep drops those that need not wait any more.
func (t *throttle) sweep(now time.Time) {
	for k, f := range t.fails {
		if now.After(f.until) {
			delete(t.fails, k)
		}
	}
}

func (t *throttle) forget(keys []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		delete(t.fails, k)
	}
}
