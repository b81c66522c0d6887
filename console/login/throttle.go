package login

import (
	"net/netip"
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
	freeFails    = 5                // before there is any waiting, those that are not decided among them
	longestWait  = time.Minute      // else others could lock a user out
	forgetAfter  = 15 * time.Minute // without a failure
	mostWatched  = 10_000           // names and addresses
	doublingFrom = time.Second
)

func newThrottle() *throttle { return &throttle{fails: map[string]failing{}} }

// atAddress is the key of who comes from an address. One of IPv6 counts for its /64: that
// much everybody has at least.
func atAddress(address string) string {
	if a, err := netip.ParseAddr(address); err == nil {
		a = a.Unmap()
		address = a.String()
		if a.Is6() {
			address = netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
		}
	}
	return "address " + address
}

// try counts an attempt of somebody who goes by these keys, as a failure until forget says
// otherwise: of those that come at once none is free beyond what is. If he has to wait, it is
// how long, and the attempt is none.
func (t *throttle) try(keys []string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		wait = max(wait, t.fails[k].until.Sub(now))
	}
	if wait > 0 {
		return wait
	}
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
	return 0
}

// sweep drops those that need not wait any more.
func (t *throttle) sweep(now time.Time) {
	for k, f := range t.fails {
		if now.After(f.until) {
			delete(t.fails, k)
		}
	}
}

// forget is for who has succeeded.
func (t *throttle) forget(keys []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		delete(t.fails, k)
	}
}
