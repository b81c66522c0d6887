package plan

import (
	"cmp"
	"math"
	"slices"
)

// coupling holds the shares of subjects that go from one backend to another when
// weights change and the draws stay. The package text has the formulas, in whose
// terms the fields are named.
type coupling struct {
	w, v []float64 // weights before and after, by backend
	t    []float64 // w/v
	area []float64 // the integral of 1/M^2 over [0, t]
	stay []float64 // w/M(t)
}

// couple prepares the shares for weights that are finite and not negative, with
// one above 0 on each side.
func couple(before, after []float64) *coupling {
	n := len(before)
	c := &coupling{
		w: scaled(before), v: scaled(after),
		t: make([]float64, n), area: make([]float64, n), stay: make([]float64, n),
	}
	var order []int
	for i := range n {
		if c.w[i] > 0 || c.v[i] > 0 {
			c.t[i] = c.w[i] / c.v[i]
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(c.t[a], c.t[b]) })
	c.integrate(order)
	return c
}

// integrate computes area and stay in one pass over the backends in the order
// of t. Left of t(k) a backend counts in M by w(k), right of it by s v(k).
func (c *coupling) integrate(order []int) {
	rest := make([]float64, len(order)+1) // the sum of w from here on
	for k, i := range slices.Backward(order) {
		rest[k] = rest[k+1] + c.w[i]
	}
	at, area, rate := 0.0, 0.0, 0.0
	for k, i := range order {
		m := rest[k] + at*rate
		switch t := c.t[i]; {
		case math.IsInf(t, 1):
			area += tail(m, rate, at)
			at = t
		case t > at:
			area += (t - at) / m / (rest[k] + t*rate)
			at = t
		}
		c.area[i] = area
		rate += c.v[i]
		if !math.IsInf(at, 1) && c.w[i] > 0 {
			c.stay[i] = c.w[i] / (rest[k+1] + at*rate)
		}
	}
}

// tail is the integral of 1/M^2 to infinity from where M is m and grows by rate;
// nothing once it has been added.
func tail(m, rate, at float64) float64 {
	if math.IsInf(at, 1) {
		return 0
	}
	return 1 / m / rate
}

// scaled is weights times a power of two, which is exact, so that the largest is
// in [0.5, 1). Those that are far too small to be seen next to it are 0, so that
// no quotient or product leaves the range of numbers.
func scaled(weights []float64) []float64 {
	_, exponent := math.Frexp(slices.Max(weights))
	all := make([]float64, len(weights))
	for i, w := range weights {
		if s := math.Ldexp(w, -exponent); s > 1e-100 {
			all[i] = s
		}
	}
	return all
}

// share is the share of subjects that are at i before and at j after, but for
// rounding.
func (c *coupling) share(i, j int) float64 {
	if i == j {
		return c.stay[i]
	}
	if c.w[i] <= 0 || c.v[j] <= 0 || c.t[i] <= c.t[j] {
		return 0
	}
	return c.w[i] * c.v[j] * (c.area[i] - c.area[j])
}
