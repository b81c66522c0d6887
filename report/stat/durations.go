package stat

import "math"

// perDoubling is how many bins there are between a duration and its double: each is
// 0.54 % wide, so that a quantile is right to 0.27 %.
const perDoubling = 128

// Bins go from a nanosecond to a month, in milliseconds. What is outside is in the
// first or the last one.
const (
	shortest  = 1e-6
	doublings = 52
)

// Durations are many durations in milliseconds, in bins of equal ratio, within
// constant memory. Quantiles and sequences read them. The zero value has none.
type Durations struct {
	n    int64
	max  float64
	bins []int64 // made with the first duration
}

// Add adds a duration.
func (d *Durations) Add(ms float64) {
	if d.bins == nil {
		d.bins = make([]int64, perDoubling*doublings)
	}
	d.bins[bin(ms)]++
	d.n++
	d.max = max(d.max, ms)
}

func bin(ms float64) int {
	if !(ms > shortest) {
		return 0
	}
	return int(min(math.Log2(ms/shortest)*perDoubling, perDoubling*doublings-1))
}

func edge(i int) float64 { return shortest * math.Exp2(float64(i)/perDoubling) }

// N is how many durations there are.
func (d *Durations) N() int64 { return d.n }

// Quantile is the p-quantile: the smallest duration that a share of p does not
// exceed, to 0.27 %. Of none it is 0.
func (d *Durations) Quantile(p float64) float64 {
	if d.n == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(p*float64(d.n))), 1)
	i := d.reach(rank)
	if i == 0 {
		return 0
	}
	return min(edge(i)*math.Exp2(.5/perDoubling), d.max)
}

// reach is the first bin up to which there are at least so many durations.
func (d *Durations) reach(count int64) int {
	sum := int64(0)
	for i, n := range d.bins {
		sum += n
		if sum >= count {
			return i
		}
	}
	return len(d.bins) - 1
}

// lowerBound is the lower edge of the first bin up to which there are more than so many.
func (d *Durations) lowerBound(count int64) float64 {
	if count < 0 || d.n == 0 {
		return 0
	}
	i := d.reach(count + 1)
	if i == 0 {
		return 0
	}
	return edge(i)
}

// upperBound is the upper edge of the last bin below which there are fewer than so many.
func (d *Durations) upperBound(count int64) float64 {
	if count > d.n || d.n == 0 {
		return math.Inf(1)
	}
	return edge(d.reach(count) + 1)
}

// Share is how many durations are up to ms, of all; for plots.
func (d *Durations) Share(ms float64) float64 {
	if d.n == 0 {
		return 0
	}
	sum := int64(0)
	for _, n := range d.bins[:bin(ms)+1] {
		sum += n
	}
	return float64(sum) / float64(d.n)
}
