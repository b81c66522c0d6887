package otlp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collected "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/sink"
	"github.com/switchyard-gateway/switchyard/gateway/sink/otlp"
	"github.com/switchyard-gateway/switchyard/internal/receiver"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// newCollector makes a Collector that sends to r, with a token.
func newCollector(t *testing.T, r *receiver.Receiver) *otlp.Collector {
	t.Helper()
	c, err := otlp.New(t.Context(), otlp.Options{
		URL: r.URL + "/v1/logs", Timeout: time.Minute, Service: "switchyard",
		Header: func() (http.Header, error) { return http.Header{"Authorization": {"Bearer s3cret"}}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func TestRecordsAreLogs(t *testing.T) {
	e := receiver.New(t)
	c := newCollector(t, e)
	at := time.Date(2026, 3, 9, 7, 5, 3, 0, time.UTC)
	var lines []byte
	lines = record.AppendJSON(lines, &record.Record{
		RequestID: "r", Endpoint: "e", Role: record.Live, Outcome: record.OK, Status: 200, Start: at.Add(-1500 * time.Microsecond), End: at,
		Response: []byte(`{"bytes":3,"truncated":false,"body":{"a":[1,true,"x"]}}`),
	})
	lines = record.AppendJSON(lines, &record.Record{RequestID: "r", Endpoint: "e", Role: record.Mirror, Outcome: record.Dropped, Start: at, End: at})
	if err := c.Send(t.Context(), sink.Batch{ID: "b-1", Lines: lines}); err != nil {
		t.Fatal(err)
	}
	kept := e.Kept()
	service := receiver.Attributes(kept.Resource.Attributes)["service.name"]
	if len(kept.Logs) != 2 || kept.Header.Get("Authorization") != "Bearer s3cret" || service != "switchyard" {
		t.Fatalf("%d records of %q", len(kept.Logs), service)
	}
	live, dropped := kept.Logs[0], kept.Logs[1]
	if live.TimeUnixNano != uint64(at.UnixNano()) || live.SeverityText != "info" || live.EventName != "switchyard.inference" ||
		dropped.SeverityNumber != logs.SeverityNumber_SEVERITY_NUMBER_WARN {
		t.Errorf("live %v, dropped %v", live, dropped)
	}
	want := map[string]any{
		"requestId": "r", "endpoint": "e", "role": "live", "status": int64(200), "durationMs": 1.5, "switchyard.delivery": "b-1/0",
		"response": map[string]any{"bytes": int64(3), "truncated": false, "body": map[string]any{"a": []any{int64(1), true, "x"}}},
	}
	got := map[string]any{}
	for name, value := range receiver.Attributes(live.Attributes) {
		if _, ok := want[name]; ok {
			got[name] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a collector answers decides whether a batch is sent again; its words, in
// which it may repeat the token, are not told.
func TestWhatACollectorAnswersDecides(t *testing.T) {
	partial, err := proto.Marshal(&collected.ExportLogsServiceResponse{
		PartialSuccess: &collected.ExportLogsPartialSuccess{RejectedLogRecords: 1, ErrorMessage: "no Bearer s3cret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status  int
		after   string
		body    []byte
		refused int64 // lines; -1: all, 0: it is sent again
		busy    time.Duration
	}{
		"down":            {status: 503},
		"busy":            {status: 429, after: "7", busy: 7 * time.Second},
		"forbidden":       {status: 403}, // somebody will give us the right token
		"redirect":        {status: 307},
		"never":           {status: 400, refused: -1},
		"too large":       {status: 413, refused: -1},
		"one is rejected": {status: 200, body: partial, refused: 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := receiver.New(t)
			e.Fail = func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Retry-After", c.after)
				w.Header().Set("Content-Type", "application/x-protobuf")
				w.WriteHeader(c.status)
				if _, _ = w.Write(c.body); c.body == nil {
					_, _ = io.WriteString(w, r.Header.Get("Authorization"))
				}
				return true
			}
			line := record.AppendJSON(nil, &record.Record{Start: time.Now(), End: time.Now()})
			err := newCollector(t, e).Send(t.Context(), sink.Batch{ID: "b-1", Lines: append(line, line...)})
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Fatalf("error %v", err)
			}
			refused, isRefused := errors.AsType[*sink.RefusedError](err)
			if isRefused != (c.refused != 0) || isRefused && refused.Lines != max(c.refused, 0) {
				t.Errorf("refused: %v %+v", isRefused, refused)
			}
			if busy, ok := errors.AsType[*sink.BusyError](err); ok != (c.busy > 0) || ok && busy.After != c.busy {
				t.Errorf("busy: %+v", busy)
			}
		})
	}
}
