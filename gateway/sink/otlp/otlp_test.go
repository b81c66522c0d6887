package otlp_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/sink"
	"github.com/switchyard-gateway/switchyard/gateway/sink/otlp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// endpoint is a collector that keeps what it gets.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	token   string
	service string
	records []*logs.LogRecord
	status  int
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{status: http.StatusOK}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		data, err := io.ReadAll(body)
		var request collector.ExportLogsServiceRequest
		if err == nil {
			err = proto.Unmarshal(data, &request)
		}
		if err != nil || r.URL.Path != "/v1/logs" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(e.status)
		if e.status != http.StatusOK {
			return
		}
		e.token = r.Header.Get("Authorization")
		for _, resource := range request.ResourceLogs {
			for _, a := range resource.Resource.Attributes {
				if a.Key == "service.name" {
					e.service = a.Value.GetStringValue()
				}
			}
			for _, scope := range resource.ScopeLogs {
				e.records = append(e.records, scope.LogRecords...)
			}
		}
	}))
	t.Cleanup(e.Close)
	return e
}

func TestRecordsAreLogs(t *testing.T) {
	e := newEndpoint(t)
	c, err := otlp.New(t.Context(), otlp.Options{
		URL: e.URL + "/v1/logs", Headers: map[string]string{"Authorization": "Bearer s3cret"}, Timeout: time.Minute, Service: "switchyard",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
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
	if len(e.records) != 2 || e.token != "Bearer s3cret" || e.service != "switchyard" {
		t.Fatalf("%d records of %q", len(e.records), e.service)
	}
	live, dropped := e.records[0], e.records[1]
	if live.TimeUnixNano != uint64(at.UnixNano()) || live.SeverityText != "info" || live.EventName != "switchyard.inference" ||
		dropped.SeverityNumber != logs.SeverityNumber_SEVERITY_NUMBER_WARN {
		t.Errorf("live %v, dropped %v", live, dropped)
	}
	want := map[string]any{
		"requestId": "r", "endpoint": "e", "role": "live", "status": int64(200), "durationMs": 1.5, "switchyard.delivery": "b-1/0",
		"response": map[string]any{"bytes": int64(3), "truncated": false, "body": map[string]any{"a": []any{int64(1), true, "x"}}},
	}
	got := map[string]any{}
	for _, a := range live.Attributes {
		if _, ok := want[a.Key]; ok {
			got[a.Key] = plain(a.Value)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func plain(v *common.AnyValue) any {
	switch v := v.Value.(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_DoubleValue:
		return v.DoubleValue
	case *common.AnyValue_ArrayValue:
		var all []any
		for _, item := range v.ArrayValue.Values {
			all = append(all, plain(item))
		}
		return all
	case *common.AnyValue_KvlistValue:
		all := map[string]any{}
		for _, member := range v.KvlistValue.Values {
			all[member.Key] = plain(member.Value)
		}
		return all
	}
	return nil
}

func TestACollectorThatFailsIsAnError(t *testing.T) {
	e := newEndpoint(t)
	e.status = http.StatusServiceUnavailable
	c, err := otlp.New(t.Context(), otlp.Options{URL: e.URL + "/v1/logs", Timeout: time.Minute, Service: "switchyard"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	line := record.AppendJSON(nil, &record.Record{Start: time.Now(), End: time.Now()})
	if err := c.Send(t.Context(), sink.Batch{ID: "b-1", Lines: line}); err == nil {
		t.Error("nobody is told")
	}
}
