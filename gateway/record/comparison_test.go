package record_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// compared is what a record's line has behind its path.
func compared(t *testing.T, c record.Comparison) string {
	t.Helper()
	r := full()
	r.Comparison = &c
	line := string(record.AppendJSON(nil, &r))
	if !json.Valid([]byte(line)) {
		t.Errorf("no JSON: %s", line)
	}
	_, rest, _ := strings.Cut(line, `"path":"/v1/pricing_optimizer/rest",`)
	return strings.TrimSuffix(rest, "}\n")
}

func TestAComparisonIsTheContractsFields(t *testing.T) {
	for want, c := range map[string]record.Comparison{
		`"agree":null,"unpaired":"late"`: {Unpaired: record.Late},
		`"liveStatus":200,"liveOutcome":"ok","liveDurationMs":1.5,"liveTtfbMs":1,"agree":true,"noise":true`: {
			LiveStatus: 200, LiveOutcome: record.OK, LiveDuration: 1500 * time.Microsecond, LiveTTFB: time.Millisecond, Agree: record.Agrees, Noise: true,
		},
		`"liveStatus":null,"liveOutcome":"error","liveDurationMs":0,"liveTtfbMs":null,"agree":null,"unpaired":"live_failed"`: {
			LiveOutcome: record.Error, Unpaired: record.LiveFailed,
		},
		`"agree":false,"diff":[{"path":"/a","live":{"b":1},"mirror":"x\"y"},{"path":"","live":1},{"path":"status","mirror":404}],` +
			`"labelLive":"cat","labelMirror":"","scoreLive":0.75,"scoreMirror":0.5,"scoreDelta":-0.25,"similarity":0.5`: {
			Agree: record.Differs,
			Diff: []record.Difference{
				{Path: "/a", Live: record.Value{Kind: record.JSON, Text: `{"b":1}`}, Mirror: record.Value{Kind: record.Text, Text: `x"y`}},
				{Live: record.Value{Kind: record.JSON, Text: "1"}},
				{Path: "status", Mirror: record.Value{Kind: record.JSON, Text: "404"}},
			},
			Labeled: true, LabelLive: "cat", Scored: true, ScoreLive: 0.75, ScoreMirror: 0.5, Measured: true, Similarity: 0.5,
		},
		`"agree":true,"scoreLive":-1.7976931348623157e+308,"scoreMirror":1.7976931348623157e+308,"scoreDelta":null`: {
			Agree: record.Agrees, Scored: true, ScoreLive: -math.MaxFloat64, ScoreMirror: math.MaxFloat64,
		},
	} {
		if diff := cmp.Diff(want, compared(t, c)); diff != "" {
			t.Error(diff)
		}
	}
}
