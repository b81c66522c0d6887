package report_test

import (
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/report"
	"github.com/switchyard-gateway/switchyard/schema"
)

func gates(t *testing.T, minPairs int, written map[schema.Metric]string) *schema.Gates {
	t.Helper()
	g := &schema.Gates{MinPairs: minPairs}
	for _, m := range schema.Metrics() {
		if text, ok := written[m]; ok {
			gate, err := schema.ParseGate(m, text)
			if err != nil {
				t.Fatal(err)
			}
			g.Gates = append(g.Gates, gate)
		}
	}
	return g
}

func TestVerdictsFollowTheGates(t *testing.T) {
	for name, test := range map[string]struct {
		traffic func(*traffic)
		pairs   int
		gates   map[schema.Metric]string
		want    report.Verdict
		reason  string
	}{
		"alike":           {func(*traffic) {}, 20_000, nil, report.Same, "agreement >= 0.98 holds: 100 %"},
		"few":             {func(*traffic) {}, 999, nil, report.Open, "There are 999 pairs, and nothing is decided below 1000."},
		"not clear yet":   {func(x *traffic) { x.differ = .02 }, 2000, nil, report.Open, "agreement >= 0.98 is not decided yet"},
		"differs":         {func(x *traffic) { x.differ = .1 }, 2000, nil, report.Worse, "agreement >= 0.98 does not hold"},
		"fails":           {func(x *traffic) { x.failMirror = .05 }, 2000, nil, report.Worse, "errorRate <= live + 0.001 does not hold"},
		"fails as live":   {func(x *traffic) { x.failMirror, x.failLive = .05, .05 }, 20_000, map[schema.Metric]string{schema.ErrorRate: "<= live + 0.02"}, report.Same, "holds"},
		"fails less":      {func(x *traffic) { x.failLive = .05 }, 20_000, nil, report.Better, "The mirror fails less often: 0 % of its answers, live 5"},
		"slow":            {func(x *traffic) { x.slower = 2 }, 20_000, nil, report.Worse, "p99 <= live * 1.2 does not hold"},
		"fast":            {func(x *traffic) { x.slower = .5 }, 20_000, nil, report.Better, "The mirror is faster: p99"},
		"within a time":   {func(*traffic) {}, 20_000, map[schema.Metric]string{schema.P90: "<= 100ms"}, report.Same, "p90 <= 100ms holds"},
		"beyond a time":   {func(*traffic) {}, 20_000, map[schema.Metric]string{schema.P50: "< 2ms"}, report.Worse, "p50 < 2ms does not hold"},
		"errors at most":  {func(x *traffic) { x.failMirror = .01 }, 20_000, map[schema.Metric]string{schema.ErrorRate: "<= 0.02"}, report.Same, "errorRate <= 0.02 holds"},
		"a share of live": {func(x *traffic) { x.failMirror, x.failLive = .02, .1 }, 20_000, map[schema.Metric]string{schema.ErrorRate: "<= live * 0.5"}, report.Better, "holds"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTraffic(1)
			test.traffic(x)
			var g *schema.Gates
			if test.gates != nil {
				g = gates(t, 1000, test.gates)
			}
			r := collected(x, test.pairs).Report("candidate", g)
			reasons := strings.Join(r.Reasons, "\n")
			if r.Verdict != test.want || !strings.Contains(reasons, test.reason) {
				t.Errorf("%s, want %s with %q:\n%s", r.Verdict, test.want, test.reason, reasons)
			}
		})
	}
}

// What the live deployment disagrees with itself about is not held against a mirror.
func TestNoiseIsTakenOffTheDifferences(t *testing.T) {
	c := report.NewCollector(report.Options{Endpoint: "pricing"})
	candidate, floor := newTraffic(1), newTraffic(2)
	candidate.differ, floor.differ = .2, .2
	floor.mirror, floor.noise = "twin", true
	candidate.collect(c, 30_000)
	g := gates(t, 1000, map[schema.Metric]string{schema.Agreement: ">= 0.95"})
	if r := c.Report("candidate", g); r.Verdict != report.Worse {
		t.Errorf("without a noise floor: %s", r.Verdict)
	}
	floor.collect(c, 30_000)
	r := c.Report("candidate", g)
	if r.Verdict != report.Same || r.Agreement.Noise == nil || r.Agreement.Noise.Mirror != "twin" || r.Agreement.Noise.Above.High > .05 {
		t.Errorf("with one: %s, %+v", r.Verdict, r.Agreement.Noise)
	}
	if got := strings.Join(c.Mirrors(), " "); got != "candidate" {
		t.Errorf("mirrors to choose from: %q", got)
	}
}
