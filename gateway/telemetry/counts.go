package telemetry

import "github.com/prometheus/client_golang/prometheus"

var (
	descCalls = prometheus.NewDesc("switchyard_telemetry_calls_total",
		"Calls of collectors of OpenTelemetry, by what was sent (spans, metrics) and by result (ok, failed).", []string{"sent", "result"}, nil)
	descDropped = prometheus.NewDesc("switchyard_telemetry_spans_dropped_total",
		"Spans that found no room in the queue or did not reach the collector.", nil, nil)
)

// Counts is what has become of spans and metrics, as a prometheus.Collector. Either
// may be nil.
type Counts struct {
	Traces  *Traces
	Metrics *Metrics
}

// Describe implements prometheus.Collector.
func (c Counts) Describe(ch chan<- *prometheus.Desc) {
	ch <- descCalls
	ch <- descDropped
}

// Collect implements prometheus.Collector.
func (c Counts) Collect(ch chan<- prometheus.Metric) {
	if c.Traces != nil {
		c.Traces.sender.collect(ch)
		ch <- prometheus.MustNewConstMetric(descDropped, prometheus.CounterValue, float64(c.Traces.dropped.Load()))
	}
	if c.Metrics != nil {
		c.Metrics.sender.collect(ch)
	}
}

func (s *sender) collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(descCalls, prometheus.CounterValue, float64(s.sent.Load()), s.what, "ok")
	ch <- prometheus.MustNewConstMetric(descCalls, prometheus.CounterValue, float64(s.failed.Load()), s.what, "failed")
}
