package soak_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// rounds are loads without and with what is measured, taken in turn, so that
// whatever else the machine does meets both.
type rounds struct{ off, on []load }

// take takes n pairs of rounds, every other one the other way around. Between
// them it waits, so that what the one leaves behind is not charged to the next.
func take(n int, pause time.Duration, off, on func() load) (r rounds) {
	for i := range n {
		for half := range 2 {
			if (i+half)%2 == 0 {
				r.off = append(r.off, off())
			} else {
				r.on = append(r.on, on())
			}
			<-time.After(pause)
		}
	}
	return r
}

func sum(loads []load) (all load) {
	for _, l := range loads {
		all.add(l)
	}
	return all
}

// draw is as many loads, drawn at random.
func draw(random *rand.Rand, loads []load) load {
	drawn := make([]load, len(loads))
	for i := range drawn {
		drawn[i] = loads[random.IntN(len(loads))]
	}
	return sum(drawn)
}

// certainty is how sure what was measured makes it that beyond holds, from 0 to
// 1: the share of samples that hold it when whole rounds are drawn again, with
// putting back (Efron's bootstrap).
func (r rounds) certainty(beyond func(off, on load) bool) float64 {
	const samples = 200
	random := rand.New(rand.NewPCG(1, 2)) // the same each time
	n := 0
	for range samples {
		if beyond(draw(random, r.off), draw(random, r.on)) {
			n++
		}
	}
	return float64(n) / samples
}

// sure is the certainty from which on a limit counts as missed.
const sure = .99

// within takes rounds and fails the test when it is sure that a limit is missed,
// twice: of many measurements that just meet theirs, some miss it by chance. It
// fails as well when requests failed. It returns the rounds and how certain it is
// that the limit is missed.
func within(t *testing.T, name string, measure func() rounds, beyond func(off, on load) bool) (r rounds, certainty float64) {
	t.Helper()
	for range 2 {
		r = measure()
		off, on := sum(r.off), sum(r.on)
		if n := off.errors + on.errors; n > 0 {
			t.Errorf("%s: %d of %d requests failed or were changed: %s", name, n, off.requests+on.requests, off.example+on.example)
		}
		certainty = r.certainty(beyond)
		t.Logf("%s: p50 %s -> %s, p99 %s -> %s, %.0f/s -> %.0f/s, beyond the limit with certainty %.2f", name, ms(off.latencies.at(.5)),
			ms(on.latencies.at(.5)), ms(off.latencies.at(.99)), ms(on.latencies.at(.99)), off.rate(), on.rate(), certainty)
		if certainty < sure {
			return r, certainty
		}
	}
	t.Errorf("%s: the limit is missed", name)
	return r, certainty
}

// A test of the measure: it must find a difference and must not invent one.
func TestCertainty(t *testing.T) {
	loads := func(slow time.Duration) (all []load) {
		random := rand.New(rand.NewPCG(3, 4))
		for range 8 {
			l := load{took: time.Second}
			for range 1000 {
				l.latencies = append(l.latencies, time.Duration(random.ExpFloat64()*float64(time.Millisecond))+slow)
				l.requests++
			}
			all = append(all, l)
		}
		return all
	}
	slower := func(off, on load) bool { return on.latencies.at(.99) > off.latencies.at(.99)*11/10+time.Millisecond }
	same, slow := rounds{loads(0), loads(0)}, rounds{loads(0), loads(5 * time.Millisecond)}
	if c := same.certainty(slower); c > .01 {
		t.Errorf("what is equal is slower with certainty %.2f", c)
	}
	if c := slow.certainty(slower); c < sure {
		t.Errorf("what is slower is so with certainty %.2f only", c)
	}
}
