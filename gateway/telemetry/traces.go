package telemetry

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// batchSize is how many spans are sent at once.
const batchSize = 512

// Traces makes spans and sends them. It is safe for concurrent use.
type Traces struct {
	opts     Options
	sender   *sender
	sampler  sdk.Sampler
	exporter *otlptrace.Exporter
	maker    *maker       // Run's
	queue    chan span    // capacity Options.Queue; what does not fit is dropped
	dropped  atomic.Int64 // spans
}

// span is what one is made of.
type span struct {
	record  record.Record // without bodies and comparison
	request Request       // the zero value: it is of an attempt
}

// Request is what the span of a request tells besides the record.
type Request struct {
	Began  time.Time // with the first of its attempts
	Route  string    // what of the path is the endpoint's, such as /v1/NAME; empty: nothing, as of gRPC
	Scheme string    // http or https
}

// NewTraces makes Traces. It connects to nobody, and exports nothing until Run runs.
func NewTraces(ctx context.Context, o Options) (*Traces, error) {
	o = o.withDefaults(time.Second)
	t := &Traces{
		opts: o, sender: newSender("spans", &o), sampler: sdk.TraceIDRatioBased(o.Sampling),
		maker: newMaker(o.Resource), queue: make(chan span, o.Queue),
	}
	var err error
	t.exporter, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.URL), otlptracehttp.WithHTTPClient(t.sender.client),
		otlptracehttp.WithHeaders(nil), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return t, nil
}

// Sampled decides about a trace that begins here, by its id of 32 hexadecimal digits:
// the same at every gateway.
func (t *Traces) Sampled(id string) bool {
	parsed, err := trace.TraceIDFromHex(id)
	return err == nil && t.sampler.ShouldSample(sdk.SamplingParameters{TraceID: parsed}).Decision == sdk.RecordAndSample
}

// Attempt takes the span of an attempt, or of a copy, that has ended. It never waits
// and keeps no memory of r.
func (t *Traces) Attempt(r *record.Record) { t.add(r, Request{}) }

// Request takes the span of a request that has ended, together with the attempt of
// which r is the record. It never waits and keeps no memory of r.
func (t *Traces) Request(r *record.Record, q Request) { t.add(r, q) }

func (t *Traces) add(r *record.Record, q Request) {
	if r.Trace == nil || !r.Trace.Sampled {
		return
	}
	s := span{record: *r, request: q}
	s.record.Request, s.record.Response, s.record.Comparison = nil, nil, nil
	select {
	case t.queue <- s:
	default:
		t.dropped.Add(1)
	}
}

// Run exports spans until ctx ends, and then for as long as Options.Grace those that
// wait. Run must be called once.
func (t *Traces) Run(ctx context.Context) error {
	t.sender.begin(ctx)
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(t.opts.Grace(), stop) })()
	defer t.sender.client.CloseIdleConnections()
	for {
		batch, more := t.gather(ctx)
		t.export(sending, batch)
		if !more {
			break
		}
	}
	return t.exporter.Shutdown(context.WithoutCancel(ctx))
}

// gather waits for spans and gives some; more is false with the last of them.
func (t *Traces) gather(ctx context.Context) (batch []span, more bool) {
	timer := time.NewTimer(t.opts.Every)
	defer timer.Stop()
	for len(batch) < batchSize {
		select {
		case s := <-t.queue:
			batch = append(batch, s)
			continue
		default:
		}
		if ctx.Err() != nil {
			return batch, false
		}
		select {
		case s := <-t.queue:
			batch = append(batch, s)
		case <-timer.C:
			return batch, true
		case <-ctx.Done():
		}
	}
	return batch, true
}

func (t *Traces) export(ctx context.Context, batch []span) {
	if len(batch) == 0 {
		return
	}
	spans := t.maker.spans(batch)
	rejected := t.sender.send(ctx, int64(len(spans)), func(ctx context.Context) error { return t.exporter.ExportSpans(ctx, spans) })
	t.dropped.Add(rejected)
}
