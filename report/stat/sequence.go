package stat

import (
	"math"
	"sort"
)

// stakes is how many gamblers there are: their shares go from minStake to maxStake,
// each a fifth above the one before. The smallest is right for a hundred million values,
// the largest for events that never came.
const (
	stakes   = 48
	minStake = 1e-4
	maxStake = .99
)

// Counts are how often each of a few values came.
type Counts []Count

// Count is one of them.
type Count struct {
	Value float64
	N     int64
}

func (c Counts) mean() float64 {
	sum, n := 0.0, 0.0
	for _, v := range c {
		sum += v.Value * float64(v.N)
		n += float64(v.N)
	}
	return sum / n
}

func (c Counts) total() (n int64) {
	for _, v := range c {
		n += v.N
	}
	return n
}

// negated are the counts of the values with the other sign.
func (c Counts) negated() Counts {
	out := make(Counts, len(c))
	for i, v := range c {
		out[i] = Count{-v.Value, v.N}
	}
	return out
}

// logWealth is the logarithm of what gamblers own who have bet that the mean is above m,
// of values that are never below lo. It decreases with m, and is at most 0 at the
// mean of the values.
func (c Counts) logWealth(lo, m float64) float64 {
	var each [stakes]float64
	most := math.Inf(-1)
	ratio := math.Pow(maxStake/minStake, 1/float64(stakes-1))
	stake := minStake
	for i := range each {
		for _, v := range c {
			if v.N > 0 {
				each[i] += float64(v.N) * math.Log1p(stake*((v.Value-lo)/(m-lo)-1))
			}
		}
		most = max(most, each[i])
		stake *= ratio
	}
	sum := 0.0
	for _, w := range each {
		sum += math.Exp(w - most)
	}
	return most + math.Log(sum/stakes)
}

// MeanSequence is where the mean lies that values are drawn with, which are never below lo
// nor above hi: the probability that it is outside at any time, while values come,
// is at most alpha.
func MeanSequence(values Counts, lo, hi, alpha float64) Interval {
	if values.total() == 0 {
		return Interval{lo, hi}
	}
	return Interval{
		Low:  values.above(lo, alpha/2),
		High: -values.negated().above(-hi, alpha/2),
	}
}

// above is the largest m that the mean is known to be above; lo if there is none.
func (c Counts) above(lo, alpha float64) float64 {
	rich := math.Log(1 / alpha)
	low, high := lo, c.mean()
	for range 40 {
		m := low + (high-low)/2
		if m <= low || m >= high {
			break
		}
		if c.logWealth(lo, m) >= rich {
			low = m
		} else {
			high = m
		}
	}
	return low
}

// QuantileSequence is where the p-quantile of durations lies, at all times at once like
// MeanSequence: the bounds of the bins of d that it may be in. High is infinite as
// long as too few durations have come.
func QuantileSequence(d *Durations, p, alpha float64) Interval {
	n := d.n
	rich := math.Log(2 / alpha)
	// If x is the quantile, the share of durations up to x is at least p, and that of
	// those below x at most p. Too few up to x, or too many below, say that it is not.
	tooFew := sort.Search(int(n)+1, func(k int) bool { return below(int64(k), n, p) < rich }) - 1
	tooMany := sort.Search(int(n)+1, func(k int) bool { return above(int64(k), n, p) >= rich })
	return Interval{Low: d.lowerBound(int64(tooFew)), High: d.upperBound(int64(tooMany))}
}

// above is the wealth of those who bet that a share is above p, when k of n are.
func above(k, n int64, p float64) float64 {
	return Counts{{1, k}, {0, n - k}}.logWealth(0, p)
}

// below is the wealth of those who bet that a share is below p, when k of n are.
func below(k, n int64, p float64) float64 {
	return Counts{{-1, k}, {0, n - k}}.logWealth(-1, -p)
}
