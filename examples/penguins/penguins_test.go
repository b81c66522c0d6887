package penguins_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/switchyard-gateway/switchyard/examples/penguins"
)

// The coefficients are those that training gives.
func TestModelsAreThoseThatAreTrained(t *testing.T) {
	all, err := penguins.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 344 {
		t.Fatalf("%d penguins", len(all))
	}
	names := penguins.Measurements()
	for version, known := range map[int][]string{1: names[:2], 2: names} {
		want, err := penguins.Train(all, known, version == 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := penguins.Version(version)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-3, 1e-3)); diff != "" {
			t.Errorf("version %d (-trained +written):\n%s", version, diff)
		}
	}
}

// Version 2 is better, and refuses the two penguins that were not measured.
func TestVersionTwoIsRightMoreOften(t *testing.T) {
	all, err := penguins.Load()
	if err != nil {
		t.Fatal(err)
	}
	var right, refused [3]int
	for version := 1; version <= 2; version++ {
		model, err := penguins.Version(version)
		if err != nil {
			t.Fatal(err)
		}
		right[version], refused[version] = model.Score(all)
	}
	if right[1] < 320 || right[2] < 335 || refused[1] != 0 || refused[2] != 2 {
		t.Errorf("right about %v, refused %v of %d", right[1:], refused[1:], len(all))
	}
	model, err := penguins.Version(2)
	if err != nil {
		t.Fatal(err)
	}
	species, probability, err := model.Predict(all[0].Measured)
	if err != nil || species != "Adelie" || probability < .9 || math.IsNaN(probability) {
		t.Errorf("the first is %s with %v, %v", species, probability, err)
	}
}
