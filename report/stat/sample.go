package stat

import "math/rand/v2"

// SampleSize is how many values a Sample keeps.
const SampleSize = 100_000

// Sample keeps all values up to SampleSize, and of more each with the same
// probability (J. S. Vitter, Random sampling with a reservoir. ACM TOMS 11 (1985),
// 37-57, algorithm R). Which, is the same in each run. The zero value is empty.
type Sample[T any] struct {
	n      int64
	values []T
	random *rand.PCG
}

// Add adds a value.
func (s *Sample[T]) Add(v T) {
	s.n++
	if len(s.values) < SampleSize {
		s.values = append(s.values, v)
		return
	}
	if s.random == nil {
		s.random = rand.NewPCG(1, 2)
	}
	if i := rand.New(s.random).Int64N(s.n); i < SampleSize {
		s.values[i] = v
	}
}

// N is how many values came.
func (s *Sample[T]) N() int64 { return s.n }

// Values are those kept. They are the sample's own.
func (s *Sample[T]) Values() []T { return s.values }

// Quantile is the p-quantile of sorted values, between two of them in proportion
// (type 7 of R. J. Hyndman, Y. Fan, Sample quantiles in statistical packages.
// The American Statistician 50 (1996), 361-365: the default of R and NumPy). Of
// none it is 0.
func Quantile(p float64, sorted []float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
