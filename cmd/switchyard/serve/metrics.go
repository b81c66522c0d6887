package serve

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gitsync"
)

// syncMetrics shows how syncing goes to Prometheus. It holds nothing: what is
// collected is what Status and Applied tell at that moment.
type syncMetrics struct {
	status  func() gitsync.Status
	applied func() gateway.Applied
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("switchyard_sync_"+name, help, labels, nil)
}

var (
	syncCommit      = describe("commit_info", "Always 1; the labels tell what serves.", "branch", "commit")
	syncCommitted   = describe("commit_timestamp_seconds", "When what serves was committed.", "branch")
	syncLiveSince   = describe("live_timestamp_seconds", "When what serves began to.")
	syncAttempt     = describe("last_attempt_timestamp_seconds", "When the last finished sync began; 0 before the first.")
	syncSuccess     = describe("last_success_timestamp_seconds", "When the last sync began that read the repository; 0 if none did.")
	syncFailures    = describe("failures", "Syncs that failed in a row.")
	syncStale       = describe("stale", "1 while what serves was kept from an earlier run and the repository was not read since.")
	syncPinned      = describe("pinned", "1 while a kept revision is pinned.")
	syncPending     = describe("pending", "1 while a newer, good revision does not serve because of a pin.")
	syncHeld        = describe("held", "1 while the newest revision is held, by reason.", "reason")
	syncRefused     = describe("refused", "1 while the newest revision is refused.")
	syncUnkept      = describe("unkept", "1 while what serves, or the pin, could not be written to the state folder.")
	syncReads       = describe("reads_total", "Syncs by what they did; failed is one of them.", "mode")
	syncBytes       = describe("received_bytes_total", "Bytes received from the git server.")
	syncTaken       = describe("taken_total", "Revisions that began to serve.")
	syncRefusals    = describe("refused_total", "Revisions that were refused.")
	syncHolds       = describe("held_total", "Revisions, and losses of the repository, that were held, by reason.", "reason")
	syncRebuilt     = describe("rebuilt_total", "How often the git client was made anew after long failure.")
	syncDiffered    = describe("differed_total", "How often what was held was found to be another than what is in the repository.")
	syncPhase       = describe("phase_seconds", "How long the phases of syncs took.", "phase")
	syncDescription = []*prometheus.Desc{
		syncCommit, syncCommitted, syncLiveSince, syncAttempt, syncSuccess, syncFailures, syncStale, syncPinned, syncPending, syncHeld,
		syncRefused, syncUnkept, syncReads, syncBytes, syncTaken, syncRefusals, syncHolds, syncRebuilt, syncDiffered, syncPhase,
	}
)

// Describe implements prometheus.Collector.
func (m syncMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range syncDescription {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m syncMetrics) Collect(to chan<- prometheus.Metric) {
	s := m.status()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(syncAttempt, unix(s.LastAttempt))
	gauge(syncSuccess, unix(s.LastSuccess))
	gauge(syncFailures, float64(s.Failures))
	gauge(syncStale, oneIf(s.Stale))
	gauge(syncPinned, oneIf(s.Pin != nil))
	gauge(syncPending, oneIf(s.Pending != nil))
	gauge(syncRefused, oneIf(s.Rejected != nil))
	gauge(syncUnkept, oneIf(s.Unkept != nil))
	for _, reason := range reasons {
		gauge(syncHeld, oneIf(s.Held != nil && s.Held.Reason == reason), string(reason))
	}
	if s.Live != nil {
		gauge(syncLiveSince, unix(s.LiveSince))
		for branch, head := range s.Live.Heads {
			branch = strings.ToValidUTF8(branch, "?") // what is not would be a bug of the collector
			gauge(syncCommit, 1, branch, head.Commit)
			gauge(syncCommitted, unix(head.Time), branch)
		}
	}
	collectTotals(to, s.Totals)
	m.collectPhases(to, s.Totals)
}

var (
	reasons = []gitsync.Reason{gitsync.HeldVanished, gitsync.HeldNoEndpoints, gitsync.HeldNoBranch, gitsync.HeldEmpty}
	modes   = []gitsync.Mode{gitsync.ModeUnchanged, gitsync.ModeIncremental, gitsync.ModeFresh, gitsync.ModeFallback}
)

func collectTotals(to chan<- prometheus.Metric, t gitsync.Totals) {
	count := func(d *prometheus.Desc, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	for _, mode := range modes {
		count(syncReads, t.Reads[mode], string(mode))
	}
	count(syncReads, t.Failed, "failed")
	count(syncBytes, t.Bytes)
	count(syncTaken, t.Taken)
	count(syncRefusals, t.Refused)
	for _, reason := range reasons {
		count(syncHolds, t.Held[reason], string(reason))
	}
	count(syncRebuilt, t.Rebuilt)
	count(syncDiffered, t.Differed)
}

func (m syncMetrics) collectPhases(to chan<- prometheus.Metric, t gitsync.Totals) {
	phase := func(name string, count int64, sum time.Duration) {
		to <- prometheus.MustNewConstSummary(syncPhase, uint64(max(0, count)), sum.Seconds(), nil, name)
	}
	reads := t.Failed
	for _, n := range t.Reads {
		reads += n
	}
	applied := m.applied()
	phase("list", reads, t.List)
	phase("fetch", t.Fetches, t.Fetch)
	phase("parse", applied.Count, applied.Total.Parse)
	phase("compile", applied.Count, applied.Total.Compile)
	phase("swap", applied.Count, applied.Total.Swap)
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// unix is a time in seconds, 0 for none.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
