package stat_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/switchyard-gateway/switchyard/report/stat"
)

// looks are after how many values somebody looks, again and again.
const looks = 50

// A sequence misses the truth, ever, in at most alpha of all runs, where the usual
// interval at the same looks misses it in many more.
func TestSequencesMissTheTruthAtNoLook(t *testing.T) {
	const runs, values, alpha = 200, 1500, .05
	for _, truth := range []float64{.5, .98, .999} {
		random := rand.New(rand.NewPCG(1, uint64(truth*1000)))
		missed, usual := 0, 0
		for range runs {
			m, u := run(random, truth, values, alpha)
			missed, usual = missed+m, usual+u
		}
		t.Logf("%v: the sequence missed in %d of %d runs, Wilson's interval in %d", truth, missed, runs, usual)
		if share := float64(missed) / runs; share > alpha {
			t.Errorf("of %v the sequence misses in %.1f %% of the runs", truth, 100*share)
		}
		if usual < missed {
			t.Errorf("of %v the usual interval misses less", truth)
		}
	}
}

func run(random *rand.Rand, truth float64, values int64, alpha float64) (missed, usual int) {
	ones := int64(0)
	for n := int64(1); n <= values; n++ {
		if random.Float64() < truth {
			ones++
		}
		if n%looks != 0 {
			continue
		}
		if in := stat.MeanSequence(stat.Counts{{Value: 1, N: ones}, {Value: 0, N: n - ones}}, 0, 1, alpha); truth < in.Low || truth > in.High {
			missed = 1
		}
		if in := stat.Wilson(ones, n, 1-alpha); truth < in.Low || truth > in.High {
			usual = 1
		}
	}
	return missed, usual
}

// How often the sequence ever misses the share of a coin within so many throws, not by
// simulation but exactly: over all paths of the number of heads, those that go where
// the share is outside are taken out.
func TestSequencesMissTheShareOfACoinInFewOfAllPaths(t *testing.T) {
	const throws, alpha = 400, .05
	for _, truth := range []float64{.5, .9, .99} {
		inside := func(heads, n int) (low, high bool) {
			in := stat.MeanSequence(stat.Counts{{Value: 1, N: int64(heads)}, {Value: 0, N: int64(n - heads)}}, 0, 1, alpha)
			return in.High >= truth, in.Low <= truth
		}
		paths := []float64{1} // the probability of each number of heads, of paths that missed nowhere
		fewest, most := 0, 0
		for n := 1; n <= throws; n++ {
			next := make([]float64, n+1)
			for heads, p := range paths {
				next[heads] += p * (1 - truth)
				next[heads+1] += p * truth
			}
			for ; fewest <= n; fewest++ { // more throws never make fewer heads likely
				if ok, _ := inside(fewest, n); ok {
					break
				}
			}
			for ; most < n; most++ {
				if _, ok := inside(most+1, n); !ok {
					break
				}
			}
			for heads := range next {
				if heads < fewest || heads > most {
					next[heads] = 0
				}
			}
			paths = next
		}
		missed := 1.0
		for _, p := range paths {
			missed -= p
		}
		t.Logf("of %v: %.4f", truth, missed)
		if missed > alpha || missed < alpha/50 {
			t.Errorf("the sequence misses %v with probability %v within %d throws", truth, missed, throws)
		}
	}
}

// The quantile of a distribution that is known, exponential with mean 1: -ln(1-p).
func TestSequencesOfQuantilesMissAtNoLook(t *testing.T) {
	const runs, values, alpha = 60, 1500, .05
	for _, p := range []float64{.5, .99} {
		random := rand.New(rand.NewPCG(7, uint64(p*100)))
		truth, missed := -math.Log(1-p), 0
		for range runs {
			var d stat.Durations
			miss := false
			for n := 1; n <= values; n++ {
				d.Add(random.ExpFloat64())
				if n%looks == 0 {
					in := stat.QuantileSequence(&d, p, alpha)
					miss = miss || truth < in.Low || truth > in.High
				}
			}
			if miss {
				missed++
			}
		}
		if share := float64(missed) / runs; share > alpha {
			t.Errorf("the sequence of the %v-quantile misses in %.1f %% of the runs", p, 100*share)
		}
	}
}

// A quantile is where the share of durations up to it is p: its bounds are where the sequence
// of that share ends, to the width of a bin.
func TestSequencesOfQuantilesAreThoseOfTheirShares(t *testing.T) {
	const n, alpha = 2000, .05
	var d stat.Durations
	for i := range n {
		d.Add(float64(i + 1))
	}
	for _, p := range []float64{.5, .9, .99} {
		in := stat.QuantileSequence(&d, p, alpha)
		share := func(upTo float64) stat.Interval {
			k := int64(min(upTo, n))
			return stat.MeanSequence(stat.Counts{{Value: 1, N: k}, {Value: 0, N: n - k}}, 0, 1, alpha)
		}
		const bin = .0054
		if got := share(in.Low * (1 - bin)).High; got >= p {
			t.Errorf("the %v-quantile is from %v on, and of less the share may be %v", p, in.Low, got)
		}
		if got := share(in.Low * (1 + 2*bin)).High; got < p {
			t.Errorf("the %v-quantile is from %v on, and of a little more the share is below %v", p, in.Low, got)
		}
		if got := share(in.High * (1 + bin)).Low; got <= p {
			t.Errorf("the %v-quantile is up to %v, and of more the share may be %v", p, in.High, got)
		}
		if got := share(in.High * (1 - 2*bin)).Low; got > p {
			t.Errorf("the %v-quantile is up to %v, and of a little less the share is above %v", p, in.High, got)
		}
	}
}

// Sequences close in on the truth: at most twice as wide as Wilson's interval, which
// holds for one look only.
func TestSequencesAreNarrow(t *testing.T) {
	for _, c := range []struct{ ones, n int64 }{{500, 1000}, {980, 1000}, {99_000, 100_000}, {1_000_000, 1_000_000}} {
		in := stat.MeanSequence(stat.Counts{{Value: 1, N: c.ones}, {Value: 0, N: c.n - c.ones}}, 0, 1, .05)
		w := stat.Wilson(c.ones, c.n, .95)
		if mean := float64(c.ones) / float64(c.n); in.Low > mean || in.High < mean {
			t.Errorf("%d of %d: %v is outside of %v", c.ones, c.n, mean, in)
		}
		if (in.High - in.Low) > 2.2*(w.High-w.Low) {
			t.Errorf("%d of %d: the sequence is %v, Wilson's interval %v", c.ones, c.n, in, w)
		}
	}
	// No failure of either side in 10,000 pairs: the rates differ by less than 0.001.
	in := stat.MeanSequence(stat.Counts{{Value: 0, N: 10_000}}, -1, 1, .05)
	if in.Low < -.001 || in.High > .001 || in.Low > 0 || in.High < 0 {
		t.Errorf("without failures: %v", in)
	}
	var d stat.Durations
	for i := range 100_000 {
		d.Add(float64(i%1000) + 1)
	}
	if in := stat.QuantileSequence(&d, .99, .05); in.Low < 980 || in.High > 1000 {
		t.Errorf("the 0.99-quantile of 1 to 1000 is in %v", in)
	}
}

func TestSequencesOfLittleSayNothing(t *testing.T) {
	if in := stat.MeanSequence(nil, -1, 1, .05); in != (stat.Interval{Low: -1, High: 1}) {
		t.Errorf("of nothing: %v", in)
	}
	if in := stat.MeanSequence(stat.Counts{{Value: 1, N: 1}}, 0, 1, .05); in.Low > .2 || in.High != 1 {
		t.Errorf("of one value: %v", in)
	}
	var d stat.Durations
	if in := stat.QuantileSequence(&d, .99, .05); in.Low != 0 || !math.IsInf(in.High, 1) {
		t.Errorf("of no duration: %v", in)
	}
	d.Add(5)
	if in := stat.QuantileSequence(&d, .99, .05); in.Low > 5 || !math.IsInf(in.High, 1) {
		t.Errorf("of one duration: %v", in)
	}
}

// FuzzSequencesHoldTheirMean: whatever came, the mean of it is inside, the bounds are
// in order and within the range, and more of the same makes them no wider.
func FuzzSequencesHoldTheirMean(f *testing.F) {
	f.Add(uint32(3), uint32(1), uint32(1000))
	f.Add(uint32(0), uint32(0), uint32(7))
	f.Fuzz(func(t *testing.T, up, down, same uint32) {
		counts := func(times int64) stat.Counts {
			return stat.Counts{{Value: 1, N: times * int64(up)}, {Value: -1, N: times * int64(down)}, {Value: 0, N: times * int64(same)}}
		}
		n := int64(up) + int64(down) + int64(same)
		if n == 0 {
			return
		}
		mean := (float64(up) - float64(down)) / float64(n)
		in := stat.MeanSequence(counts(1), -1, 1, .05)
		const rounding = 1e-9
		if !(in.Low >= -1 && in.Low <= mean+rounding && in.High >= mean-rounding && in.High <= 1) {
			t.Fatalf("mean %v, interval %v", mean, in)
		}
		if more := stat.MeanSequence(counts(4), -1, 1, .05); more.High-more.Low > in.High-in.Low+rounding {
			t.Fatalf("%v of some, %v of four times as many", in, more)
		}
	})
}
