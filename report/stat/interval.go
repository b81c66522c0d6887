package stat

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a range that a figure lies in.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// z is how many standard deviations of the normal distribution are to be taken to
// either side.
func z(level float64) float64 { return distuv.UnitNormal.Quantile(1 - (1-level)/2) }

// Wilson is the score interval of a share, successes of n, without correction for
// continuity: E. B. Wilson, Probable inference, the law of succession, and
// statistical inference. JASA 22 (1927), 209-212. Of nothing it is from 0 to 1.
func Wilson(successes, n int64, level float64) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	z, count := z(level), float64(n)
	p := float64(successes) / count
	center := p + z*z/(2*count)
	spread := z * math.Sqrt(p*(1-p)/count+z*z/(4*count*count))
	scale := 1 + z*z/count
	return Interval{Low: max(0, (center-spread)/scale), High: min(1, (center+spread)/scale)}
}

// Newcombe is the interval of the difference of two independent shares, the first
// less the second: R. G. Newcombe, Interval estimation for the difference between
// independent proportions: comparison of eleven methods. Statistics in Medicine 17
// (1998), 873-890; method 10.
func Newcombe(successes1, n1, successes2, n2 int64, level float64) Interval {
	if n1 == 0 || n2 == 0 {
		return Interval{-1, 1}
	}
	p1, p2 := float64(successes1)/float64(n1), float64(successes2)/float64(n2)
	i1, i2 := Wilson(successes1, n1, level), Wilson(successes2, n2, level)
	return Interval{
		Low:  p1 - p2 - math.Hypot(p1-i1.Low, i2.High-p2),
		High: p1 - p2 + math.Hypot(i1.High-p1, p2-i2.Low),
	}
}

// Moments are the number, mean and spread of values that are added one by one, by
// Welford's method. The zero value has none.
type Moments struct {
	n        int64
	mean, m2 float64
}

// Add adds a value.
func (m *Moments) Add(x float64) {
	m.n++
	d := x - m.mean
	m.mean += d / float64(m.n)
	m.m2 += d * (x - m.mean)
}

// N is how many values there are.
func (m *Moments) N() int64 { return m.n }

// Mean is their mean; 0 of none.
func (m *Moments) Mean() float64 { return m.mean }

// Variance is their sample variance; 0 of fewer than two.
func (m *Moments) Variance() float64 {
	if m.n < 2 {
		return 0
	}
	return m.m2 / float64(m.n-1)
}

// Interval is Student's interval of the mean; of fewer than two values there is none.
func (m *Moments) Interval(level float64) (Interval, bool) {
	if m.n < 2 {
		return Interval{}, false
	}
	return around(m.mean, math.Sqrt(m.Variance()/float64(m.n)), float64(m.n-1), level), true
}

// Welch is the interval of the difference of two means, the first less the second,
// of values that need not vary alike: B. L. Welch, The generalization of Student's
// problem when several different population variances are involved. Biometrika 34
// (1947), 28-35.
func Welch(a, b *Moments, level float64) (Interval, bool) {
	if a.n < 2 || b.n < 2 {
		return Interval{}, false
	}
	va, vb := a.Variance()/float64(a.n), b.Variance()/float64(b.n)
	difference := a.mean - b.mean
	if va+vb == 0 {
		return Interval{difference, difference}, true
	}
	freedom := (va + vb) * (va + vb) / (va*va/float64(a.n-1) + vb*vb/float64(b.n-1))
	return around(difference, math.Sqrt(va+vb), freedom, level), true
}

func around(mean, deviation, freedom, level float64) Interval {
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Quantile(1 - (1-level)/2)
	return Interval{mean - t*deviation, mean + t*deviation}
}
