package webhook

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// result is what became of a delivery.
type result string

const (
	resultAccepted result = "accepted"  // the repository is looked at
	resultIgnored  result = "ignored"   // a push to what nobody follows
	resultPing     result = "ping"      // a forge tries the webhook out
	resultOff      result = "off"       // there is no secret
	resultMethod   result = "method"    // not POST
	resultTooLarge result = "too_large" // above 1 MiB
	resultBody     result = "body"      // too slow, or cut
	resultUnsigned result = "unsigned"
	resultWrong    result = "signature" // a wrong one
)

var results = []result{
	resultAccepted, resultIgnored, resultPing, resultOff, resultMethod, resultTooLarge, resultBody, resultUnsigned, resultWrong,
}

// counts are the deliveries by what became of them. Every result is there from the
// beginning, so that its first one is seen as a change.
type counts map[result]*atomic.Int64

func newCounts() counts {
	all := counts{}
	for _, r := range results {
		all[r] = &atomic.Int64{}
	}
	return all
}

func (c counts) add(r result) { c[r].Add(1) }

var requests = prometheus.NewDesc("switchyard_webhook_requests_total", "Deliveries to the webhook by what became of them.", []string{"result"}, nil)

// Describe implements prometheus.Collector.
func (c counts) Describe(to chan<- *prometheus.Desc) { to <- requests }

// Collect implements prometheus.Collector.
func (c counts) Collect(to chan<- prometheus.Metric) {
	for r, n := range c {
		to <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, float64(n.Load()), string(r))
	}
}

// Deliveries tells how many there were so far, by what became of them, with the
// names that the metric has.
func (h *Receiver) Deliveries() map[string]int64 {
	all := make(map[string]int64, len(h.counts))
	for r, n := range h.counts {
		all[string(r)] = n.Load()
	}
	return all
}
