package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
)

var update = flag.Bool("update", false, "write what is compared with")

// full is a report that has all sections.
func full(t *testing.T) *report.Report {
	t.Helper()
	c := report.NewCollector(report.Options{Endpoint: "pricing"})
	x := newTraffic(5)
	x.differ, x.failMirror, x.slower = .01, .002, 1.1
	for i := range 3000 {
		live, mirror := x.pair()
		if mirror.Agree != records.NotCompared {
			score := x.random.Float64()
			mirror.ScoreLive, mirror.ScoreMirror = records.Number{Value: score, Is: true}, records.Number{Value: score + x.random.NormFloat64()/100, Is: true}
			mirror.LabelLive, mirror.LabelMirror = records.Label{Text: "cheap", Is: true}, records.Label{Text: "cheap", Is: true}
			if score > .5 {
				mirror.LabelLive.Text = "dear"
			}
			if mirror.ScoreMirror.Value > .5 {
				mirror.LabelMirror.Text = "dear"
			}
		}
		if mirror.Agree == records.Differs {
			mirror.Diff = `[{"path":"/rows/1/why","live":1}]`
		}
		if i%100 == 0 {
			mirror.Outcome, mirror.ErrorKind, mirror.Status = records.Dropped, "queue_full", 0
		}
		c.Add(&live)
		c.Add(&mirror)
	}
	return c.Report("candidate", nil)
}

func TestReportsArePrinted(t *testing.T) {
	r := full(t)
	for file, format := range map[string]report.Format{
		"report.txt": report.FormatText, "report.md": report.FormatMarkdown, "report.json": report.FormatJSON, "report.html": report.FormatHTML,
	} {
		printed(t, file, func(w io.Writer) error { return report.Print(w, r, format, false) })
	}
	split := splits(t, 1000, 300, map[string]float64{"control": 10, "experiment": 3})
	for file, format := range map[string]report.Format{
		"split.txt": report.FormatText, "split.md": report.FormatMarkdown, "split.json": report.FormatJSON, "split.html": report.FormatHTML,
	} {
		printed(t, file, func(w io.Writer) error { return report.Print(w, split, format, false) })
	}
}

// printed compares what is printed with a file.
func printed(t *testing.T, file string, printing func(io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := printing(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, file, b.Bytes())
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// The members that others rely on.
func TestJSONHasTheDocumentedMembers(t *testing.T) {
	var one, split bytes.Buffer
	if err := report.Print(&one, full(t), report.FormatJSON, false); err != nil {
		t.Fatal(err)
	}
	hasMembers(t, one.Bytes(), `endpoint mirror from to coverage.live coverage.sampled coverage.sent coverage.answered
		coverage.paired coverage.dropped.queue_full errors.bothOk errors.liveOnly errors.mirrorOnly errors.bothFailed errors.pValue
		agreement.pairs agreement.agree agreement.rate agreement.low agreement.high labels.kappa labels.confusions
		scores.withinTolerance scores.bias scores.quantiles drift.psi drift.ks drift.wasserstein
		latencyMs.live.p50 latencyMs.live.p90 latencyMs.live.p99 latencyMs.mirror.p99
		latencyMs.pairedDifference.mean latencyMs.pairedDifference.low latencyMs.pairedDifference.high verdict reasons notes`)
	if err := report.Print(&split, splits(t, 100, 30, map[string]float64{"control": 10, "experiment": 3}), report.FormatJSON, false); err != nil {
		t.Fatal(err)
	}
	hasMembers(t, split.Bytes(), `endpoint from to backends.0.name backends.0.requests backends.0.subjects backends.0.errors backends.0.canceled
		backends.0.errorRate backends.0.errorRateInterval.low backends.0.latencyMs.p50 backends.0.scores.p50
		sampleRatio.of sampleRatio.counts sampleRatio.weights sampleRatio.pValue sampleRatio.mismatch
		comparisons.0.backend comparisons.0.errorRate.mean comparisons.0.errorRate.low comparisons.0.latencyMs.high
		comparisons.0.scores.mean.mean comparisons.0.scores.psi comparisons.0.scores.ks comparisons.0.scores.wasserstein comparisons.0.scores.ksPValue notes`)
}

func hasMembers(t *testing.T, text []byte, paths string) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(paths) {
		var at any = got
		for name := range strings.SplitSeq(path, ".") {
			switch v := at.(type) {
			case map[string]any:
				at = v[name]
			case []any:
				at = v[0]
			default:
				at = nil
			}
		}
		if at == nil {
			t.Errorf("there is no %s", path)
		}
	}
}

// What there is none of is left out.
func TestJSONLeavesOutWhatThereIsNone(t *testing.T) {
	c := report.NewCollector(report.Options{Endpoint: "e"})
	add(t, c, live("1", ok), copied("1", ok+liveOK+`,"agree":true`))
	var b bytes.Buffer
	if err := report.Print(&b, c.Report("m", nil), report.FormatJSON, false); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Labels, Scores, Drift json.RawMessage
		Agreement             struct{ Noise json.RawMessage }
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got.Labels != nil || got.Scores != nil || got.Drift != nil || got.Agreement.Noise != nil {
		t.Errorf("%v, %s", err, b.String())
	}
}

func TestATolerancesPartsThatAreNothingAreNotTold(t *testing.T) {
	for want, tolerance := range map[string]report.Tolerance{
		"within 0.1 of each other":        {Abs: .1},
		"within 5 % of each other":        {Rel: .05},
		"within 0.1 or 5 % of each other": {Abs: .1, Rel: .05},
	} {
		c := report.NewCollector(report.Options{Endpoint: "e", Tolerances: map[string]report.Tolerance{"m": tolerance}})
		add(t, c, live("1", ok), copied("1", ok+liveOK+`,"agree":true,"scoreLive":0.5,"scoreMirror":0.5`))
		var b strings.Builder
		if err := report.Print(&b, c.Report("m", nil), report.FormatText, false); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%v, want %s in\n%s", err, want, b.String())
		}
	}
}

// A report of nothing is one as well, in every format.
func TestAReportOfNothing(t *testing.T) {
	r := report.NewCollector(report.Options{Endpoint: "e"}).Report("m", nil)
	for _, format := range report.Formats() {
		var b bytes.Buffer
		if err := report.Print(&b, r, format, true); err != nil || !strings.Contains(b.String(), "NOT ENOUGH DATA") {
			t.Errorf("%s: %v\n%s", format, err, b.String())
		}
	}
	if err := report.Print(io.Discard, r, "xml", false); err == nil {
		t.Error("there is no format xml")
	}
}

// Paper is white, whatever the scheme of the screen: it has a colour of its own for all that dark
// schemes change.
func TestPaperHasItsOwnColours(t *testing.T) {
	var b bytes.Buffer
	if err := report.Print(&b, report.NewCollector(report.Options{Endpoint: "e"}).Report("m", nil), report.FormatHTML, false); err != nil {
		t.Fatal(err)
	}
	names := func(medium string) []string {
		_, rest, _ := strings.Cut(b.String(), medium)
		colours, _, _ := strings.Cut(rest, "}")
		return slices.Sorted(slices.Values(regexp.MustCompile(`--[a-z]+`).FindAllString(colours, -1)))
	}
	dark, paper := names("@media (prefers-color-scheme: dark)"), names("@media print")
	if diff := cmp.Diff(dark, paper); diff != "" || len(dark) == 0 {
		t.Errorf("colours (-dark +paper):\n%s", diff)
	}
}

// The page needs nothing else, says nothing that records could have made it say, and
// is well-formed.
func TestThePageStandsAlone(t *testing.T) {
	c := report.NewCollector(report.Options{Endpoint: "e"})
	const evil = `<script>alert(1)</script>`
	add(t, c, strings.ReplaceAll(copied("EVIL", ok+liveOK+`,"agree":false,"labelLive":"EVIL","labelMirror":"\u001b[31m","scoreLive":1,"scoreMirror":2,"diff":[{"path":"/EVIL","live":1}]`), "EVIL", evil))
	var b bytes.Buffer
	if err := report.Print(&b, c.Report("m", nil), report.FormatHTML, false); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, not := range []string{"http:", "https:", "<script", "<link", "@import", "url("} {
		if strings.Contains(page, not) {
			t.Errorf("the page holds %s", not)
		}
	}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.Entity = true, xml.HTMLEntity
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
	}
	b.Reset()
	if err := report.Print(&b, c.Report("m", nil), report.FormatText, false); err != nil || strings.Contains(b.String(), "\x1b") {
		t.Errorf("a record steers the terminal: %v %q", err, b.String())
	}
}
