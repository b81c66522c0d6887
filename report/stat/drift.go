package stat

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"
)

// Bins is how many bins the population stability index has.
const Bins = 10

// PSI is the population stability index of two distributions, in bins that each hold
// a tenth of the first: N. Siddiqi, Credit risk scorecards. Wiley 2006. Below 0.1
// little has changed, above 0.25 much has. Both must be sorted. An empty bin
// counts as half a value, without which the index would be infinite. Of nothing it is 0.
func PSI(first, second []float64) float64 {
	if len(first) == 0 || len(second) == 0 {
		return 0
	}
	var edges []float64
	for i := 1; i < Bins; i++ {
		edges = append(edges, stat.Quantile(float64(i)/Bins, stat.Empirical, first, nil))
	}
	edges = slices.Compact(edges) // of few distinct values there are fewer bins
	return Divergence(shares(first, edges), shares(second, edges))
}

// shares are those of sorted values up to each edge, and of those above the last.
func shares(values, edges []float64) []float64 {
	out := make([]float64, len(edges)+1)
	from := 0
	for i := range out {
		to := len(values)
		if i < len(edges) {
			to = sort.Search(len(values), func(k int) bool { return values[k] > edges[i] })
		}
		out[i] = max(float64(to-from), .5) / float64(len(values))
		from = to
	}
	return out
}

// Divergence is the sum over all bins of (b - a) ln(b / a): the population stability
// index of shares a and b, none of which may be 0.
func Divergence(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += (b[i] - a[i]) * math.Log(b[i]/a[i])
	}
	return sum
}

// KolmogorovSmirnov is the largest difference of two cumulative distributions, 0 to
// 1. Both must be sorted. Of nothing it is 0.
func KolmogorovSmirnov(first, second []float64) float64 {
	if len(first) == 0 || len(second) == 0 {
		return 0
	}
	return stat.KolmogorovSmirnov(first, nil, second, nil)
}

// KolmogorovSmirnovPValue is the probability of a difference of at least d between two
// independent samples of n and m values of one continuous distribution, by Kolmogorov's
// limit: W. H. Press et al., Numerical recipes. 3rd ed. 2007, 14.3.3 has the series.
func KolmogorovSmirnovPValue(d float64, n, m int) float64 {
	if n == 0 || m == 0 {
		return 1
	}
	x := d * math.Sqrt(float64(n)*float64(m)/float64(n+m))
	if x < .2 {
		return 1 // to 1e-12
	}
	sum, sign := 0.0, 2.0
	for k := 1.0; k <= 100; k++ {
		term := sign * math.Exp(-2*k*k*x*x)
		sum += term
		if math.Abs(term) < 1e-12 {
			break
		}
		sign = -sign
	}
	return min(max(sum, 0), 1)
}

// Wasserstein is the distance by which the values of one distribution have to be moved
// on average to make it the other one: the area between both cumulative
// distributions. Both must be sorted. Of nothing it is 0.
func Wasserstein(first, second []float64) float64 {
	if len(first) == 0 || len(second) == 0 {
		return 0
	}
	sum, i, j := 0.0, 0, 0
	at := min(first[0], second[0])
	for i < len(first) || j < len(second) {
		next := math.Inf(1)
		if i < len(first) {
			next = first[i]
		}
		if j < len(second) {
			next = min(next, second[j])
		}
		gap := math.Abs(float64(i)/float64(len(first)) - float64(j)/float64(len(second)))
		sum += gap * (next - at)
		at = next
		for i < len(first) && first[i] == at {
			i++
		}
		for j < len(second) && second[j] == at {
			j++
		}
	}
	return sum
}
