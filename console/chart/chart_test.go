package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/console/chart"
)

// wellFormed fails unless a drawing is XML, which gives its texts back.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v:\n%s", err, svg)
		}
	}
}

func TestDrawingsEscapeWhatTheyAreGiven(t *testing.T) {
	const evil = `"><script>alert(1)</script>&`
	lines := []chart.Line{{Label: evil, Values: []float64{0, 1, math.NaN(), 3, math.NaN(), math.Inf(1)}}}
	for _, svg := range []string{
		string(chart.Bar([]chart.Part{{Label: evil, Share: 1}})),
		string(chart.Spark(lines, evil)),
		string(chart.Chart{Title: evil, Lines: lines, Unit: func(float64) string { return evil }, Ago: []string{evil, "now"}}.SVG()),
	} {
		wellFormed(t, svg)
		if strings.Contains(svg, "<script") || strings.Contains(svg, "NaN") {
			t.Errorf("%s", svg)
		}
	}
}

func TestAChartSaysWhatItShows(t *testing.T) {
	svg := string(chart.Chart{
		Title: "Errors", Unit: chart.Percent, Ago: []string{"1 h ago", "now"},
		Lines: []chart.Line{{Label: "a", Values: []float64{0.5, 0.25, math.NaN()}}, {Label: "b", Values: []float64{math.NaN()}}},
	}.SVG())
	if want := `aria-label="Errors. a: now 25 %, at most 50 %. b: nothing"`; !strings.Contains(svg, want) {
		t.Errorf("no %s in\n%s", want, svg)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 1: "100 %", 0.5: "50 %", 0.0123: "1.2 %", 0.05: "5 %", 0.0025: "0.25 %", 0.00012: "0.01 %", 0.9999: "> 99.9 %", 0.995: "99.5 %"} {
		if got := chart.Percent(share); got != want {
			t.Errorf("%v is %q instead of %q", share, got, want)
		}
	}
}
