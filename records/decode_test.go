package records_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/records"
)

var at = time.Date(2026, 3, 9, 7, 5, 3, 45_000_000, time.UTC)

// What the gateway writes is read as it was.
func TestLinesOfTheGatewayAreReadAsTheyWere(t *testing.T) {
	written := record.Record{
		RequestID: "0c9d4a31 \"quoted\" \u2028", Endpoint: "pricing_optimizer", Backend: "mirror_1", Role: record.Mirror,
		DeploymentName: "pricing_model_v3", DeploymentVersion: 12, Alias: "latest", Branch: "main", Subject: "user-48213",
		Commit: "f6523d30", Outcome: record.Error, Status: 502, Error: "read answer: connection reset by peer", ErrorKind: record.Reset,
		Start: at, End: at.Add(12_345 * time.Microsecond), TTFB: 9_870 * time.Microsecond, RequestBytes: 200, ResponseBytes: 1 << 40,
		Replica: "http://10.0.0.6:8001/predict", Method: "POST", Path: "/v1/pricing_optimizer/rest",
	}
	want := records.Record{
		Time: at.Add(12 * time.Millisecond), Event: records.Inference,
		RequestID: written.RequestID, Endpoint: written.Endpoint, Backend: written.Backend, Role: records.Mirror,
		DeploymentName: written.DeploymentName, DeploymentVersion: 12, Alias: "latest", Branch: "main", Subject: written.Subject,
		Commit: written.Commit, Outcome: records.Error, Status: 502, Error: written.Error, ErrorKind: "reset",
		Start: at.UnixMilli(), End: at.UnixMilli() + 12, Duration: 12.345, TTFB: records.Number{Value: 9.87, Is: true},
		RequestBytes: 200, ResponseBytes: 1 << 40, Replica: written.Replica, Method: "POST", Path: written.Path,
	}
	if diff := cmp.Diff(want, decode(t, string(record.AppendJSON(nil, &written)))); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestWhatComparisonsSayIsRead(t *testing.T) {
	line := `{"attempt":2,"superseded":true,"fallbackFrom":"a","keyName":"k","resultCount":3,` +
		`"request":{"contentType":"application/json","body":{"data":10}},"response":{"body":1},` +
		`"liveStatus":200,"liveOutcome":"ok","liveDurationMs":1.5,"liveTtfbMs":1.25,"agree":false,` +
		`"diff":[{"path":"/data","live":20,"mirror":21}],"labelLive":"cat","labelMirror":7,` +
		`"scoreLive":0.5,"scoreMirror":-1e-3,"scoreDelta":-0.501,"similarity":0,"noise":true,"unpaired":"late"}`
	number := func(v float64) records.Number { return records.Number{Value: v, Is: true} }
	want := records.Record{
		Attempt: 2, Superseded: true, FallbackFrom: "a", KeyName: "k", ResultCount: 3,
		Request: `{"contentType":"application/json","body":{"data":10}}`, Response: `{"body":1}`,
		Comparison: records.Comparison{
			LiveStatus: 200, LiveOutcome: "ok", LiveDuration: number(1.5), LiveTTFB: number(1.25), Agree: records.Differs,
			Diff:      `[{"path":"/data","live":20,"mirror":21}]`,
			LabelLive: records.Label{Text: "cat", Is: true}, LabelMirror: records.Label{Text: "7", Is: true},
			ScoreLive: number(.5), ScoreMirror: number(-1e-3), ScoreDelta: number(-.501), Similarity: number(0), Noise: true, Unpaired: "late",
		},
	}
	r := decode(t, line)
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]records.Change{{Path: "/data", Live: "20", Mirror: "21"}}, r.Changes()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestWhatIsCapturedOfARequestIsFound(t *testing.T) {
	r := decode(t, `{"request":{"headers":{"X-Tenant":"a","x-many":["b","c"],"n":7}},"diff":[{"path":"/a","live":1},{"path":"/b","mirror":null},7,{}]}`)
	for name, want := range map[string]string{"x-tenant": "a", "X-Many": "b", "n": "", "other": ""} {
		if got := r.RequestHeader(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if diff := cmp.Diff([]records.Change{{Path: "/a", Live: "1"}, {Path: "/b", Mirror: "null"}}, r.Changes()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got := decode(t, `{}`); got.RequestHeader("x") != "" || got.Changes() != nil {
		t.Error("something was captured of nothing")
	}
}

func TestOddLines(t *testing.T) {
	for line, want := range map[string]records.Record{
		`{}`:                            {},
		` {"status":null,"agree":null}`: {},
		`{"status":"200","endpoint":7,"agree":"yes","labelLive":null,"scoreLive":"1","diff":{},"request":[]}`: {},
		`{"endpoint":"a","endpoint":"b","unknown":{"endpoint":"c"}}`:                                          {Endpoint: "b"},
		`{"\u0065ndpoint":"\u0061"}`: {Endpoint: "a"},
		`{"agree":true,"labelLive":true,"labelMirror":[1, 2]}`: {Comparison: records.Comparison{
			Agree: records.Agrees, LabelLive: records.Label{Text: "true", Is: true}, LabelMirror: records.Label{Text: "[1, 2]", Is: true},
		}},
	} {
		if diff := cmp.Diff(want, decode(t, line)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
	for _, line := range []string{"", "null", "[]", `"x"`, "7", `{"a":`, `{"a":1}}`, "{'a':1}", "panic: runtime error"} {
		var d records.Decoder
		if err := d.Decode([]byte(line), &records.Record{Status: 1}); err == nil {
			t.Errorf("%q is read", line)
		}
	}
}

func decode(t *testing.T, line string) records.Record {
	t.Helper()
	var d records.Decoder
	r := records.Record{Error: "of before"}
	if err := d.Decode([]byte(line), &r); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return r
}

// FuzzDecodeAgreesWithTheStandardLibrary: a line is refused if and only if
// encoding/json refuses it, and what is read is what that reads.
func FuzzDecodeAgreesWithTheStandardLibrary(f *testing.F) {
	f.Add(`{"time":"2026-03-09T07:05:03.045Z","event":"inference","status":200,"durationMs":1.5,"agree":true}`)
	f.Add(`{"requestId":"\ud83d\ude00\n","labelLive":"x","scoreDelta":-1e-3,"error":null}`)
	f.Add(`{"subjectId":"a\u0000b","status":2e2,"path":"\/x"}`)
	f.Add(`[{"a":1}]`)
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ToValidUTF8(line, "") != line {
			t.Skip("the gateway writes valid UTF-8 only, and both treat the rest differently")
		}
		var want map[string]any
		refused := json.Unmarshal([]byte(line), &want) != nil || want == nil
		var d records.Decoder
		var got records.Record
		if err := d.Decode([]byte(line), &got); (err != nil) != refused {
			t.Fatalf("Decode says %v, encoding/json refuses: %v", err, refused)
		}
		if refused {
			return
		}
		for name, value := range map[string]string{
			"requestId": got.RequestID, "endpoint": got.Endpoint, "error": got.Error, "path": got.Path, "subjectId": got.Subject, "unpaired": got.Unpaired,
		} {
			if s, _ := want[name].(string); s != value {
				t.Errorf("%s is %q, want %q", name, value, s)
			}
		}
		for name, value := range map[string]records.Number{
			"ttfbMs": got.TTFB, "scoreLive": got.ScoreLive, "scoreDelta": got.ScoreDelta, "liveDurationMs": got.LiveDuration,
		} {
			v, is := want[name].(float64)
			if is != value.Is || math.Abs(v-value.Value) > 1e-9*math.Abs(v) {
				t.Errorf("%s is %v, want %v", name, value, want[name])
			}
		}
		agree, is := want["agree"].(bool)
		if (got.Agree != records.NotCompared) != is || is && agree != (got.Agree == records.Agrees) {
			t.Errorf("agree is %v, want %v", got.Agree, want["agree"])
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	r := record.Record{
		RequestID: "0c9d4a31-7a53-4d0e-a8f4-0b7d1d8a2e11", Endpoint: "pricing_optimizer", Backend: "mirror_1", Role: record.Mirror,
		DeploymentName: "pricing_model_v3", DeploymentVersion: 12, Alias: "latest", Branch: "main", Subject: "user-48213", Commit: "f6523d30",
		Outcome: record.OK, Status: 200, Start: at, End: at.Add(time.Millisecond), TTFB: time.Millisecond, Replica: "http://10.0.0.6:8001/predict",
		Method: "POST", Path: "/v1/pricing_optimizer",
	}
	line := record.AppendJSON(nil, &r)
	var d records.Decoder
	var got records.Record
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(line, &got); err != nil {
			b.Fatal(err)
		}
	}
}
