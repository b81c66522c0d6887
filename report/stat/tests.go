package stat

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// exactBelow is up to how many discordant pairs McNemar's test is exact.
const exactBelow = 25

// McNemar tests whether two sides fail equally often, by how many pairs only the
// one and only the other side failed at: Q. McNemar, Note on the sampling error of
// the difference between correlated proportions or percentages. Psychometrika 12
// (1947), 153-157. It is exact (binomial) below 25 such pairs, and corrected for
// continuity from there on. The result is the probability of counts at least as
// uneven as these if they do.
func McNemar(onlyFirst, onlySecond int64) (pValue float64) {
	n := onlyFirst + onlySecond
	if n == 0 {
		return 1
	}
	if n < exactBelow {
		fair := distuv.Binomial{N: float64(n), P: .5}
		return min(1, 2*fair.CDF(float64(min(onlyFirst, onlySecond))))
	}
	d := math.Abs(float64(onlyFirst-onlySecond)) - 1
	d = max(d, 0)
	return distuv.ChiSquared{K: 1}.Survival(d * d / float64(n))
}

// ChiSquare tests whether counts are those of shares (Pearson's test of fit), which
// need not add up to 1. A p-value below 0.001 among the sizes of splits says that
// something else than the weights decides who is where, or whose records are missing:
// A. Fabijan et al., Diagnosing sample ratio mismatch in online controlled
// experiments. KDD 2019. Shares of 0 are left out with their counts. Fewer than two
// shares fit always.
func ChiSquare(counts []int64, shares []float64) (pValue float64) {
	total, weight, groups := 0.0, 0.0, 0
	for i, share := range shares {
		if share > 0 {
			total += float64(counts[i])
			weight += share
			groups++
		}
	}
	if groups < 2 || total == 0 {
		return 1
	}
	sum := 0.0
	for i, share := range shares {
		if share > 0 {
			expected := total * share / weight
			d := float64(counts[i]) - expected
			sum += d * d / expected
		}
	}
	return distuv.ChiSquared{K: float64(groups - 1)}.Survival(sum)
}

// Kappa is Cohen's: how much more often two sides give the same label than they would
// if each kept its labels and dealt them at random. 1 is always, 0 as often as
// that. The table is how often each pair of labels came. Where only one label
// came there is none. J. Cohen, A coefficient of agreement for nominal scales.
// Educational and Psychological Measurement 20 (1960), 37-46.
func Kappa(table map[[2]string]int64) (kappa float64, ok bool) {
	var n, same float64
	first, second := map[string]float64{}, map[string]float64{}
	for labels, count := range table {
		n += float64(count)
		first[labels[0]] += float64(count)
		second[labels[1]] += float64(count)
		if labels[0] == labels[1] {
			same += float64(count)
		}
	}
	if n == 0 {
		return 0, false
	}
	expected := 0.0
	for label, count := range first {
		expected += count / n * second[label] / n
	}
	if expected >= 1 {
		return 0, false
	}
	return (same/n - expected) / (1 - expected), true
}
