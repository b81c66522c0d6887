package endpoints_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// mirrored is a split 50:30:20 with mirrors of the percentages.
func mirrored(name string, percents ...float64) *endpoints.Endpoint {
	e := split(name, 50, 30, 20)
	for i, p := range percents {
		e.Mirrors = append(e.Mirrors, endpoints.Mirror{Name: fmt.Sprint("mirror_", i), Percent: p})
	}
	return e
}

func sampleAll(e *endpoints.Endpoint, mirror int, subjects []string) []int {
	sampled := make([]int, len(subjects))
	for i, s := range subjects {
		if e.Sampled(mirror, s) {
			sampled[i] = 1
		}
	}
	return sampled
}

func sum(ns []int) int {
	total := 0
	for _, n := range ns {
		total += n
	}
	return total
}

func TestS03SamplingIsIndependent(t *testing.T) {
	for kind, subjects := range populations(requests) {
		e := mirrored("pricing", 50, 10, 30)
		assigned := assignAll(e, subjects)
		for m := range e.Mirrors {
			sampled := sampleAll(e, m, subjects)
			independent(t, fmt.Sprint(kind, ": split and mirror ", m), assigned, sampled)
			for other := range m {
				independent(t, fmt.Sprint(kind, ": mirrors ", other, " and ", m), sampleAll(e, other, subjects), sampled)
			}
			independent(t, kind+": mirrors of the same name in two endpoints", sampled, sampleAll(mirrored("other", 50, 10, 30), m, subjects))
		}
	}
	testbed.Measured(t, "S3", "3 mirrors, the split and another endpoint, %d requests each: independent by chi-square, p > 0.001", requests)
}

// independent fails when two classifications of the same subjects depend on each
// other: Pearson's chi-square at p = 0.001. It is called on fixed subjects, so
// that it cannot fail by chance.
func independent(t *testing.T, what string, a, b []int) {
	t.Helper()
	var rows, columns [16]int
	var cells [16][16]int
	for i := range a {
		rows[a[i]]++
		columns[b[i]]++
		cells[a[i]][b[i]]++
	}
	chi, height, width := 0.0, 0, 0
	for i, row := range rows {
		for j, column := range columns {
			if row > 0 && column > 0 {
				expected := float64(row) * float64(column) / float64(len(a))
				chi += math.Pow(float64(cells[i][j])-expected, 2) / expected
			}
		}
	}
	for i := range rows {
		height += min(rows[i], 1)
		width += min(columns[i], 1)
	}
	critical := map[int]float64{1: 10.828, 2: 13.816} // of 0.001, by degrees of freedom
	limit, ok := critical[(height-1)*(width-1)]
	if !ok {
		t.Fatalf("%s: a table of %d x %d is not provided for", what, height, width)
	}
	if chi > limit {
		t.Errorf("%s: chi-square is %.1f, above %.1f: they depend on each other", what, chi, limit)
	}
}

func TestS03SamplingHoldsItsPercentage(t *testing.T) {
	for kind, subjects := range populations(requests) {
		for _, percent := range []float64{0.5, 1, 12.5, 50, 99} {
			e := mirrored("pricing", percent)
			within(t, fmt.Sprint(kind, " ", percent, " %"), sum(sampleAll(e, 0, subjects)), requests, percent/100, 3)
		}
		if n := sum(sampleAll(mirrored("pricing", 100), 0, subjects)); n != requests {
			t.Errorf("%s: 100 %% are %d of %d", kind, n, requests)
		}
	}
}

func TestS03AHundredthOfAPercentWorks(t *testing.T) {
	const n = 2_000_000
	e := mirrored("pricing", 0.01)
	sampled, random := 0, 0
	for i := range n {
		if e.Sampled(0, letters(i)) {
			sampled++
		}
		if e.SampledRandom(0) {
			random++
		}
	}
	within(t, "0.01 % by subject", sampled, n, 0.0001, 3)
	within(t, "0.01 % at random", random, n, 0.0001, 6) // not seeded
}

func TestS03RaisingThePercentageOnlyAdds(t *testing.T) {
	subjects := populations(requests)["numbers"]
	last := make([]int, requests)
	for percent := 0.01; percent <= 100; percent *= 1.3 {
		sampled := sampleAll(mirrored("pricing", percent), 0, subjects)
		for i := range sampled {
			if sampled[i] < last[i] {
				t.Fatalf("%q was sampled at less than %v %% and is not at that", subjects[i], percent)
			}
		}
		last = sampled
	}
}
