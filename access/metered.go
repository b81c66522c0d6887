package access

import "time"

// Metered are the meters that a request has to pass: that of its key, and that of its
// endpoint. Either may be nil. They always stand in this order, by which they are
// locked.
type Metered [2]*Meter

// The meters of a Metered.
const (
	OfKey = iota
	OfEndpoint
)

// Any reports whether there is a meter.
func (ms *Metered) Any() bool { return ms[OfKey] != nil || ms[OfEndpoint] != nil }

// Admit takes one request with so many bytes of body in, or says which meter does not
// let it in, and why. A request that one of them refuses takes nothing of either.
// Whoever was let in calls Release.
func (ms *Metered) Admit(now time.Time, bytes int64) (by int, why Refusal, ok bool) {
	ms.lock()
	defer ms.unlock()
	if by, why, ok = ms.room(bytes); ok {
		by, why, ok = ms.spend(now)
	}
	if ok {
		ms.enter(bytes)
	}
	return by, why, ok
}

// Enter is Admit that leaves the rates aside, for whoever asks somebody else for them.
func (ms *Metered) Enter(bytes int64) (by int, why Refusal, ok bool) {
	ms.lock()
	defer ms.unlock()
	if by, why, ok = ms.room(bytes); ok {
		ms.enter(bytes)
	}
	return by, why, ok
}

// Spend takes one request from the rates, after Enter, or says why not.
func (ms *Metered) Spend(now time.Time) (by int, why Refusal, ok bool) {
	ms.lock()
	defer ms.unlock()
	return ms.spend(now)
}

func (ms *Metered) lock() {
	for _, m := range ms {
		if m != nil {
			m.mu.Lock()
		}
	}
}

func (ms *Metered) unlock() {
	for _, m := range ms {
		if m != nil {
			m.mu.Unlock()
		}
	}
}

func (ms *Metered) room(bytes int64) (by int, why Refusal, ok bool) {
	for i, m := range ms {
		if m == nil {
			continue
		}
		if why, ok := m.room(bytes); !ok {
			return i, why, false
		}
	}
	return 0, Refusal{}, true
}

// spend looks at all rates before it takes of any: what is taken of a rate cannot be
// given back in full once others have come.
func (ms *Metered) spend(now time.Time) (by int, why Refusal, ok bool) {
	for i, m := range ms {
		if m == nil {
			continue
		}
		if why, short := m.short(now); short {
			return i, why, false
		}
	}
	for _, m := range ms {
		if m != nil && m.rate != nil {
			m.rate.AllowN(m.forward(now), 1)
		}
	}
	return 0, Refusal{}, true
}

func (ms *Metered) enter(bytes int64) {
	for _, m := range ms {
		if m != nil {
			m.inFlight++
			m.bytes += bytes
		}
	}
}

// Grow adds bytes of a body whose length was not known when it was let in, and of
// which there are so many in all. They count, for both, also if they do not fit: they
// have come. Bytes below 0 have gone, and always fit.
func (ms *Metered) Grow(bytes, all int64) (by int, why Refusal, ok bool) {
	ok = true
	for i, m := range ms {
		if m == nil {
			continue
		}
		if r, fits := m.grow(bytes, all); !fits && ok {
			by, why, ok = i, r, false
		}
	}
	return by, why, ok
}

// Release says that a request has ended, with all the bytes that it was let in with
// and grew by.
func (ms *Metered) Release(bytes int64) {
	for _, m := range ms {
		if m != nil {
			m.release(bytes)
		}
	}
}
