package gateway_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/telemetry"
	"github.com/switchyard-gateway/switchyard/internal/receiver"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const (
	callersTrace  = "0af7651916cd43dd8448eb211c80319c"
	callersSpan   = "b7ad6b7169203331"
	callersParent = "00-" + callersTrace + "-" + callersSpan + "-01"
)

// tracing runs Traces that send to r.
func tracing(t *testing.T, r *receiver.Receiver, o telemetry.Options) *telemetry.Traces {
	t.Helper()
	o.URL, o.Every = r.URL+"/v1/traces", time.Millisecond
	var err error
	if o.Resource, err = telemetry.NewResource(t.Context(), "switchyard", "1.2.3"); err != nil {
		t.Fatal(err)
	}
	sent, err := telemetry.NewTraces(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := sent.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return sent
}

// spans waits for n spans, and gives them by name, with how often there is one.
func spans(t *testing.T, r *receiver.Receiver, n int) map[string][]*traces.Span {
	t.Helper()
	testbed.Eventually(t, fmt.Sprintf("%d spans arrive", n), func() bool { return len(r.Kept().Spans) >= n })
	all := map[string][]*traces.Span{}
	for _, s := range r.Kept().Spans {
		all[s.Name] = append(all[s.Name], s)
	}
	return all
}

func hexOf(id []byte) string { return hex.EncodeToString(id) }

// A request is a span below the caller's, each attempt and each copy one below that,
// whose id is what its deployment gets; and the records name it.
func TestEachAttemptHasASpanThatItsDeploymentIsToldOf(t *testing.T) {
	live, candidate := newReplica(t, "live"), newReplica(t, "candidate")
	r := receiver.New(t)
	s := newStage(t, options{traces: tracing(t, r, telemetry.Options{})})
	s.serve(mirrored(live.url, map[string]string{"m": candidate.url}))
	s.post("/v1/e/rest", "{}", "Traceparent", callersParent, "Tracestate", "vendor=1")
	all := spans(t, r, 3)
	request, attempt, copied := all["POST /v1/e"], all["POST live"], all["POST m"]
	if len(request) != 1 || len(attempt) != 1 || len(copied) != 1 {
		t.Fatalf("spans: %v", all)
	}
	type place struct {
		kind                  traces.Span_SpanKind
		trace, parent, states string
	}
	id := hexOf(request[0].SpanId)
	for _, c := range []struct {
		span *traces.Span
		want place
	}{
		{request[0], place{traces.Span_SPAN_KIND_SERVER, callersTrace, callersSpan, "vendor=1"}},
		{attempt[0], place{traces.Span_SPAN_KIND_CLIENT, callersTrace, id, "vendor=1"}},
		{copied[0], place{traces.Span_SPAN_KIND_CLIENT, callersTrace, id, "vendor=1"}},
	} {
		if got := (place{c.span.Kind, hexOf(c.span.TraceId), hexOf(c.span.ParentSpanId), c.span.TraceState}); got != c.want {
			t.Errorf("%s is %+v, want %+v", c.span.Name, got, c.want)
		}
	}
	for _, c := range []struct {
		replica *replica
		span    *traces.Span
		role    string
	}{{live, attempt[0], "live"}, {candidate, copied[0], "mirror"}} {
		header := c.replica.requests()[0].header
		if want := "00-" + callersTrace + "-" + hexOf(c.span.SpanId) + "-01"; header.Get("Traceparent") != want || header.Get("Tracestate") != "vendor=1" {
			t.Errorf("the %s deployment is told %q and %q, want %q", c.role, header.Get("Traceparent"), header.Get("Tracestate"), want)
		}
		line := s.written(1, role(c.role))[0]
		if line["traceId"] != callersTrace || line["spanId"] != hexOf(c.span.SpanId) {
			t.Errorf("the record of %s: %v", c.role, line)
		}
		got := receiver.Attributes(c.span.Attributes)
		want := map[string]any{"http.request.method": "POST", "http.response.status_code": int64(200), "url.full": c.replica.url, "switchyard.role": c.role}
		for name := range want {
			if diff := cmp.Diff(want[name], got[name]); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", name, c.role, diff)
			}
		}
	}
	got := receiver.Attributes(request[0].Attributes)
	if got["http.route"] != "/v1/e" || got["url.path"] != "/v1/e/rest" || got["url.scheme"] != "http" {
		t.Errorf("attributes of the request: %v", got)
	}
	resource := receiver.Attributes(r.Kept().Resource.Attributes)
	if resource["service.name"] != "switchyard" || resource["service.version"] != "1.2.3" || resource["service.instance.id"] == "" {
		t.Errorf("resource: %v", resource)
	}
}

func TestAttemptsOfOneRequestAreSpansSideBySide(t *testing.T) {
	r := receiver.New(t)
	s := newStage(t, options{traces: tracing(t, r, telemetry.Options{Sampling: 1})})
	bad, good := newScripted(t, answering(503)), newScripted(t, answering(200))
	s.pair(bad, good, patient, "idempotent: true, "+allRetries)
	s.post("/v1/e", "{}")
	all := spans(t, r, 3)
	request, attempts := all["POST /v1/e"], all["POST m"]
	if len(request) != 1 || len(attempts) != 2 {
		t.Fatalf("spans: %v", all)
	}
	if request[0].Status.GetCode() != traces.Status_STATUS_CODE_UNSET || len(request[0].ParentSpanId) != 0 {
		t.Errorf("the request: %v", request[0])
	}
	for i, want := range []struct {
		replica *scripted
		status  traces.Status_StatusCode
		again   any
		errs    any
	}{{bad, traces.Status_STATUS_CODE_ERROR, nil, "503"}, {good, traces.Status_STATUS_CODE_UNSET, int64(1), nil}} {
		span, attributes := attempts[i], receiver.Attributes(attempts[i].Attributes)
		if span.Status.GetCode() != want.status || attributes["http.request.resend_count"] != want.again || attributes["error.type"] != want.errs {
			t.Errorf("attempt %d: %v", i+1, span)
		}
		if got := want.replica.last.Load().header.Get("Traceparent"); hexOf(span.SpanId) != got[36:52] || hexOf(span.ParentSpanId) != hexOf(request[0].SpanId) {
			t.Errorf("attempt %d sent %s", i+1, got)
		}
	}
	if request[0].StartTimeUnixNano > attempts[0].StartTimeUnixNano || request[0].EndTimeUnixNano < attempts[1].EndTimeUnixNano {
		t.Error("the request does not last as long as its attempts")
	}
}

// A trace that is not sampled is passed on as such, and nothing is exported of it;
// what calls no deployment is no attempt.
func TestWhatIsNotSampledOrNotSentHasNoSpan(t *testing.T) {
	live, candidate := newReplica(t, "live"), newReplica(t, "candidate")
	r := receiver.New(t)
	s := newStage(t, options{traces: tracing(t, r, telemetry.Options{Sampling: 0})})
	f := mirrored(live.url, map[string]string{"m": candidate.url})
	f["endpoints/fixed.yaml"] = "schemaVersion: 1\nbackends: {only: {static: 1}}\n"
	s.serve(f)
	s.post("/v1/e", "{}")
	s.post("/v1/e", "{}", "Traceparent", callersParent[:53]+"00")
	for _, from := range []*replica{live, candidate} {
		testbed.Eventually(t, "both requests are copied", func() bool { return len(from.requests()) == 2 })
		for _, got := range from.requests() {
			if parent := got.header.Get("Traceparent"); parent[53:] != "00" {
				t.Errorf("a deployment is told %s", parent)
			}
		}
	}
	s.post("/v1/fixed", "{}", "Traceparent", callersParent)
	s.post("/v1/e", "{}", "Traceparent", callersParent, "X-Switchyard-Mirror", "another") // is a copy, and not copied
	all := spans(t, r, 3)
	if len(all["POST /v1/fixed"]) != 1 || len(all["POST /v1/e"]) != 1 || len(all["POST live"]) != 1 || len(r.Kept().Spans) != 3 {
		t.Errorf("spans: %v", all)
	}
	fixed := s.written(1, func(f fields) bool { return f["endpoint"] == "fixed" })[0]
	if fixed["spanId"] != hexOf(all["POST /v1/fixed"][0].SpanId) {
		t.Errorf("record %v", fixed)
	}
	dropped := s.written(1, func(f fields) bool { return f["outcome"] == "dropped" })[0]
	if dropped["traceId"] != callersTrace || dropped["spanId"] != nil {
		t.Errorf("record %v", dropped)
	}
}

// BenchmarkTraces answers from a static backend: without traces, with one that is not
// sampled, and with one that is.
func BenchmarkTraces(b *testing.B) {
	for _, c := range []struct {
		name   string
		on     bool
		parent string
	}{{"off", false, callersParent}, {"not sampled", true, callersParent[:53] + "00"}, {"sampled", true, callersParent}} {
		b.Run(c.name, func(b *testing.B) {
			o := gateway.Options{
				Pool: deployments.NewPool(deployments.PoolOptions{}), Logger: zerolog.Nop(), Records: record.NewLog(record.Options{Writer: io.Discard}),
			}
			if c.on {
				var err error
				if o.Traces, err = telemetry.NewTraces(b.Context(), telemetry.Options{URL: "http://127.0.0.1:1/v1/traces"}); err != nil {
					b.Fatal(err)
				}
			}
			g := gateway.New(o)
			if err := g.Apply(revision(files{"endpoints/pricing.yaml": "schemaVersion: 1\nbackends: {only: {static: 1}}\n"}, 1)); err != nil {
				b.Fatal(err)
			}
			ctx, reset := gateway.Seed(b.Context())
			w, values := &discarding{header: http.Header{}}, []string{c.parent}
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/pricing", http.NoBody)
			b.ReportAllocs()
			for b.Loop() {
				r.Header["Traceparent"] = values
				g.ServeHTTP(w, r)
				reset()
			}
		})
	}
}
