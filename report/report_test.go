package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
)

// add gives a collector lines as a gateway writes them.
func add(t *testing.T, c interface{ Add(*records.Record) }, lines ...string) {
	t.Helper()
	var d records.Decoder
	var r records.Record
	for _, line := range lines {
		if err := d.Decode([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		c.Add(&r)
	}
}

// live and copied are lines of records, with what is to be said beside the least.
func live(id, more string) string {
	return fmt.Sprintf(`{"time":"2026-11-28T07:00:00Z","event":"inference","requestId":%q,"endpoint":"e","backend":"b","role":"live",%s}`, id, more)
}

func copied(id, more string) string {
	return fmt.Sprintf(`{"time":"2026-11-28T07:00:01Z","event":"inference","requestId":%q,"endpoint":"e","backend":"m","role":"mirror","deploymentName":"d","deploymentVersion":2,"branch":"main","commit":"c",%s}`, id, more)
}

const (
	ok     = `"outcome":"ok","status":200,"durationMs":10,"ttfbMs":8`
	failed = `"outcome":"error","status":503,"errorKind":"status","durationMs":1`
	liveOK = `,"liveOutcome":"ok","liveStatus":200,"liveDurationMs":5,"liveTtfbMs":4`
)

func TestAReportSaysWhatCame(t *testing.T) {
	c := report.NewCollector(report.Options{Endpoint: "e", Tolerances: map[string]report.Tolerance{"m": {Abs: .1}}})
	add(t, c,
		live("1", ok), copied("1", ok+liveOK+`,"agree":true,"labelLive":"cat","labelMirror":"cat","scoreLive":0.5,"scoreMirror":0.55`),
		live("2", ok), copied("2", ok+liveOK+`,"agree":false,"labelLive":"cat","labelMirror":"dog","scoreLive":0.5,"scoreMirror":0.9,"diff":[{"path":"/rows/3/label","live":"cat","mirror":"dog"},{"path":"/rows/4/why","mirror":1}]`),
		live("3", ok), copied("3", ok+liveOK+`,"agree":false,"labelLive":"dog","labelMirror":"dog","scoreLive":0.1,"scoreMirror":0.1,"diff":[{"path":"/rows/0/why","live":1}]`),
		live("4", ok), copied("4", failed+liveOK+`,"agree":null,"unpaired":"mirror_failed"`),
		live("5", failed), copied("5", ok+`,"liveOutcome":"error","liveStatus":503,"agree":null,"unpaired":"live_failed"`),
		live("6", failed), copied("6", `"outcome":"error","status":null,"errorKind":"timeout","liveOutcome":"error","agree":null,"unpaired":"live_failed"`),
		live("7", `"outcome":"canceled"`), copied("7", ok+`,"liveOutcome":"canceled","agree":null,"unpaired":"live_canceled"`),
		live("8", ok), copied("8", `"outcome":"dropped","errorKind":"queue_full"`),
		live("9", ok),
		live("9", ok+`,"superseded":true`), // a try whose answer nobody got
		`{"event":"swap","endpoint":"e"}`,
		`{"event":"inference","endpoint":"other","role":"live"}`,
	)
	r := c.Report("m", nil)
	want := report.Coverage{
		Live: 9, Sampled: 8, Sent: 7, Answered: 6, Paired: 6, Compared: 3,
		Dropped:  map[string]int64{"queue_full": 1},
		Unpaired: map[string]int64{"mirror_failed": 1, "live_failed": 2, "live_canceled": 1},
	}
	if diff := cmp.Diff(want, r.Coverage); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
	errors := report.Errors{
		BothOK: 3, LiveOnly: 1, MirrorOnly: 1, BothFailed: 1, PValue: 1,
		Kinds: map[string]int64{"503": 1, "timeout": 1}, Examples: []string{"4"},
	}
	if diff := cmp.Diff(errors, r.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if r.Agreement.Pairs != 3 || r.Agreement.Agree != 1 || !cmp.Equal(r.Agreement.Examples, []string{"2", "3"}) {
		t.Errorf("agreement: %+v", r.Agreement)
	}
	if diff := cmp.Diff([]report.Confusion{{Live: "cat", Mirror: "dog", N: 1}}, r.Labels.Confusions); diff != "" || *r.Labels.Kappa < .39 || *r.Labels.Kappa > .41 {
		t.Errorf("labels: kappa %v (-want +got):\n%s", *r.Labels.Kappa, diff)
	}
	worst := []report.ScoreWorst{{RequestID: "2", Live: .5, Mirror: .9}, {RequestID: "1", Live: .5, Mirror: .55}, {RequestID: "3", Live: .1, Mirror: .1}}
	if diff := cmp.Diff(worst, r.Scores.Worst); diff != "" || r.Scores.Pairs != 3 || r.Scores.WithinTolerance != 2./3 || r.Scores.Bias < .149 || r.Scores.Bias > .151 {
		t.Errorf("scores %+v (-want +got):\n%s", r.Scores, diff)
	}
	if diff := cmp.Diff([]report.Shape{{Path: "/rows/*/why", Vanished: 1, Appeared: 1}}, r.Shape); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
	if d := r.LatencyMs.PairedDifference; d == nil || d.Mean != 5 || r.TTFBMs.PairedDifference.Mean != 4 {
		t.Errorf("latency: %+v", d)
	}
	if r.From != time.Date(2026, 11, 28, 7, 0, 0, 0, time.UTC) || r.To != r.From.Add(time.Second) || !cmp.Equal(r.Versions, []string{"d 2 (main)"}) {
		t.Errorf("from %v to %v, versions %v", r.From, r.To, r.Versions)
	}
	if len(r.Slices) != 1 || r.Slices[0].Key != "commit" || r.Slices[0].Slices[0].Pairs != 6 {
		t.Errorf("slices: %+v", r.Slices)
	}
	if r.Verdict != report.Open {
		t.Errorf("verdict %s", r.Verdict)
	}
}

// Records of mirrors that do not compare say nothing of the live attempt. They are
// paired with its record, whichever of both comes first.
func TestPairsMeetByTheirRequestID(t *testing.T) {
	c := report.NewCollector(report.Options{Endpoint: "e", Slices: []report.SliceKey{slice(t, "header:X-Tenant")}})
	const tenant = `,"request":{"headers":{"x-tenant":"acme"}}`
	add(t, c,
		live("1", ok+tenant), copied("1", ok),
		copied("2", failed), live("2", ok+tenant),
		copied("3", ok), copied("4", ok), live("4", `"outcome":"canceled"`),
	)
	r := c.Report("m", nil)
	want := report.Coverage{
		Live: 3, Sampled: 4, Sent: 4, Answered: 4, Paired: 2,
		Dropped: map[string]int64{}, Unpaired: map[string]int64{"not_compared": 2, "live_canceled": 1, "no_live_record": 1},
	}
	if diff := cmp.Diff(want, r.Coverage); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
	if r.Errors.BothOK != 1 || r.Errors.MirrorOnly != 1 {
		t.Errorf("errors: %+v", r.Errors)
	}
	tenants := []report.Slice{{Value: "acme", Pairs: 2, Share: 1, MirrorErrors: .5}}
	if diff := cmp.Diff(tenants, r.Slices[1].Slices, cmpopts.IgnoreFields(report.Slice{}, "Interval")); diff != "" || r.Slices[1].Key != "header:x-tenant" {
		t.Errorf("slices by %s (-want +got):\n%s", r.Slices[1].Key, diff)
	}
}

func slice(t *testing.T, s string) report.SliceKey {
	t.Helper()
	key, err := report.ParseSliceKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSliceKeys(t *testing.T) {
	for _, s := range []string{"commit", "subject", "version", "header:x-tenant"} {
		if key := slice(t, s); key.String() != s {
			t.Errorf("%s is read as %s", s, key)
		}
	}
	for _, s := range []string{"", "header", "header:", "tenant", "commit:x"} {
		if key, err := report.ParseSliceKey(s); err == nil {
			t.Errorf("%q is read as %s", s, key)
		}
	}
}

// Each slice has the figures of its own pairs.
func TestSlicesHaveTheFiguresOfTheirPairs(t *testing.T) {
	c := report.NewCollector(report.Options{Endpoint: "e", Slices: []report.SliceKey{slice(t, "subject"), slice(t, "version")}})
	later := func(line string) string {
		return strings.NewReplacer(`"commit":"c"`, `"commit":"d"`, `"deploymentVersion":2`, `"deploymentVersion":3`).Replace(line)
	}
	const ann, bob = `,"subjectId":"ann"`, `,"subjectId":"bob"`
	add(t, c,
		copied("1", ok+liveOK+ann+`,"agree":true`),
		copied("2", ok+liveOK+ann+`,"agree":false`),
		copied("3", failed+liveOK+bob+`,"agree":null,"unpaired":"mirror_failed"`),
		later(copied("4", ok+`,"liveOutcome":"error"`+bob+`,"agree":null,"unpaired":"live_failed"`)),
	)
	half, older, newer := .5, report.Slice{Pairs: 3, Share: .75, MirrorErrors: 1. / 3, LatencyMs: 5}, report.Slice{Pairs: 1, Share: .25, LiveErrors: 1}
	older.Agreement = &half
	of := func(s report.Slice, value string) report.Slice { s.Value = value; return s }
	want := []report.Slicing{
		{Key: "commit", Slices: []report.Slice{of(older, "c"), of(newer, "d")}},
		{Key: "subject", Slices: []report.Slice{
			{Value: "ann", Pairs: 2, Share: .5, Agreement: &half, LatencyMs: 5},
			{Value: "bob", Pairs: 2, Share: .5, LiveErrors: .5, MirrorErrors: .5},
		}},
		{Key: "version", Slices: []report.Slice{of(older, "2"), of(newer, "3")}},
	}
	if diff := cmp.Diff(want, c.Report("m", nil).Slices, cmpopts.IgnoreFields(report.Slice{}, "Interval")); diff != "" {
		t.Errorf("slices (-want +got):\n%s", diff)
	}
}

// What a report keeps does not grow with what there is any number of.
func TestReportsAreBounded(t *testing.T) {
	c := report.NewCollector(report.Options{Endpoint: "e", Slices: []report.SliceKey{slice(t, "subject")}})
	for i := range 20_000 {
		add(t, c, copied(fmt.Sprint(i), ok+liveOK+fmt.Sprintf(`,"agree":false,"subjectId":"s%d","labelLive":"l%d","labelMirror":"x","diff":[{"path":"/p%d","live":1}]`, i, i, i)))
	}
	r := c.Report("m", nil)
	if r.Labels.Pairs != 20_000 || len(r.Labels.Confusions) > 20 || len(r.Shape) > 20 || len(r.Slices[1].Slices) > 20 {
		t.Errorf("%d labels, %d shapes, %d slices are shown", len(r.Labels.Confusions), len(r.Shape), len(r.Slices[1].Slices))
	}
	if got := r.Slices[1].Others; got != 20_000-20 {
		t.Errorf("%d pairs have other subjects", got)
	}
}
