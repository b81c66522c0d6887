package gitsync

import (
	"testing"
	"time"
)

func TestPauseStaysWithinItsBounds(t *testing.T) {
	ends := []func() float64{func() float64 { return 0 }, func() float64 { return 0.999999 }}
	for _, c := range []struct {
		poll     time.Duration
		failures int
		from, to time.Duration
	}{
		{30 * time.Second, 0, 24 * time.Second, 36 * time.Second},
		{30 * time.Second, 1, 500 * time.Millisecond, 5 * time.Second},
		{30 * time.Second, 2, time.Second, 10 * time.Second},
		{30 * time.Second, 7, 30 * time.Second, 5 * time.Minute},
		{30 * time.Second, 1000, 30 * time.Second, 5 * time.Minute},
		{time.Second, 1, 100 * time.Millisecond, time.Second},
		{time.Second, 1 << 40, 30 * time.Second, 5 * time.Minute},
	} {
		low, high := pause(c.poll, c.failures, 0, ends[0]), pause(c.poll, c.failures, 0, ends[1])
		if low < c.from-time.Millisecond || high > c.to+time.Millisecond || low >= high || high < c.to-time.Second {
			t.Errorf("poll %s after %d failures: %s to %s, want %s to %s", c.poll, c.failures, low, high, c.from, c.to)
		}
	}
}
