package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Metrics sends metrics.
type Metrics struct {
	opts     Options
	sender   *sender
	exporter *otlpmetrichttp.Exporter
}

// NewMetrics makes Metrics. It connects to nobody, and sends nothing until Run runs.
func NewMetrics(ctx context.Context, o Options) (*Metrics, error) {
	o = o.withDefaults(time.Minute)
	m := &Metrics{opts: o, sender: newSender("metrics", &o)}
	var err error
	m.exporter, err = otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(o.URL), otlpmetrichttp.WithHTTPClient(m.sender.client),
		otlpmetrichttp.WithHeaders(nil), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return m, nil
}

// Run sends what gatherer gathers until ctx ends, and then once more, for as long as
// Options.Grace. Run must be called once.
func (m *Metrics) Run(ctx context.Context, gatherer prometheus.Gatherer) error {
	m.sender.begin(ctx)
	reader := metric.NewPeriodicReader(told{m.exporter, m.sender}, metric.WithInterval(m.opts.Every), metric.WithTimeout(m.opts.Timeout),
		metric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(gatherer))))
	provider := metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(m.opts.Resource))
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.opts.Grace())
	defer cancel()
	defer m.sender.client.CloseIdleConnections()
	if err := provider.Shutdown(last); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// told is the exporter, whose failures are counted and told here, and not by the SDK.
type told struct {
	*otlpmetrichttp.Exporter
	sender *sender
}

// Export implements metric.Exporter.
func (t told) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	t.sender.send(ctx, 0, func(ctx context.Context) error { return t.Exporter.Export(ctx, all) })
	return nil
}
