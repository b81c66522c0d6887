package report_test

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/bench/report"
)

type values = map[report.Metric]float64

// example has two rounds and more, an even and an odd number of them, a peer
// that failed, and one that cannot do everything.
func example() report.Report {
	return report.Report{
		Date: "2026-01-02", Rounds: 3, Machine: "a CPU, 2 cores",
		Peers:   []report.Peer{{Name: "nginx", Version: "1.2"}, {Name: "HAProxy", Version: "3|4"}, {Name: "Switchyard", Version: "abc"}},
		Missing: []string{"not measured: caddy is not there"},
		Groups: []report.Group{{
			Title: "Plain & simple", Text: "What is done.", Compare: report.P99,
			Scenarios: []report.Scenario{{ID: report.Plain, Label: "off", Plot: report.CPU}, {ID: report.Mirror, Label: "on"}},
		}},
		Rows: []report.Row{
			{Scenario: report.Plain, Peer: "nginx", Values: values{report.CPU: 10, report.Rate: 12345.6, report.P99: 1000, report.Errors: 0}},
			{Scenario: report.Plain, Peer: "nginx", Round: 1, Values: values{report.CPU: 30, report.Rate: 12345.6, report.P99: 1000, report.Errors: 0.001}},
			{Scenario: report.Plain, Peer: "nginx", Round: 2, Values: values{report.CPU: 11, report.Rate: 12345.6, report.P99: 1000, report.Errors: 0}},
			{Scenario: report.Plain, Peer: "Switchyard", Values: values{report.CPU: 21, report.Rate: 1_000_000, report.P99: 500, report.Errors: 0}},
			{Scenario: report.Plain, Peer: "Switchyard", Round: 1, Values: values{report.CPU: 23, report.Rate: 1_000_000, report.P99: 700, report.Errors: 0}},
			{Scenario: report.Plain, Peer: "HAProxy", Failed: "it has ended"},
			{Scenario: report.Mirror, Peer: "Switchyard", Values: values{report.CPU: 5, report.P99: 1200, report.Copies: 100}},
			{Scenario: report.Mirror, Peer: "Switchyard", Round: 1, Values: values{report.CPU: 5, report.P99: 1200, report.Copies: 99}},
		},
	}
}

func TestTables(t *testing.T) {
	want := `Measured on 2026-01-02, a CPU, 2 cores; 3 rounds.

- nginx 1.2
- HAProxy 3|4
- Switchyard abc
- not measured: caddy is not there

### What is aimed at

|                                | measured |  met |
|--------------------------------|---------:|-----:|
| plain: CPU at most 1.4 × nginx |   2.00 × |   no |

### Plain & simple

What is done.

|      |            | CPU µs/request | × nginx | requests/s | × nginx | p99 ms | errors % | arrived % | p99 × off |
|------|------------|---------------:|--------:|-----------:|--------:|-------:|---------:|----------:|----------:|
| off  | nginx      |           11.0 |    1.00 |     12,346 |    1.00 |   1.00 |    <0.01 |           |           |
| off  | Switchyard |           22.0 |    2.00 |  1,000,000 |   81.00 |   0.60 |     0.00 |           |           |
| on   | Switchyard |            5.0 |         |            |         |   1.20 |          |      99.0 |      2.00 |

Not measured in round 1: HAProxy, off: it has ended
`
	if diff := cmp.Diff(want, example().Markdown()); diff != "" {
		t.Errorf("the tables differ (-want +got):\n%s", diff)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := report.Median(c.values); got != c.want {
			t.Errorf("median of %v is %v", c.values, got)
		}
	}
	if !math.IsNaN(report.Median(nil)) {
		t.Error("nothing has no median")
	}
	disordered := []float64{2, 1}
	report.Median(disordered)
	if disordered[0] != 2 {
		t.Error("the values were put in order")
	}
}

func TestRatioToWhatWasNotMeasured(t *testing.T) {
	r := example()
	if _, ok := r.Ratio(report.Plain, "Switchyard", report.Plain, "HAProxy", report.CPU); ok {
		t.Error("a ratio to what was not measured")
	}
	if _, ok := r.Ratio(report.Plain, "nginx", report.Plain, "Switchyard", report.Errors); ok {
		t.Error("a ratio to 0")
	}
}

// The worst round decides whether there were errors, never the median one.
func TestErrorsAreNotHiddenByTheOtherRounds(t *testing.T) {
	if got, _ := example().Value(report.Plain, "nginx", report.Errors); got != 0.001 {
		t.Errorf("errors are %v", got)
	}
	if got, _ := example().Value(report.Mirror, "Switchyard", report.Copies); got != 99 {
		t.Errorf("copies are %v", got)
	}
}

func TestPlotIsWellFormed(t *testing.T) {
	plot := example().SVG()
	decoder := xml.NewDecoder(strings.NewReader(plot))
	for {
		if _, err := decoder.Token(); err == io.EOF { //nolint:errorlint // io.EOF is never wrapped here
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, plot)
		}
	}
	for _, want := range []string{"Plain &amp; simple, off: CPU µs/request", ">11.0<", ">22.0<", "nginx"} {
		if !strings.Contains(plot, want) {
			t.Errorf("%q is not in the plot:\n%s", want, plot)
		}
	}
	if strings.Contains(plot, "HAProxy") {
		t.Error("a peer that was not measured has no bar")
	}
}

func TestInsertReplacesOnlyWhatStandsBetweenTheMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	const page = "# A\n\n<!-- bench-peers: what follows is generated by `make bench-peers` -->\nold\n<!-- bench-peers: end -->\n\nB\n"
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for range 2 { // the second time it finds what the first one wrote
		if err := example().Insert(path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = text
		}
		if diff := cmp.Diff(string(first), string(text)); diff != "" {
			t.Errorf("the second time it differs:\n%s", diff)
		}
	}
	if s := string(first); !strings.HasPrefix(s, "# A\n\n<!--") || !strings.HasSuffix(s, "-->\n\nB\n") ||
		strings.Contains(s, "old") || !strings.Contains(s, "![plot](page.svg)") || !strings.Contains(s, "### Plain & simple") {
		t.Error(s)
	}
	if err := os.WriteFile(path, []byte("# no marks\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := example().Insert(path); err == nil {
		t.Error("there was no place for it")
	}
}

func TestResultsAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	if err := example().Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := report.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), got); diff != "" {
		t.Error(diff)
	}
}
