package gateway

import (
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/telemetry"
)

// spans are those of one request. The zero value is for a gateway that keeps none.
type spans struct {
	request *record.Trace // of the request; nil: no spans are kept
	attempt *record.Trace // of the attempt that is under way, below it; nil before the first
	began   time.Time     // when the request did, whichever attempt is under way
}

// beginSpans finds out where the request stands in its trace. The traceparent that
// it has says so from then on.
func (q *request) beginSpans() {
	q.spans.began = q.started
	q.spans.request = q.identity.Trace(q.r.Header, q.e.gateway.traces.Sampled)
}

// nextSpan begins the span of another attempt, and gives the traceparent that the
// deployment gets.
func (q *request) nextSpan() string {
	q.spans.attempt = forward.Child(q.spans.request)
	return q.spans.attempt.Header
}

// traceAttempt ends the span of an attempt, the record of which this is. Where no
// deployment was called there is none, and the record tells of the request's.
func (q *request) traceAttempt(rec *record.Record) {
	rec.Trace = q.spans.request
	if q.spans.attempt == nil || rec.Replica == "" {
		return
	}
	rec.Trace = q.spans.attempt
	q.e.gateway.traces.Attempt(rec)
}

// endSpans ends the span of the request, with what the last of its attempts tells.
func (q *request) endSpans() {
	rec := q.record
	rec.Trace = q.spans.request
	scheme := "http"
	if q.r.TLS != nil {
		scheme = "https"
	}
	q.e.gateway.traces.Request(&rec, telemetry.Request{Began: q.spans.began, Route: strings.TrimSuffix(q.path, q.rest), Scheme: scheme})
}

// traceCopy ends the span of a copy, unless it was not sent.
func (g *Gateway) traceCopy(rec *record.Record) {
	if rec.Outcome == record.Dropped {
		rec.Trace = rec.Trace.Unsent()
		return
	}
	g.traces.Attempt(rec)
}
