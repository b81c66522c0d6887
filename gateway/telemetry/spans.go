package telemetry

import (
	"cmp"
	"context"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Attributes beside those of the semantic conventions, under which a record's
// fields stand in a span.
const (
	attributePrefix = "switchyard."

	attributeRequestID  = attributePrefix + record.FieldRequestID
	attributeEndpoint   = attributePrefix + record.FieldEndpoint
	attributeBackend    = attributePrefix + record.FieldBackend
	attributeRole       = attributePrefix + record.FieldRole
	attributeDeployment = attributePrefix + record.FieldDeploymentName
	attributeVersion    = attributePrefix + record.FieldDeploymentVersion
	attributeBranch     = attributePrefix + record.FieldBranch
	attributeCommit     = attributePrefix + record.FieldCommit
	attributeOutcome    = attributePrefix + record.FieldOutcome
)

// maker makes spans with the SDK, with the ids that they were given when they
// began. It is used by one goroutine.
type maker struct {
	tracer trace.Tracer
	next   trace.SpanContext // of the span that is being made
	made   []sdk.ReadOnlySpan
}

func newMaker(r *resource.Resource) *maker {
	m := new(maker)
	m.tracer = sdk.NewTracerProvider(sdk.WithResource(r), sdk.WithIDGenerator(m), sdk.WithSpanProcessor(gatherer{m}),
		sdk.WithSampler(sdk.AlwaysSample())).Tracer("switchyard") // those that are not sampled do not come here
	return m
}

// NewIDs implements sdk.IDGenerator.
func (m *maker) NewIDs(context.Context) (trace.TraceID, trace.SpanID) {
	return m.next.TraceID(), m.next.SpanID()
}

// NewSpanID implements sdk.IDGenerator.
func (m *maker) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return m.next.SpanID() }

// gatherer is the SDK's processor: it gives finished spans to who exports them.
type gatherer struct{ *maker }

// OnStart implements sdk.SpanProcessor.
func (gatherer) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements sdk.SpanProcessor.
func (g gatherer) OnEnd(s sdk.ReadOnlySpan) { g.made = append(g.made, s) }

// Shutdown implements sdk.SpanProcessor.
func (gatherer) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdk.SpanProcessor.
func (gatherer) ForceFlush(context.Context) error { return nil }

// spans makes spans. They are the maker's until the next call.
func (m *maker) spans(batch []span) []sdk.ReadOnlySpan {
	m.made = m.made[:0]
	for i := range batch {
		m.make(&batch[i])
	}
	return m.made
}

func (m *maker) make(s *span) {
	r := &s.record
	m.next = contextOf(r.Trace, r.Trace.Span)
	parent := contextOf(r.Trace, r.Trace.Parent)
	kind, began := trace.SpanKindClient, r.Start
	name, attributes := r.Method+" "+r.DeploymentName, attemptOf(r)
	if s.request != (Request{}) {
		kind, began, parent = trace.SpanKindServer, s.request.Began, parent.WithRemote(true)
		name, attributes = r.Method+" "+cmp.Or(s.request.Route, r.Endpoint), requestOf(r, s.request)
	}
	ctx := trace.ContextWithSpanContext(context.Background(), parent)
	_, made := m.tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	if failed(r, kind) {
		made.SetStatus(codes.Error, r.Error)
	}
	made.End(trace.WithTimestamp(r.End))
}

// contextOf is a span of a trace, as the SDK has it; none if it has no id.
func contextOf(t *record.Trace, id string) trace.SpanContext {
	traceID, _ := trace.TraceIDFromHex(t.ID) // what is no id is none
	spanID, _ := trace.SpanIDFromHex(id)
	state, _ := trace.ParseTraceState(t.State) // what is malformed is passed on, but not exported
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled, TraceState: state})
}

// failed reports whether a span is one of failure: of what a caller sees only 5xx
// is, and an answer that broke off, and of what the gateway sees of a deployment 4xx as well, as the semantic
// conventions of HTTP have it. A caller who leaves makes no failure.
func failed(r *record.Record, kind trace.SpanKind) bool {
	switch {
	case r.Outcome == record.Canceled:
		return false
	case kind == trace.SpanKindClient:
		return r.Outcome == record.Error || r.Status >= 400
	}
	return r.Status >= 500 || r.Outcome == record.Error && r.Status < 400
}

// requestOf describes the span of a request.
func requestOf(r *record.Record, q Request) []attribute.KeyValue {
	all := append(described(r), semconv.URLScheme(q.Scheme), semconv.URLPath(r.Path))
	if q.Route != "" {
		all = append(all, semconv.HTTPRoute(q.Route))
	}
	return all
}

// attemptOf describes the span of an attempt.
func attemptOf(r *record.Record) []attribute.KeyValue {
	all := append(described(r), semconv.URLFull(r.Replica), attribute.String(attributeRole, string(r.Role)),
		attribute.String(attributeDeployment, r.DeploymentName), attribute.Int(attributeVersion, r.DeploymentVersion),
		attribute.String(attributeBranch, r.Branch))
	if u, err := url.Parse(r.Replica); err == nil {
		all = append(all, semconv.ServerAddress(u.Hostname()))
		if port, err := strconv.Atoi(u.Port()); err == nil {
			all = append(all, semconv.ServerPort(port))
		}
	}
	if r.Attempt > 1 {
		all = append(all, semconv.HTTPRequestResendCount(r.Attempt-1))
	}
	return all
}

// described is what the spans of requests and attempts have in common.
func described(r *record.Record) []attribute.KeyValue {
	all := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(r.Method), attribute.String(attributeRequestID, r.RequestID),
		attribute.String(attributeEndpoint, r.Endpoint), attribute.String(attributeBackend, r.Backend),
		attribute.String(attributeCommit, r.Commit), attribute.String(attributeOutcome, string(r.Outcome)),
		semconv.HTTPRequestBodySize(int(r.RequestBytes)), semconv.HTTPResponseBodySize(int(r.ResponseBytes)),
	}
	if r.Status > 0 {
		all = append(all, semconv.HTTPResponseStatusCode(r.Status))
	}
	switch {
	case r.ErrorKind == record.Status && r.Status >= 500: // else a call of gRPC has failed
		all = append(all, semconv.ErrorTypeKey.String(strconv.Itoa(r.Status)))
	case r.ErrorKind != record.None:
		all = append(all, semconv.ErrorTypeKey.String(string(r.ErrorKind)))
	}
	return all
}
