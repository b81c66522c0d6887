package load

import (
	"math/bits"
	"time"
)

const (
	subBits = 7            // sub-buckets of an octave: 128, each at most 0.8 % wide
	sub     = 1 << subBits //
	octaves = 40           // beyond the first: up to 2^47 ns, 39 hours
)

// Histogram counts durations in buckets that are at most 0.8 % wide. The zero
// value is empty and ready. It is not safe for concurrent use.
type Histogram struct {
	count   uint64
	max     time.Duration
	buckets [sub * (octaves + 1)]uint64
}

// Add counts one duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.count++
	h.max = max(h.max, d)
	h.buckets[bucket(uint64(d))]++
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 { return h.count }

// Max is the largest, exactly; 0 if there are none.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is the smallest duration that at least the share q of all, from 0 to
// 1, do not exceed (the nearest rank), rounded up to the end of its bucket and
// never above Max; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.count))
	if float64(rank) < q*float64(h.count) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; n > 0 && seen >= rank {
			return min(h.max, time.Duration(last(i)))
		}
	}
	return h.max
}

// bucket is where v is counted: below 128 exactly, then 128 buckets an octave.
func bucket(v uint64) int {
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return min(sub*(shift+1)+int(v>>shift)-sub, sub*(octaves+1)-1)
}

// last is the largest value of a bucket.
func last(i int) uint64 {
	if i < sub {
		return uint64(i)
	}
	shift, rest := i/sub-1, i%sub
	return uint64(sub+rest+1)<<shift - 1
}
