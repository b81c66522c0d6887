package load_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/load"
)

func TestQuantileIsTheNearestRankWithinABucket(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, count := range []int{1, 2, 3, 10, 999, 1000, 1001, 50_000} {
		var h load.Histogram
		var all []time.Duration
		for range count {
			d := time.Duration(math.Exp(random.Float64() * 25)) // 1 ns to 72 s
			all = append(all, d)
			h.Add(d)
		}
		slices.Sort(all)
		for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
			want := all[max(0, int(math.Ceil(q*float64(count)))-1)]
			got := h.Quantile(q)
			if got < want || float64(got) > float64(want)*1.008+1 {
				t.Errorf("quantile %v of %d is %v; it is %v in truth", q, count, got, want)
			}
		}
		if h.Max() != all[count-1] || h.Count() != uint64(count) {
			t.Errorf("max %v and count %d; want %v and %d", h.Max(), h.Count(), all[count-1], count)
		}
	}
}

func TestHistogramOfExtremes(t *testing.T) {
	var h load.Histogram
	if h.Quantile(0.99) != 0 || h.Max() != 0 {
		t.Error("an empty histogram has no durations")
	}
	h.Add(-time.Second)
	if h.Quantile(1) != 0 {
		t.Error("a negative duration counts as 0")
	}
	h.Add(math.MaxInt64)
	if h.Quantile(0.1) != 0 || h.Count() != 2 {
		t.Error("a duration beyond the last bucket is counted there")
	}
}

func TestQuantileOfOneOutlierInAThousand(t *testing.T) {
	var h load.Histogram
	for range 999 {
		h.Add(time.Millisecond)
	}
	h.Add(time.Second)
	if got := h.Quantile(0.999); got > 1008*time.Microsecond {
		t.Errorf("p99.9 is %v; 999 of 1000 took a millisecond", got)
	}
	if got := h.Quantile(0.9991); got != time.Second {
		t.Errorf("p99.91 is %v; want the outlier", got)
	}
}
