package stat_test

import (
	"math"
	"slices"
	"testing"

	gonum "gonum.org/v1/gonum/stat"

	"github.com/switchyard-gateway/switchyard/report/stat"
)

// The values of other programs are those of SciPy 1.10.1; the calls stand beside them.

// sleep is R's data set of that name: the extra sleep of ten patients with two drugs.
// Student, The probable error of a mean. Biometrika 6 (1908), 1-25.
var sleep = [2][]float64{
	{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0},
	{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4},
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s is %.10g, want %.10g", what, got, want)
	}
}

// The examples of R. G. Newcombe, Two-sided confidence intervals for the single
// proportion. Statistics in Medicine 17 (1998), 857-872, table I, method 3.
func TestWilsonIsThatOfNewcombesTable(t *testing.T) {
	for _, c := range []struct {
		successes, n int64
		low, high    float64
	}{{81, 263, .2553, .3662}, {15, 148, .0624, .1605}, {0, 20, 0, .1611}, {1, 29, .0061, .1718}} {
		got := stat.Wilson(c.successes, c.n, .95)
		near(t, "low", got.Low, c.low, 5e-5)
		near(t, "high", got.High, c.high, 5e-5)
	}
	if got := stat.Wilson(0, 0, .95); got != (stat.Interval{Low: 0, High: 1}) {
		t.Errorf("of nothing it is %v", got)
	}
}

// The first example of Newcombe's table II in the paper that Newcombe cites, method 10.
func TestNewcombeIsThatOfTheTable(t *testing.T) {
	got := stat.Newcombe(56, 70, 48, 80, .95)
	near(t, "low", got.Low, .0524, 5e-5)
	near(t, "high", got.High, .3339, 5e-5)
}

// R: t.test(extra ~ group, data = sleep), with paired = TRUE and without.
func TestMeansOfSleep(t *testing.T) {
	var paired, first, second stat.Moments
	for i := range sleep[0] {
		paired.Add(sleep[0][i] - sleep[1][i])
		first.Add(sleep[0][i])
		second.Add(sleep[1][i])
	}
	near(t, "mean", paired.Mean(), -1.58, 1e-12)
	got, ok := paired.Interval(.95)
	near(t, "paired low", got.Low, -2.4598858, 1e-6)
	near(t, "paired high", got.High, -0.7001142, 1e-6)
	welch, ok2 := stat.Welch(&first, &second, .95)
	near(t, "Welch low", welch.Low, -3.3654832, 1e-6)
	near(t, "Welch high", welch.High, 0.2054832, 1e-6)
	if !ok || !ok2 || paired.N() != 10 {
		t.Error("there is no interval")
	}
	var one stat.Moments
	one.Add(1)
	if _, ok := one.Interval(.95); ok {
		t.Error("one value has an interval")
	}
}

func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		b, c int64
		want float64
	}{
		// scipy.stats.binomtest(min(b, c), b + c).pvalue
		{1, 8, .0390625},
		{0, 5, .0625},
		{10, 14, .5412561893463135},
		{7, 7, 1},
		{0, 0, 1},
		// The approval of a prime minister, A. Agresti, Categorical data analysis (1990), p. 350:
		// scipy.stats.chi2.sf((150 - 86 - 1)**2 / (150 + 86), 1)
		{150, 86, 4.114562281345944e-05},
		{86, 150, 4.114562281345944e-05},
	} {
		near(t, "p", stat.McNemar(c.b, c.c), c.want, 1e-12)
	}
}

// The user counts of R. Kohavi, D. Tang, Y. Xu, Trustworthy online controlled
// experiments (2020), chapter 21: 821,588 and 815,482 where half and half were
// meant, p = 1.8E-6. With scipy.stats.chisquare([821588, 815482]).
func TestChiSquareFindsTheMismatchOfTheBook(t *testing.T) {
	near(t, "p", stat.ChiSquare([]int64{821588, 815482}, []float64{50, 50}), 1.8217928726191858e-06, 1e-15)
	// scipy.stats.chisquare([95, 5, 12], numpy.array([90, 10, 10]) / 110 * 112)
	near(t, "p", stat.ChiSquare([]int64{95, 5, 12, 7}, []float64{90, 10, 10, 0}), .2138118769695816, 1e-12)
	if p := stat.ChiSquare([]int64{3}, []float64{1}); p != 1 {
		t.Errorf("one group fits with p = %v", p)
	}
}

// The examples that the literature repeats (J. Sim, C. Wright, The kappa statistic in
// reliability studies. Physical Therapy 85 (2005); and of equal agreement with
// different margins), and one of three labels by hand: (.7-.41)/(1-.41).
func TestKappaOfPublishedTables(t *testing.T) {
	two := func(a, b, c, d int64) map[[2]string]int64 {
		return map[[2]string]int64{{"y", "y"}: a, {"y", "n"}: b, {"n", "y"}: c, {"n", "n"}: d}
	}
	three := map[[2]string]int64{
		{"a", "a"}: 88, {"a", "b"}: 14, {"a", "c"}: 18, {"b", "a"}: 10, {"b", "b"}: 40, {"b", "c"}: 10, {"c", "a"}: 2, {"c", "b"}: 6, {"c", "c"}: 12,
	}
	for _, c := range []struct {
		table map[[2]string]int64
		want  float64
	}{{two(20, 5, 10, 15), .4}, {two(45, 15, 25, 15), .1304}, {two(25, 35, 5, 35), .2593}, {two(5, 0, 0, 5), 1}, {three, .29 / .59}} {
		got, ok := stat.Kappa(c.table)
		near(t, "kappa", got, c.want, 5e-5)
		if !ok {
			t.Error("there is none")
		}
	}
	if _, ok := stat.Kappa(two(9, 0, 0, 0)); ok {
		t.Error("of one label there is one")
	}
	if _, ok := stat.Kappa(nil); ok {
		t.Error("of nothing there is one")
	}
}

func sorted(values ...float64) []float64 { return slices.Sorted(slices.Values(values)) }

func TestDrift(t *testing.T) {
	a, b := sorted(sleep[0]...), sorted(sleep[1]...)
	// scipy.stats.ks_2samp(a, b)
	near(t, "KS", stat.KolmogorovSmirnov(a, b), .4, 1e-12)
	// scipy.stats.wasserstein_distance; the first is the example of its documentation
	near(t, "Wasserstein", stat.Wasserstein(sorted(0, 1, 3), sorted(5, 6, 8)), 5, 1e-12)
	near(t, "Wasserstein", stat.Wasserstein(a, b), 1.58, 1e-12)
	near(t, "Wasserstein", stat.Wasserstein(sorted(3.4, 3.9, 7.5, 7.8), sorted(4.5, 1.4)), 2.7, 1e-12)
	near(t, "Wasserstein", stat.Wasserstein(sorted(0, 1, 1, 5), sorted(2, 2, 7)), 1.9166666666666667, 1e-12)
	// The definition, by hand: (.3-.2) ln(.3/.2) + (.3-.3) ln 1 + (.4-.5) ln(.4/.5)
	near(t, "divergence", stat.Divergence([]float64{.2, .3, .5}, []float64{.3, .3, .4}), .1*math.Log(1.5)-.1*math.Log(.8), 1e-15)
	// It is the divergence of Jeffreys, which is that of Kullback and Leibler both ways.
	first, second := []float64{.05, .15, .3, .5}, []float64{.4, .3, .2, .1}
	near(t, "divergence", stat.Divergence(first, second), gonum.KullbackLeibler(first, second)+gonum.KullbackLeibler(second, first), 1e-12)
	// 1 to 100 and 26 to 125 by hand: of the tenths of the first, the second has nothing in two
	// (half a value each), five in the third, ten in six, and 35 in the last.
	var low, high []float64
	for i := range 100 {
		low, high = append(low, float64(i+1)), append(high, float64(i+26))
	}
	near(t, "PSI", stat.PSI(low, high), 2*(.005-.1)*math.Log(.05)+(.05-.1)*math.Log(.5)+(.35-.1)*math.Log(3.5), 1e-12)
	if psi := stat.PSI(a, a); psi != 0 {
		t.Errorf("a distribution drifts from itself by %v", psi)
	}
	if psi := stat.PSI(a, b); !(psi > .25) || math.IsInf(psi, 0) {
		t.Errorf("the drugs differ by %v", psi)
	}
	for _, f := range []func(a, b []float64) float64{stat.PSI, stat.KolmogorovSmirnov, stat.Wasserstein} {
		if f(nil, a) != 0 || f(a, nil) != 0 {
			t.Error("of nothing there is drift")
		}
	}
}

// The values are those of scipy.stats.kstwobign.sf.
func TestKolmogorovsLimit(t *testing.T) {
	for x, want := range map[float64]float64{
		.1: 1, .5: .9639452436648751, 1: .26999967167735456, 1.36: .049485876755377876, 2: .0006709252557796953,
	} {
		near(t, "p", stat.KolmogorovSmirnovPValue(x/math.Sqrt(50), 100, 100), want, 1e-9)
	}
}

// The values are those of numpy.quantile(a, [.01, .25, .5, .9, .99]).
func TestQuantilesAreThoseOfNumPy(t *testing.T) {
	a := sorted(sleep[0]...)
	for p, want := range map[float64]float64{.01: -1.564, .25: -.175, .5: .35, .9: 3.43, .99: 3.673, 0: -1.6, 1: 3.7} {
		near(t, "quantile", stat.Quantile(p, a), want, 1e-12)
	}
}

func TestQuantilesOfDurationsAreRightToAFraction(t *testing.T) {
	var d stat.Durations
	for i := range 10_000 {
		d.Add(float64(i+1) / 100) // 0.01 to 100 ms
	}
	for _, p := range []float64{.01, .5, .9, .99, .999} {
		near(t, "quantile", d.Quantile(p)/(p*100), 1, .003)
	}
	near(t, "the largest", d.Quantile(1), 100, .3)
	near(t, "share", d.Share(50), .5, .005)
	var odd stat.Durations
	for _, ms := range []float64{0, -1, math.NaN(), math.Inf(1), 1e300} {
		odd.Add(ms)
	}
	if odd.N() != 5 || odd.Quantile(.5) != 0 {
		t.Errorf("of odd durations %d are there, half of them up to %v", odd.N(), odd.Quantile(.5))
	}
}

func TestASampleIsAllOfAFewAndAnEvenPartOfMany(t *testing.T) {
	var s stat.Sample[int]
	const n = 4 * stat.SampleSize
	for i := range n {
		if i == 1000 && (len(s.Values()) != 1000 || s.Values()[999] != 999) {
			t.Fatal("not all of a few are kept")
		}
		s.Add(i)
	}
	var quarters [4]float64
	for _, v := range s.Values() {
		quarters[v*4/n]++
	}
	for i, count := range quarters {
		near(t, "quarter", count/stat.SampleSize, .25, .01)
		_ = i
	}
	if s.N() != n || len(s.Values()) != stat.SampleSize {
		t.Errorf("%d of %d are kept", len(s.Values()), s.N())
	}
}
