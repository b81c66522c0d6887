package access

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Limit is one of the limits that a Meter keeps.
type Limit string

// The limits.
const (
	LimitNone     Limit = ""
	LimitRate     Limit = "rate_limit"
	LimitInFlight Limit = "in_flight"
	LimitBytes    Limit = "in_flight_bytes"
)

// Refusal says which limit is met and when it is worth trying again.
type Refusal struct {
	Limit     Limit
	Most      int64 // what the limit allows
	Remaining int64
	After     time.Duration // until another request may be let in
}

// inFlightAfter is when a caller is told to try again after too many at a time:
// when one of them ends is not known.
const inFlightAfter = time.Second

// Meter counts what a key or an endpoint uses of its limits. It is safe for
// concurrent use.
type Meter struct {
	mu       sync.Mutex
	limits   schema.Allowance
	rate     *rate.Limiter // nil: no limit
	inFlight int
	bytes    int64
}

// set changes the limits. What is used of them stays used: a raised rate gives
// no new burst, and what is in flight ends.
func (m *Meter) set(now time.Time, limits schema.Allowance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limits == limits {
		return
	}
	m.limits = limits
	switch r := limits.Rate; {
	case r.Requests == 0:
		m.rate = nil
	case m.rate == nil:
		m.rate = rate.NewLimiter(perSecond(r), r.Burst)
	default:
		m.rate.SetLimitAt(now, perSecond(r))
		m.rate.SetBurstAt(now, r.Burst)
	}
}

func perSecond(r schema.RateLimit) rate.Limit {
	return rate.Limit(float64(r.Requests) / r.Per.Seconds())
}

// Admit takes one request with so many bytes of body in, or says why not. A
// request that was refused takes nothing from the rate. Whoever was let in calls
// Release.
func (m *Meter) Admit(now time.Time, bytes int64) (Refusal, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.room(bytes); !ok {
		return r, false
	}
	if r, ok := m.spend(now); !ok {
		return r, false
	}
	m.inFlight++
	m.bytes += bytes
	return Refusal{}, true
}

// Enter is Admit that leaves the rate aside, for whoever asks somebody else for it.
func (m *Meter) Enter(bytes int64) (Refusal, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.room(bytes)
	if ok {
		m.inFlight++
		m.bytes += bytes
	}
	return r, ok
}

// Spend takes one request from the rate, after Enter, or says why not.
func (m *Meter) Spend(now time.Time) (Refusal, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spend(now)
}

// Rate is the rate that the meter keeps, the zero value for none.
func (m *Meter) Rate() schema.RateLimit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limits.Rate
}

// room says whether one more request of so many bytes may be in flight.
func (m *Meter) room(bytes int64) (Refusal, bool) {
	if most := m.limits.InFlight; most > 0 && m.inFlight >= most {
		return Refusal{Limit: LimitInFlight, Most: int64(most), After: inFlightAfter}, false
	}
	return m.fits(bytes)
}

func (m *Meter) fits(bytes int64) (Refusal, bool) {
	most := m.limits.InFlightBytes
	if most == 0 || bytes <= most-m.bytes {
		return Refusal{}, true
	}
	return Refusal{Limit: LimitBytes, Most: most, Remaining: max(0, most-m.bytes), After: inFlightAfter}, false
}

// spend takes a token of the rate, if there is one.
func (m *Meter) spend(now time.Time) (Refusal, bool) {
	if m.rate == nil {
		return Refusal{}, true
	}
	reservation := m.rate.ReserveN(now, 1)
	after := reservation.DelayFrom(now)
	if after <= 0 {
		return Refusal{}, true
	}
	reservation.CancelAt(now)
	remaining := int64(math.Max(0, m.rate.TokensAt(now)))
	return Refusal{Limit: LimitRate, Most: int64(m.limits.Rate.Requests), Remaining: remaining, After: after}, false
}

// Grow adds bytes of a body whose length was not known when it was let in. They
// count, also if they do not fit: they have come.
func (m *Meter) Grow(bytes int64) (Refusal, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.fits(bytes)
	m.bytes += bytes
	return r, ok
}

// Release says that a request has ended, with all the bytes that it was let in
// with and grew by.
func (m *Meter) Release(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
	m.bytes -= bytes
}

// Used tells what is in flight.
func (m *Meter) Used() (inFlight int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inFlight, m.bytes
}

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
