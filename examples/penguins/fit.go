package penguins

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat"
)

// penalty keeps weights small: the species can be told apart so well that they would
// grow without end.
const penalty = .01

// Train fits a model that knows some measurements. What lacks one of them is not learned
// from.
func Train(penguins []Penguin, measurements []string, fill bool) (*Model, error) {
	m := &Model{Fill: fill}
	for _, name := range measurements {
		var values []float64
		for _, p := range penguins {
			if v, ok := p.Measured[name]; ok {
				values = append(values, v)
			}
		}
		mean, deviation := stat.MeanStdDev(values, nil)
		m.Features = append(m.Features, Feature{Name: name, Mean: mean, Deviation: deviation})
	}
	f := fit{species: len(Species()), width: len(measurements) + 1}
	whole := &Model{Features: m.Features}
	for _, p := range penguins {
		if x, err := whole.scaled(p.Measured); err == nil {
			f.x = append(f.x, x)
			f.y = append(f.y, slices.Index(Species(), p.Species))
		}
	}
	problem := optimize.Problem{Func: f.loss, Grad: f.gradient}
	found, err := optimize.Minimize(problem, make([]float64, f.species*f.width), &optimize.Settings{GradientThreshold: 1e-6}, &optimize.BFGS{})
	if err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	m.Weights = f.weights(found.X)
	return m, nil
}

// fit is what weights are fitted to.
type fit struct {
	species, width int
	x              [][]float64
	y              []int
}

func (f *fit) weights(flat []float64) [][]float64 {
	return slices.Collect(slices.Chunk(flat, f.width))
}

// loss is the mean of the negative logarithms of what was right, with the penalty.
func (f *fit) loss(flat []float64) float64 {
	sum := 0.0
	for i, x := range f.x {
		sum -= math.Log(softmax(f.weights(flat), x)[f.y[i]])
	}
	sum /= float64(len(f.x))
	for _, w := range flat {
		sum += penalty * w * w / 2
	}
	return sum
}

func (f *fit) gradient(into, flat []float64) {
	for i, w := range flat {
		into[i] = penalty * w
	}
	for i, x := range f.x {
		for s, p := range softmax(f.weights(flat), x) {
			if s == f.y[i] {
				p--
			}
			for k, v := range x {
				into[s*f.width+k] += p * v / float64(len(f.x))
			}
		}
	}
}
