package serve

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/switchyard-gateway/switchyard/gateway/telemetry"
)

// Telemetry says where traces and metrics are sent over OTLP.
type Telemetry struct {
	TracesURL    string        // empty: there are none
	MetricsURL   string        // empty: they are not sent
	Sampling     float64       // of traces that begin here, 0 to 1
	MetricsEvery time.Duration // between two sendings
	// Header gives the fields of each call; nil: none.
	Header func() (http.Header, error)
}

// makeTelemetry makes what sends traces and metrics, where they are to be sent.
func (p *process) makeTelemetry(ctx context.Context) (err error) {
	declared := p.options.Telemetry
	if declared.TracesURL == "" && declared.MetricsURL == "" {
		return nil
	}
	o := telemetry.Options{Header: declared.Header, Sampling: declared.Sampling, Grace: p.flushTime, Logger: p.logger}
	if o.Resource, err = telemetry.NewResource(ctx, serviceName, p.options.Version); err != nil {
		return err
	}
	if declared.TracesURL != "" {
		o.URL = declared.TracesURL
		if p.telemetry.Traces, err = telemetry.NewTraces(ctx, o); err != nil {
			return err
		}
	}
	if declared.MetricsURL != "" {
		o.URL, o.Every = declared.MetricsURL, declared.MetricsEvery
		p.telemetry.Metrics, err = telemetry.NewMetrics(ctx, o)
	}
	return err
}

// runTelemetry sends traces and metrics until ctx ends, as parts of a group.
func (p *process) runTelemetry(ctx context.Context, parts *errgroup.Group, gatherer prometheus.Gatherer) {
	if t := p.telemetry.Traces; t != nil {
		parts.Go(func() error { return t.Run(ctx) })
	}
	if m := p.telemetry.Metrics; m != nil {
		parts.Go(func() error { return m.Run(ctx, gatherer) })
	}
}
