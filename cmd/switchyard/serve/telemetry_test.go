package serve_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/receiver"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// exporting sends all there is to r.
func exporting(r *receiver.Receiver) serve.Options {
	return serve.Options{Version: "1.2.3", Telemetry: serve.Telemetry{
		TracesURL: r.URL + "/v1/traces", MetricsURL: r.URL + "/v1/metrics", Sampling: 1, MetricsEvery: time.Hour,
		Header: func() (http.Header, error) { return http.Header{"Authorization": {"Bearer t0ken"}}, nil },
	}}
}

// openMetrics is /metrics as Prometheus asks for it.
func (r *running) openMetrics() string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.admin+"/metrics", http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/openmetrics-text") {
		r.t.Fatalf("%v %v", res.Header, err)
	}
	return string(text)
}

// A trace can be found from the record, and from the bucket of the histogram that it
// is in; the same metrics are sent.
func TestTracesAreFoundFromRecordsAndMetrics(t *testing.T) {
	collector := receiver.New(t)
	r := start(t, exporting(collector), static("1"))
	r.call(http.MethodPost, r.url+"/v1/e", "{}")
	testbed.Eventually(t, "the span arrives", func() bool { return len(collector.Kept().Spans) == 1 })
	r.wait("the record", func(l line) bool { return l.Event == record.EventInference })
	exemplar := regexp.MustCompile(`(?m)^switchyard_attempt_duration_seconds_bucket\{.*\} 1 # \{(.*)\}`).FindString(r.openMetrics())
	for _, l := range testbed.Lines[struct{ Event, TraceID, SpanID string }](t, r.log) {
		if l.Event == record.EventInference && (!strings.Contains(exemplar, `trace_id="`+l.TraceID+`"`) || !strings.Contains(exemplar, `span_id="`+l.SpanID+`"`)) {
			t.Errorf("the exemplar is %s of %+v", exemplar, l)
		}
	}
	if strings.Contains(r.log.String(), "t0ken") {
		t.Errorf("the token is in the log: %s", r.log.String())
	}
	r.stop()
	if err := testbed.Receive(t, "the end", r.ended); err != nil {
		t.Fatal(err)
	}
	kept := collector.Kept()
	for _, m := range kept.Metrics {
		if m.Name == "switchyard_attempt_duration_seconds" {
			point := m.GetHistogram().DataPoints[0]
			resource := receiver.Attributes(kept.Resource.Attributes)
			if point.Count != 1 || len(point.Exemplars) != 1 || resource["service.version"] != "1.2.3" || kept.Header.Get("Authorization") != "Bearer t0ken" {
				t.Errorf("sent is %v of %v", m, resource)
			}
			return
		}
	}
	t.Errorf("the histogram is not among %d metrics", len(kept.Metrics))
}

// A collector that is down, refuses or hangs touches neither callers nor the log, nor
// holds up the end for long; what it did not take is counted.
func TestM16ACollectorThatFailsTouchesNobody(t *testing.T) {
	const n = 5000 // more than wait
	records, collectors := 0, 0
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"down":    func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"refuses": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusUnauthorized); return true },
		"hangs":   func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
	} {
		t.Run(name, func(t *testing.T) {
			collector := receiver.New(t)
			collector.Fail = fail
			r := start(t, exporting(collector), static("1"))
			for range n {
				if status, body := r.call(http.MethodPost, r.url+"/v1/e", "{}"); status != http.StatusOK {
					t.Fatalf("%d %s", status, body)
				}
			}
			testbed.Eventually(t, "what is not taken is counted", func() bool {
				_, metrics := r.call(http.MethodGet, r.admin+"/metrics", "")
				return regexp.MustCompile(`(?m)^switchyard_telemetry_spans_dropped_total [1-9]`).MatchString(metrics)
			})
			r.stop()
			if err := testbed.Receive(t, "the end", r.ended); err != nil {
				t.Error(err)
			}
			got := len(r.lines(func(l line) bool { return l.Event == record.EventInference }))
			if got != n {
				t.Errorf("the log has %d records of %d", got, n)
			}
			records += got
			collectors++
		})
	}
	testbed.Measured(t, "M16", "%d requests while a collector is down, refuses or hangs, %d each: errors 0, %d records in the log", collectors*n, n, records)
}
