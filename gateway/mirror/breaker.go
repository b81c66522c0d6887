package mirror

import "time"

// breaker keeps copies from a mirror that has failed several times in a row. Open,
// it lets nothing through for a while; then one copy, the probe, whose outcome
// closes it or opens it again for twice as long. The queue's lock guards it.
//
// The probe is the first copy that is ready to be sent, not the first that is
// admitted: a caller may take an hour to send a body, and nobody waits for that.
type breaker struct {
	threshold int
	least     time.Duration
	most      time.Duration

	failures int           // in a row
	wait     time.Duration // of the last opening; 0 when closed
	until    time.Time     // when a probe may go
	probing  bool          // it is on its way
}

// admits reports whether it is worth capturing a body for a copy.
func (b *breaker) admits() bool {
	return b.wait == 0 || !b.probing && !time.Now().Before(b.until)
}

// claim reports whether a copy that is ready is the probe: then exactly one call of
// settle or forget must follow.
func (b *breaker) claim() bool {
	if b.wait == 0 || !b.admits() {
		return false
	}
	b.probing = true
	return true
}

// open reports whether copies are kept back that are not the probe.
func (b *breaker) open() bool { return b.wait > 0 }

// forget ends a probe that was never sent.
func (b *breaker) forget(probe bool) {
	if probe {
		b.probing = false
	}
}

// settle takes the outcome of a copy that was sent. Copies that were on their way
// when the breaker opened prove nothing when they fail, but do when they succeed.
func (b *breaker) settle(now time.Time, probe, failed bool) {
	b.forget(probe)
	if !failed {
		b.failures, b.wait = 0, 0
		return
	}
	if b.wait > 0 && !probe {
		return
	}
	if b.failures++; b.failures >= b.threshold {
		b.wait = min(max(2*b.wait, b.least), b.most)
		b.until = now.Add(b.wait)
	}
}
