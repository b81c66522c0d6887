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
	After     time.Duration // until another request may be let in; 0: never, it is above the limit by itself
}

// inFlightAfter is when a caller is told to try again after too many at a time:
// when one of them ends is not known.
const inFlightAfter = time.Second

// Meter counts what a key or an endpoint uses of its limits. Requests pass it as one of
// a [Metered]. It is safe for concurrent use.
type Meter struct {
	mu       sync.Mutex
	limits   schema.Allowance
	rate     *rate.Limiter // nil: no limit
	latest   time.Time     // that the rate was told: requests pass in another order than they came
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
		now = m.forward(now)
		m.rate.SetLimitAt(now, perSecond(r))
		m.rate.SetBurstAt(now, r.Burst)
	}
}

// forward is a time, or the latest that was told if that is later; mu is held. A
// [rate.Limiter] that is told an earlier one gives the time between once more.
func (m *Meter) forward(now time.Time) time.Time {
	if now.After(m.latest) {
		m.latest = now
	}
	return m.latest
}

func perSecond(r schema.RateLimit) rate.Limit {
	return rate.Limit(float64(r.Requests) / r.Per.Seconds())
}

// Rate is the rate that the meter keeps, the zero value for none.
func (m *Meter) Rate() schema.RateLimit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limits.Rate
}

// room says whether one more request of so many bytes may be in flight; mu is held.
func (m *Meter) room(bytes int64) (Refusal, bool) {
	if most := m.limits.InFlight; most > 0 && m.inFlight >= most {
		return Refusal{Limit: LimitInFlight, Most: int64(most), After: inFlightAfter}, false
	}
	return m.fits(bytes, bytes)
}

// fits says whether there is room for more bytes of a body of which there are so many in
// all; mu is held.
func (m *Meter) fits(more, all int64) (Refusal, bool) {
	most := m.limits.InFlightBytes
	if most == 0 || more <= most-m.bytes {
		return Refusal{}, true
	}
	refusal := Refusal{Limit: LimitBytes, Most: most, Remaining: max(0, most-m.bytes), After: inFlightAfter}
	if all > most {
		refusal.After = 0
	}
	return refusal, false
}

// short reports whether the rate has nothing for another request, and until when; mu is
// held. It agrees with [rate.Limiter.AllowN], also about fractions of a nanosecond.
func (m *Meter) short(now time.Time) (Refusal, bool) {
	if m.rate == nil {
		return Refusal{}, false
	}
	tokens := m.rate.TokensAt(m.forward(now))
	after := time.Duration((1 - tokens) / float64(m.rate.Limit()) * float64(time.Second))
	if after <= 0 {
		return Refusal{}, false
	}
	return Refusal{Limit: LimitRate, Most: int64(m.limits.Rate.Requests), Remaining: int64(math.Max(0, tokens)), After: after}, true
}

func (m *Meter) grow(bytes, all int64) (Refusal, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.fits(bytes, all)
	m.bytes += bytes
	return r, ok || bytes <= 0
}

func (m *Meter) release(bytes int64) {
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
