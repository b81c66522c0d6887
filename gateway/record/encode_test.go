package record_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var at = time.Date(2026, 3, 9, 7, 5, 3, 45_678_901, time.UTC)

// full is a record with every field set.
func full() record.Record {
	return record.Record{
		RequestID:         "0c9d4a31-7a53-4d0e-a8f4-0b7d1d8a2e11",
		Endpoint:          "pricing_optimizer",
		Backend:           "mirror_1",
		Role:              record.Mirror,
		DeploymentName:    "pricing_model_v3",
		DeploymentVersion: 12,
		Alias:             "latest",
		Branch:            "main",
		Subject:           "user-48213",
		Commit:            "f6523d30c2a1b0de4b7f4e1a90f1f7a1f0c1d2e3",
		Outcome:           record.Error,
		Status:            502,
		Error:             "read answer: connection reset by peer",
		ErrorKind:         record.Reset,
		Start:             at,
		End:               at.Add(12_345_678 * time.Nanosecond),
		TTFB:              9_870 * time.Microsecond,
		RequestBytes:      200,
		ResponseBytes:     1 << 20,
		Replica:           "http://10.0.0.6:8001/predict",
		Method:            "POST",
		Path:              "/v1/pricing_optimizer/rest",
	}
}

func TestRecordIsTheContractsLine(t *testing.T) {
	r := full()
	want := `{"time":"2026-03-09T07:05:03.058Z","level":"warn","event":"inference",` +
		`"requestId":"0c9d4a31-7a53-4d0e-a8f4-0b7d1d8a2e11","endpoint":"pricing_optimizer","backend":"mirror_1","role":"mirror",` +
		`"deploymentName":"pricing_model_v3","deploymentVersion":12,"alias":"latest","branch":"main","subjectId":"user-48213",` +
		`"commit":"f6523d30c2a1b0de4b7f4e1a90f1f7a1f0c1d2e3","outcome":"error","status":502,` +
		`"error":"read answer: connection reset by peer","errorKind":"reset","startTs":1773039903045,"endTs":1773039903058,` +
		`"durationMs":12.345,"ttfbMs":9.87,"requestBytes":200,"responseBytes":1048576,` +
		`"replica":"http://10.0.0.6:8001/predict","method":"POST","path":"/v1/pricing_optimizer/rest"}` + "\n"
	if diff := cmp.Diff(want, string(record.AppendJSON(nil, &r))); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

func TestWhatAnAttemptDidNotHaveIsNull(t *testing.T) {
	r := record.Record{
		RequestID: "a", Endpoint: "e", Backend: "holdout", Role: record.Live, Commit: "c",
		Outcome: record.OK, Start: at, End: at, Method: "GET", Path: "/v1/e",
	}
	want := `{"time":"2026-03-09T07:05:03.045Z","level":"info","event":"inference",` +
		`"requestId":"a","endpoint":"e","backend":"holdout","role":"live",` +
		`"deploymentName":null,"deploymentVersion":null,"alias":null,"branch":null,"commit":"c",` +
		`"outcome":"ok","status":null,"error":null,"errorKind":null,"startTs":1773039903045,"endTs":1773039903045,` +
		`"durationMs":0,"ttfbMs":null,"requestBytes":0,"responseBytes":0,"replica":null,"method":"GET","path":"/v1/e"}` + "\n"
	if diff := cmp.Diff(want, string(record.AppendJSON(nil, &r))); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

func TestLevelFollowsTheOutcome(t *testing.T) {
	levels := map[record.Outcome]string{
		record.OK: "info", record.Canceled: "info", record.Error: "warn", record.Dropped: "warn",
	}
	for outcome, want := range levels {
		r := full()
		r.Outcome = outcome
		if got := decode(t, record.AppendJSON(nil, &r))["level"]; got != want {
			t.Errorf("level of %s = %v, want %s", outcome, got, want)
		}
	}
}

func TestRecordIsEncodedWithoutAllocating(t *testing.T) {
	r := full()
	buf := make([]byte, 0, 4096)
	if n := testbed.Allocs(100, func() { buf = record.AppendJSON(buf[:0], &r) }); n != 0 {
		t.Errorf("AppendJSON allocates %v times", n)
	}
}

// FuzzRecordIsOneLineThatDecodesToItself holds for whatever callers put into
// paths, methods, subjects and request ids, and deployments into errors; and
// zerolog, through which process events go, writes the same bytes.
func FuzzRecordIsOneLineThatDecodesToItself(f *testing.F) {
	f.Add("plain", "POST", "/v1/x", "", int64(0), int64(0), 200, int64(1))
	f.Add("quote\"back\\slash", "\x00\x1f\x7f", "/\u2028\u2029\u0085", "\xff\xc0\xaf", int64(-5), int64(1), -1, int64(-1))
	f.Add("\ufffd\n\r\t\b\f", "<script>&", "/é/日本/\U0001f600", "\xed\xa0\x80", int64(1e15), int64(1_000_001), 599, int64(1)<<62)
	f.Fuzz(func(t *testing.T, text, method, path, subject string, start, took int64, status int, size int64) {
		r := full()
		r.RequestID, r.Endpoint, r.Backend, r.Error, r.Replica = text, text, subject, text, path
		r.DeploymentName, r.Alias, r.Branch, r.Commit = path, method, subject, text
		r.Method, r.Path, r.Subject = method, path, subject
		r.Attempt, r.Superseded, r.FallbackFrom = int(size%1000), status%2 == 0, subject
		r.Start = at.Add(time.Duration(start % int64(1e17)))
		r.End = r.Start.Add(time.Duration(took % int64(1e17)))
		r.TTFB = time.Duration(took % int64(1e17))
		r.Status, r.DeploymentVersion, r.RequestBytes, r.ResponseBytes = status, status, size, start

		line := record.AppendJSON([]byte("kept"), &r)
		line = bytes.TrimPrefix(line, []byte("kept"))
		if n := bytes.IndexByte(line, '\n'); n != len(line)-1 {
			t.Fatalf("newline at %d of %d: %q", n, len(line), line)
		}
		if strings.ContainsAny(string(line), "\u2028\u2029") {
			t.Errorf("line separator in %q", line)
		}
		if diff := cmp.Diff(viaStandardLibrary(t, &r), decode(t, line)); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(viaZerolog(&r), string(line)); diff != "" {
			t.Errorf("bytes (-zerolog +AppendJSON):\n%s", diff)
		}
	})
}

func decode(t *testing.T, line []byte) map[string]any {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("decode %q: %v", line, err)
	}
	return m
}

// viaStandardLibrary is what encoding/json makes of the record.
func viaStandardLibrary(t *testing.T, r *record.Record) map[string]any {
	t.Helper()
	m := map[string]any{
		"time": r.End.UTC().Format("2006-01-02T15:04:05.000Z"), "level": "warn", "event": "inference",
		"requestId": r.RequestID, "endpoint": r.Endpoint, "backend": r.Backend, "role": r.Role,
		"deploymentName": orNull(r.DeploymentName), "deploymentVersion": orNull(r.DeploymentVersion),
		"alias": orNull(r.Alias), "branch": orNull(r.Branch), "commit": r.Commit,
		"outcome": r.Outcome, "status": orNull(r.Status), "error": orNull(r.Error), "errorKind": orNull(r.ErrorKind),
		"startTs": r.Start.UnixMilli(), "endTs": r.End.UnixMilli(),
		"durationMs": millis(r.End.Sub(r.Start)), "ttfbMs": orNull(millis(r.TTFB)),
		"requestBytes": r.RequestBytes, "responseBytes": r.ResponseBytes,
		"replica": orNull(r.Replica), "method": r.Method, "path": r.Path,
	}
	if r.TTFB > 0 {
		m["ttfbMs"] = millis(r.TTFB) // below a microsecond is 0, not null
	}
	if r.Subject != "" {
		m["subjectId"] = r.Subject
	}
	if r.Attempt > 0 {
		m["attempt"] = r.Attempt
	}
	if r.Superseded {
		m["superseded"] = true
	}
	if r.FallbackFrom != "" {
		m["fallbackFrom"] = r.FallbackFrom
	}
	line, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, line)
}

// viaZerolog is the line that zerolog writes for the record's fields.
func viaZerolog(r *record.Record) string {
	var buf strings.Builder
	log := zerolog.New(&buf)
	e := log.Log().Str("time", r.End.UTC().Format("2006-01-02T15:04:05.000Z")).Str("level", "warn").
		Str("event", "inference").Str("requestId", r.RequestID).Str("endpoint", r.Endpoint).
		Str("backend", r.Backend).Str("role", string(r.Role))
	text(e, "deploymentName", r.DeploymentName)
	number(e, "deploymentVersion", r.DeploymentVersion)
	text(e, "alias", r.Alias)
	text(e, "branch", r.Branch)
	if r.Subject != "" {
		e.Str("subjectId", r.Subject)
	}
	e.Str("commit", r.Commit).Str("outcome", string(r.Outcome))
	number(e, "status", r.Status)
	text(e, "error", r.Error)
	text(e, "errorKind", string(r.ErrorKind))
	e.Int64("startTs", r.Start.UnixMilli()).Int64("endTs", r.End.UnixMilli()).
		Float64("durationMs", millis(r.End.Sub(r.Start)))
	if r.TTFB > 0 {
		e.Float64("ttfbMs", millis(r.TTFB))
	} else {
		e.Any("ttfbMs", nil)
	}
	e.Int64("requestBytes", r.RequestBytes).Int64("responseBytes", r.ResponseBytes)
	text(e, "replica", r.Replica)
	e.Str("method", r.Method).Str("path", r.Path)
	if r.Attempt > 0 {
		e.Int("attempt", r.Attempt)
	}
	if r.Superseded {
		e.Bool("superseded", true)
	}
	if r.FallbackFrom != "" {
		e.Str("fallbackFrom", r.FallbackFrom)
	}
	e.Send()
	return strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`).Replace(buf.String())
}

func text(e *zerolog.Event, name, v string) {
	if v == "" {
		e.Any(name, nil)
		return
	}
	e.Str(name, v)
}

func number(e *zerolog.Event, name string, v int) {
	if v == 0 {
		e.Any(name, nil)
		return
	}
	e.Int(name, v)
}

func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func millis(d time.Duration) float64 { return float64(max(d, 0).Microseconds()) / 1000 }

func BenchmarkAppendJSON(b *testing.B) {
	r := full()
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = record.AppendJSON(buf[:0], &r)
	}
	b.SetBytes(int64(len(buf)))
}
