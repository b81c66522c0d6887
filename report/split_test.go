package report_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/report"
)

func splits(t *testing.T, control, experiment int, weights map[string]float64) *report.Split {
	t.Helper()
	s := report.NewSplits(report.SplitOptions{Endpoint: "e", Backends: []string{"control", "experiment"}, Weights: weights, Score: "/data/price~1unit"})
	random := rand.New(rand.NewPCG(3, 4))
	for i := range control + experiment {
		backend, outcome, took, score := "control", "ok", 5+random.Float64(), random.Float64()
		if i >= control {
			backend, took, score = "experiment", took+1, score+.5
		}
		if i%10 == 0 && backend == "control" {
			outcome = "error"
		}
		add(t, s, fmt.Sprintf(`{"time":"2026-11-28T07:00:00Z","event":"inference","endpoint":"e","backend":%q,"role":"live","outcome":%q,"durationMs":%v,"subjectId":"user-%d","response":{"body":{"data":{"price/unit":%v}}}}`,
			backend, outcome, took, i, score))
	}
	add(t, s, live("1", ok), copied("2", ok+liveOK)) // of another backend, and of a mirror
	return s.Report()
}

func TestBackendsAreCompared(t *testing.T) {
	r := splits(t, 1000, 1000, map[string]float64{"control": 1, "experiment": 1})
	control, c := r.Backends[0], r.Comparisons[0]
	if control.Requests != 1000 || control.Errors != 100 || control.ErrorRate != .1 || control.Subjects != 1000 {
		t.Errorf("control: %+v", control)
	}
	if c.ErrorRate.Mean != -.1 || c.ErrorRate.High >= 0 || c.ErrorRate.Low <= -.15 {
		t.Errorf("errors: %+v", c.ErrorRate)
	}
	if c.LatencyMs.Low < .9 || c.LatencyMs.High > 1.1 {
		t.Errorf("latency: %+v", c.LatencyMs)
	}
	if c.Scores == nil || c.Scores.Mean.Low < .4 || c.Scores.Mean.High > .6 || c.Scores.PSI < .25 || c.Scores.KS < .4 || c.Scores.KSPValue > 1e-6 {
		t.Errorf("scores: %+v", c.Scores)
	}
	if r.Ratio.Of != "subjects" || r.Ratio.Mismatch || r.Ratio.PValue != 1 {
		t.Errorf("sizes: %+v", r.Ratio)
	}
}

func TestSizesThatAreNotThoseOfTheWeightsAreTold(t *testing.T) {
	r := splits(t, 1200, 1000, map[string]float64{"control": 50, "experiment": 50})
	var b strings.Builder
	if err := report.Print(&b, r, report.FormatText, false); err != nil {
		t.Fatal(err)
	}
	if !r.Ratio.Mismatch || !strings.Contains(b.String(), "NOT as the weights ask for") {
		t.Errorf("%+v:\n%s", r.Ratio, b.String())
	}
	if r := splits(t, 900, 100, map[string]float64{"control": 9, "experiment": 1}); r.Ratio.Mismatch {
		t.Errorf("9:1: %+v", r.Ratio)
	}
	if r := splits(t, 900, 100, nil); r.Ratio != nil || len(r.Notes) != 1 {
		t.Errorf("without weights: %+v, %q", r.Ratio, r.Notes)
	}
}

// Subjects are counted within bounded memory, and tested as truly.
func TestManySubjectsAreCountedByASampleOfThem(t *testing.T) {
	r := splits(t, 70_000, 70_000, map[string]float64{"control": 1, "experiment": 1})
	for _, b := range r.Backends {
		if b.Subjects < 65_000 || b.Subjects > 75_000 {
			t.Errorf("%s: about %d subjects, and there are 70000", b.Name, b.Subjects)
		}
	}
	// Who is in the sample differs each time, and one sample in some thousand is as
	// uneven as what is told as a mismatch.
	if r.Ratio.PValue < 1e-9 {
		t.Errorf("sizes: %+v", r.Ratio)
	}
}
