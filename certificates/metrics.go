package certificates

import "github.com/prometheus/client_golang/prometheus"

var (
	notAfter = prometheus.NewDesc("switchyard_tls_certificate_not_after_timestamp_seconds",
		"When the certificate that serves from a file ends.", []string{"file"}, nil)
	reads = prometheus.NewDesc("switchyard_tls_certificate_reads_total",
		"How often certificates were read from their files and began to serve.", nil, nil)
	failing = prometheus.NewDesc("switchyard_tls_certificate_failing",
		"1 while what is in the files cannot be used and what was there before serves.", nil, nil)
)

// Collector gives the metrics of the store for registration.
func (s *Store) Collector() prometheus.Collector { return collector{s} }

type collector struct{ store *Store }

// Describe implements prometheus.Collector.
func (collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{notAfter, reads, failing} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	m := c.store.served.Load()
	seen := map[string]bool{}
	for i, cert := range m.config.Certificates {
		if !seen[m.names[i]] {
			to <- prometheus.MustNewConstMetric(notAfter, prometheus.GaugeValue, float64(cert.Leaf.NotAfter.Unix()), m.names[i])
		}
		seen[m.names[i]] = true
	}
	bad := 0.0
	if c.store.failing.Load() {
		bad = 1
	}
	to <- prometheus.MustNewConstMetric(failing, prometheus.GaugeValue, bad)
	to <- prometheus.MustNewConstMetric(reads, prometheus.CounterValue, float64(c.store.reads.Load()))
}
