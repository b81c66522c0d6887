package telemetry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	collected "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/telemetry"
	"github.com/switchyard-gateway/switchyard/internal/receiver"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func attempt(i int) *record.Record {
	return &record.Record{
		RequestID: strconv.Itoa(i), Endpoint: "e", Role: record.Live, Method: "POST", DeploymentName: "m", Replica: "http://10.0.0.5:8001/predict",
		Outcome: record.OK, Status: 200, Start: time.Now(), End: time.Now(), Response: bytes.Repeat([]byte("captured"), 100),
		Trace: &record.Trace{ID: fmt.Sprintf("%032x", i+1), Span: fmt.Sprintf("%016x", i+1), Sampled: true},
	}
}

// run runs Traces; stop ends it and waits.
func run(t *testing.T, o telemetry.Options) (traces *telemetry.Traces, stop func()) {
	t.Helper()
	traces, err := telemetry.NewTraces(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := traces.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return traces, stop
}

// counted is one of the counters, the sum of what its labels tell apart.
func counted(t *testing.T, c telemetry.Counts, name string) (sum int) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			if family.GetName() == name {
				sum += int(m.Counter.GetValue())
			}
		}
	}
	return sum
}

const droppedName = "switchyard_telemetry_spans_dropped_total"

// briefly is little time for the last call, and patiently what it takes on a busy machine.
func briefly() time.Duration   { return 100 * time.Millisecond }
func patiently() time.Duration { return testbed.Patience }

// Whatever a collector does, giving it spans takes no time, and each arrives or is
// counted as dropped.
func TestSpansArriveOrAreCounted(t *testing.T) {
	rejecting, err := proto.Marshal(&collected.ExportTraceServiceResponse{
		PartialSuccess: &collected.ExportTracePartialSuccess{RejectedSpans: 2, ErrorMessage: "too old"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"takes them": nil,
		"refuses":    func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true },
		"hangs":      func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"rejects some": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write(rejecting)
			return true
		},
		"cuts off": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			r := receiver.New(t)
			calls := make(chan struct{}, 10_000)
			r.Fail = func(w http.ResponseWriter, req *http.Request) bool {
				calls <- struct{}{}
				return fail(w, req)
			}
			o := telemetry.Options{URL: r.URL + "/v1/traces", Queue: 50, Every: time.Millisecond, Grace: briefly}
			if fail == nil { // a last call that is cut off may have arrived and be counted as lost all the same
				r.Fail, o.Grace, o.Timeout = nil, patiently, testbed.Patience
			}
			traces, stop := run(t, o)
			const n = 1000
			for i := range n {
				traces.Attempt(attempt(i)) // never waits
				if i == 0 && fail != nil {
					testbed.Receive(t, "the first call", calls)
				}
			}
			stop()
			arrived, dropped := len(r.Kept().Spans), counted(t, telemetry.Counts{Traces: traces}, droppedName)
			switch name {
			case "rejects some": // a receiver that says so keeps the others
				if dropped < 2 {
					t.Errorf("%d are dropped", dropped)
				}
			default:
				if arrived+dropped != n || (arrived > 0) != (fail == nil) {
					t.Errorf("%d arrived and %d are dropped, of %d", arrived, dropped, n)
				}
			}
			if strings.Contains(r.Kept().Raw, "captured") {
				t.Error("a body is in a span")
			}
		})
	}
}

func TestTheEndSendsWhatWaits(t *testing.T) {
	r := receiver.New(t)
	traces, stop := run(t, telemetry.Options{URL: r.URL + "/v1/traces", Every: time.Hour, Timeout: testbed.Patience, Grace: patiently})
	const n = 1500
	for i := range n {
		traces.Attempt(attempt(i))
	}
	stop()
	if arrived := len(r.Kept().Spans); arrived != n {
		t.Errorf("%d of %d arrived", arrived, n)
	}
}

// A collector that repeats what it was sent does not bring the token into the log,
// nor one that sends it elsewhere to anybody.
func TestWhatACollectorSaysIsNotLogged(t *testing.T) {
	elsewhere := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("somebody else is sent %v", r.Header) })
	for _, status := range []int{307, 400, 401, 500} {
		r := receiver.New(t)
		r.Fail = func(w http.ResponseWriter, req *http.Request) bool {
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "bad token "+req.Header.Get("Authorization"))
			return true
		}
		var log testbed.Log
		o := telemetry.Options{
			URL: r.URL + "/v1/traces", Every: time.Millisecond, Grace: briefly, Logger: zerolog.New(&log),
			Header: func() (http.Header, error) { return http.Header{"Authorization": {"Bearer s3cret"}}, nil },
		}
		traces, stop := run(t, o)
		traces.Attempt(attempt(1))
		testbed.Eventually(t, "the span is given up", func() bool { return counted(t, telemetry.Counts{Traces: traces}, droppedName) == 1 })
		stop()
		if text := log.String(); !strings.Contains(text, fmt.Sprint(status)) || strings.Contains(text, "s3cret") || !strings.Contains(text, `"event":"telemetry"`) {
			t.Errorf("%d: %s", status, text)
		}
	}
}

func TestSamplingIsByTheTraceAlone(t *testing.T) {
	of := func(part float64) *telemetry.Traces {
		traces, err := telemetry.NewTraces(t.Context(), telemetry.Options{URL: "http://127.0.0.1:1/v1/traces", Sampling: part})
		if err != nil {
			t.Fatal(err)
		}
		return traces
	}
	none, quarter, same, half, all := of(0), of(0.25), of(0.25), of(0.5), of(1)
	const n = 20_000
	sampled := 0
	for i := range n {
		id := fmt.Sprintf("%016x%016x", i, uint64(i)*0x9e3779b97f4a7c15+1)
		in := quarter.Sampled(id)
		if in {
			sampled++
		}
		if none.Sampled(id) || !all.Sampled(id) || in != same.Sampled(id) || in && !half.Sampled(id) {
			t.Fatalf("%s: %t", id, in)
		}
	}
	if sampled < n/4-n/50 || sampled > n/4+n/50 {
		t.Errorf("%d of %d are sampled, want a quarter", sampled, n)
	}
}

// Metrics are those of the registry, at the end as well.
func TestMetricsAreSentAsTheyAreShown(t *testing.T) {
	r := receiver.New(t)
	sent, err := telemetry.NewMetrics(t.Context(), telemetry.Options{URL: r.URL + "/v1/metrics", Every: time.Hour, Timeout: testbed.Patience, Grace: patiently})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "answers_total"}, []string{"status"})
	registry.MustRegister(counter, telemetry.Counts{Metrics: sent})
	counter.WithLabelValues("2xx").Add(7)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sent.Run(ctx, registry); err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Kept().Metrics {
		if m.Name == "answers_total" {
			point := m.GetSum().DataPoints[0]
			if got := receiver.Attributes(point.Attributes)["status"]; point.GetAsDouble() != 7 || got != "2xx" || !m.GetSum().IsMonotonic {
				t.Errorf("got %v", m)
			}
			if n := counted(t, telemetry.Counts{Metrics: sent}, "switchyard_telemetry_calls_total"); n != 1 {
				t.Errorf("%d calls are counted", n)
			}
			return
		}
	}
	t.Errorf("the counter is not among %d metrics", len(r.Kept().Metrics))
}

// A call of gRPC that has failed has no status of HTTP that says so.
func TestTheErrorOfACallIsNotItsStatusOfHTTP(t *testing.T) {
	r := receiver.New(t)
	traces, stop := run(t, telemetry.Options{URL: r.URL + "/v1/traces", Every: time.Millisecond, Grace: func() time.Duration { return testbed.Patience }})
	call := attempt(1)
	call.Outcome, call.ErrorKind, call.Error = record.Error, record.Status, "the call ended with INTERNAL"
	traces.Attempt(call)
	stop()
	spans := r.Kept().Spans
	if len(spans) != 1 || spans[0].Status.GetMessage() != call.Error {
		t.Fatalf("%v", spans)
	}
	if got := receiver.Attributes(spans[0].Attributes)["error.type"]; got != "status" {
		t.Errorf("error.type is %v", got)
	}
}
