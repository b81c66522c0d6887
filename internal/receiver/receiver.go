// Package receiver has receivers for tests, which keep what they get: a collector of
// OpenTelemetry, which speaks OTLP over HTTP, and one of webhooks in a process of its
// own, which can be killed.
package receiver

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracespb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Receiver is a collector. It is safe for concurrent use.
type Receiver struct {
	URL string
	// Fail answers in its place if it says true; nothing is kept then. It is set
	// before the first call.
	Fail func(http.ResponseWriter, *http.Request) bool

	mu   sync.Mutex
	kept Kept
}

// Kept is what a Receiver got.
type Kept struct {
	Spans    []*traces.Span
	Logs     []*logs.LogRecord
	Metrics  []*metrics.Metric
	Resource *resource.Resource // of the last call
	Header   http.Header        // of the last call
	Raw      string             // the bodies
}

// New starts a receiver, which ends with the test.
func New(tb testing.TB) *Receiver {
	tb.Helper()
	r := new(Receiver)
	r.URL = testbed.HTTP(tb, func(w http.ResponseWriter, req *http.Request) {
		body, err := Read(req) // net/http tells a handler that its caller left only then
		if r.Fail != nil && r.Fail(w, req) {
			return
		}
		if err == nil {
			err = r.keep(req, body)
		}
		if err != nil {
			tb.Errorf("%s: %v", req.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	return r
}

// Kept is what has come so far.
func (r *Receiver) Kept() Kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept
}

// Read is the body of a call, unzipped.
func Read(req *http.Request) ([]byte, error) {
	if req.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(req.Body)
	}
	unzipped, err := gzip.NewReader(req.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unzipped)
}

func (r *Receiver) keep(req *http.Request, body []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept.Header = req.Header.Clone()
	r.kept.Raw += string(body)
	switch {
	case strings.HasSuffix(req.URL.Path, "/v1/traces"):
		return r.keepTraces(body)
	case strings.HasSuffix(req.URL.Path, "/v1/metrics"):
		return r.keepMetrics(body)
	}
	return r.keepLogs(body)
}

func (r *Receiver) keepTraces(body []byte) error {
	var call tracespb.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &call); err != nil {
		return err
	}
	for _, of := range call.ResourceSpans {
		r.kept.Resource = of.Resource
		for _, scope := range of.ScopeSpans {
			r.kept.Spans = append(r.kept.Spans, scope.Spans...)
		}
	}
	return nil
}

func (r *Receiver) keepMetrics(body []byte) error {
	var call metricspb.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &call); err != nil {
		return err
	}
	for _, of := range call.ResourceMetrics {
		r.kept.Resource = of.Resource
		for _, scope := range of.ScopeMetrics {
			r.kept.Metrics = append(r.kept.Metrics, scope.Metrics...)
		}
	}
	return nil
}

func (r *Receiver) keepLogs(body []byte) error {
	var call logspb.ExportLogsServiceRequest
	if err := proto.Unmarshal(body, &call); err != nil {
		return err
	}
	for _, of := range call.ResourceLogs {
		r.kept.Resource = of.Resource
		for _, scope := range of.ScopeLogs {
			r.kept.Logs = append(r.kept.Logs, scope.LogRecords...)
		}
	}
	return nil
}
