package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

var (
	versionLabels = []string{"branch", "deployment", "version"}
	descWaiting   = prometheus.NewDesc("switchyard_version_waiting",
		"Live requests that wait for a replica of a version.", versionLabels, nil)
	descHeldOff = prometheus.NewDesc("switchyard_version_refused_total",
		"Live requests that a version's limits refused, by reason.", append(versionLabels[:3:3], "reason"), nil)
	descBreakerOpen = prometheus.NewDesc("switchyard_version_breaker_open",
		"Whether a version is left alone because its requests fail.", versionLabels, nil)
	descRetries = prometheus.NewDesc("switchyard_version_retries_total",
		"Attempts after which the same backend was tried again.", versionLabels, nil)
	descRetriesDenied = prometheus.NewDesc("switchyard_version_retries_denied_total",
		"Attempts after which the same backend was not tried again, because the budget was used up.", versionLabels, nil)
)

// gated is a version with limits.
type gated struct {
	branch, deployment string
	version            int
}

// gates are the limits of the versions that the snapshot serves, each once.
func (s *Snapshot) gates() map[gated]deployments.GateState {
	all := map[gated]deployments.GateState{}
	for _, e := range s.endpoints {
		for i := range e.backends {
			g := e.backends[i].group
			if g == nil {
				continue
			}
			if state, ok := g.Gate(); ok {
				v := g.Version()
				all[gated{v.Branch, v.Name, v.Number}] = state
			}
		}
	}
	return all
}

func (s *Snapshot) collectGates(ch chan<- prometheus.Metric) {
	for of, state := range s.gates() {
		at := []string{of.branch, of.deployment, strconv.Itoa(of.version)}
		ch <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(state.Waiting), at...)
		ch <- counter(descHeldOff, state.Full, append(at[:3:3], string(record.QueueFull))...)
		ch <- counter(descHeldOff, state.TimedOut, append(at[:3:3], string(record.QueueTimeout))...)
		ch <- counter(descHeldOff, state.BreakerRefused, append(at[:3:3], string(record.BreakerOpen))...)
		ch <- counter(descRetries, state.Retries, at...)
		ch <- counter(descRetriesDenied, state.RetriesDenied, at...)
		open := 0.0
		if state.BreakerOpen {
			open = 1
		}
		ch <- prometheus.MustNewConstMetric(descBreakerOpen, prometheus.GaugeValue, open, at...)
	}
}
