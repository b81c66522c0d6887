package webhook

import "github.com/prometheus/client_golang/prometheus"

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

// newCounts counts deliveries. Every result is there from the beginning, so that
// its first one is seen as a change.
func newCounts() *prometheus.CounterVec {
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchyard_webhook_requests_total",
		Help: "Deliveries to the webhook by what became of them.",
	}, []string{"result"})
	for _, r := range results {
		counts.WithLabelValues(string(r))
	}
	return counts
}
