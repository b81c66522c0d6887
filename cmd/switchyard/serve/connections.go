package serve

import (
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// maxConnections is how many connections of callers may be open: as many as was
// asked for, or half of the file descriptors that the process may have. The other
// half is for deployments, mirrors and files.
func (o *Options) maxConnections() int {
	if o.MaxConnections > 0 {
		return o.MaxConnections
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return defaultConnections
	}
	return int(min(limit.Cur, mostDescriptors) / 2)
}

// The number of connections where the system does not tell its limit, and what is
// taken for the limit at most: nobody means it to be reached who says that there is
// none.
const (
	defaultConnections = 10_000
	mostDescriptors    = 2_000_000
)

// connectionMetrics shows the connections of callers to Prometheus.
type connectionMetrics struct {
	read func() (open int, waited uint64)
}

var (
	descConnections = prometheus.NewDesc("switchyard_connections", "Connections of callers that are open, or may be opened next.", nil, nil)
	descWaited      = prometheus.NewDesc("switchyard_connections_waited_total", "How often connections had to wait because as many were open as may be.", nil, nil)
)

// Describe implements prometheus.Collector.
func (connectionMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- descConnections
	ch <- descWaited
}

// Collect implements prometheus.Collector.
func (m connectionMetrics) Collect(ch chan<- prometheus.Metric) {
	open, waited := m.read()
	ch <- prometheus.MustNewConstMetric(descConnections, prometheus.GaugeValue, float64(open))
	ch <- prometheus.MustNewConstMetric(descWaited, prometheus.CounterValue, float64(waited))
}
