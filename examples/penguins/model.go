package penguins

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

//go:embed model_1.json
var model1 []byte

//go:embed model_2.json
var model2 []byte

// ErrMissing is that a model needs a measurement that it did not get.
var ErrMissing = errors.New("a measurement is missing")

// Model tells the species of a penguin by its measurements.
type Model struct {
	Features []Feature   `json:"features"`
	Fill     bool        `json:"fill"`    // the mean stands for what is missing; else it is an error
	Weights  [][]float64 `json:"weights"` // by species: the intercept and one for each feature
}

// Feature is a measurement, and what it is scaled by.
type Feature struct {
	Name      string  `json:"name"`
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
}

// Version gives the model of version 1 or 2.
func Version(n int) (*Model, error) {
	text := map[int][]byte{1: model1, 2: model2}[n]
	var m Model
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("read the model of version %d: %w", n, err)
	}
	return &m, nil
}

// Predict tells the species, and with which probability.
func (m *Model) Predict(measured map[string]float64) (species string, probability float64, err error) {
	x, err := m.scaled(measured)
	if err != nil {
		return "", 0, err
	}
	p := softmax(m.Weights, x)
	best := 0
	for i := range p {
		if p[i] > p[best] {
			best = i
		}
	}
	return Species()[best], p[best], nil
}

// scaled are the features, with 1 for the intercept before them.
func (m *Model) scaled(measured map[string]float64) ([]float64, error) {
	x := []float64{1}
	for _, f := range m.Features {
		v, ok := measured[f.Name]
		switch {
		case ok:
			x = append(x, (v-f.Mean)/f.Deviation)
		case m.Fill:
			x = append(x, 0)
		default:
			return nil, fmt.Errorf("%w: %s", ErrMissing, f.Name)
		}
	}
	return x, nil
}

// softmax are the probabilities of the species.
func softmax(weights [][]float64, x []float64) []float64 {
	p := make([]float64, len(weights))
	most := math.Inf(-1)
	for i, w := range weights {
		for k, v := range x {
			p[i] += w[k] * v
		}
		most = max(most, p[i])
	}
	sum := 0.0
	for i := range p {
		p[i] = math.Exp(p[i] - most)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// Score counts about how many penguins the model is right, and how many it refuses.
func (m *Model) Score(all []Penguin) (right, refused int) {
	for _, p := range all {
		species, _, err := m.Predict(p.Measured)
		switch {
		case err != nil:
			refused++
		case species == p.Species:
			right++
		}
	}
	return right, refused
}
