package access

import (
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Meters finds meters by name, so that they outlive snapshots. It is safe for
// concurrent use.
type Meters struct {
	mu  sync.Mutex
	all map[string]*Meter
}

// Meter finds or makes the meter of that name, nil for limits that bound nothing.
// The limits hold from the next Retain on.
func (ms *Meters) Meter(name string, limits schema.Allowance) *Meter {
	if limits == (schema.Allowance{}) {
		return nil
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m := ms.all[name]
	if m == nil {
		m = &Meter{}
		m.set(time.Time{}, limits)
		if ms.all == nil {
			ms.all = map[string]*Meter{}
		}
		ms.all[name] = m
	}
	return m
}

// Retain makes the limits of all that serve hold from now on, and forgets the meters of
// what does no longer.
func (ms *Meters) Retain(now time.Time, serving map[string]schema.Allowance) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for name, m := range ms.all {
		limits, ok := serving[name]
		if !ok || limits == (schema.Allowance{}) {
			delete(ms.all, name)
			continue
		}
		m.set(now, limits)
	}
}
