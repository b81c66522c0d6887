package gateway

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// buckets are the upper bounds of the duration histogram, in seconds: from a
// cached lookup to a slow language model.
var buckets = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}

// outcomes in the order in which series count them.
var outcomes = [...]record.Outcome{record.OK, record.Error, record.Canceled, record.Dropped}

// seriesKey names what one series counts.
type seriesKey struct {
	endpoint, backend string
	role              record.Role
}

// series counts the attempts of one backend or mirror. It outlives snapshots,
// so that counters do not start anew with each revision. Counting takes no
// lock and no allocation.
type series struct {
	inFlight atomic.Int64
	outcomes [len(outcomes)]atomic.Uint64

	superseded atomic.Uint64    // among all of them: another attempt came in their place
	classes    [6]atomic.Uint64 // by first digit of the status; 0 is without an answer
	buckets    [len(buckets) + 1]atomic.Uint64
	nanos      atomic.Int64

	compared [len(comparisons)]atomic.Uint64 // of a mirror

	exemplars [len(buckets) + 1]atomic.Pointer[exemplar] // by bucket; nil where no trace led there
}

// exemplar is an attempt that stands for those of a bucket: the last that is in a
// trace.
type exemplar struct {
	trace *record.Trace
	took  time.Duration
	end   time.Time
}

// count adds one finished attempt.
func (s *series) count(r *record.Record) {
	for i, o := range outcomes {
		if o == r.Outcome {
			s.outcomes[i].Add(1)
			break
		}
	}
	if r.Superseded {
		s.superseded.Add(1)
	}
	if r.Outcome == record.Dropped {
		return
	}
	if class := r.Status / 100; class < len(s.classes) {
		s.classes[class].Add(1)
	}
	took := r.End.Sub(r.Start)
	s.nanos.Add(int64(took))
	i := 0
	for i < len(buckets) && took.Seconds() > buckets[i] {
		i++
	}
	s.buckets[i].Add(1)
	if r.Trace != nil && r.Trace.Sampled {
		s.exemplars[i].Store(&exemplar{r.Trace, took, r.End})
	}
}

// metrics holds the series and what else the gateway counts; it is a
// prometheus.Collector. Whoever counts knows its series: no request waits for mu.
type metrics struct {
	gateway *Gateway
	mu      sync.Mutex // not held while a scrape takes what is collected, which may take its time
	all     map[seriesKey]*series
	leaving map[seriesKey]struct{} // those that go when their last request is done

	swaps, rejects prometheus.Counter
	refused        *prometheus.CounterVec // by endpoint and reason
}

func newMetrics(g *Gateway) *metrics {
	return &metrics{
		gateway: g,
		all:     map[seriesKey]*series{},
		leaving: map[seriesKey]struct{}{},
		swaps:   prometheus.NewCounter(prometheus.CounterOpts{Name: "switchyard_swaps_total", Help: "Snapshots swapped in."}),
		rejects: prometheus.NewCounter(prometheus.CounterOpts{Name: "switchyard_rejects_total", Help: "Revisions refused."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_access_refused_total", Help: "Requests that were not let in, by what was wrong with the key or which limit was met.",
		}, []string{"endpoint", "reason"}),
	}
}

// series finds or makes the series of a backend or mirror.
func (m *metrics) series(endpoint, backend string, role record.Role) *series {
	key := seriesKey{endpoint, backend, role}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.all[key]
	if s == nil {
		s = &series{}
		m.all[key] = s
	}
	return s
}

// retain drops the series of endpoints that are gone, but for those that s names
// as well, once their last request is done.
func (m *metrics) retain(s *Snapshot, gone []*endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range gone {
		for _, key := range e.keys() {
			m.leaving[key] = struct{}{}
		}
	}
	for key := range m.leaving {
		switch series := m.all[key]; {
		case series == nil || s.names(key):
			delete(m.leaving, key)
		case series.inFlight.Load() == 0:
			delete(m.leaving, key)
			delete(m.all, key)
		}
	}
}

var (
	labels       = []string{"endpoint", "backend", "role"}
	descRequests = prometheus.NewDesc("switchyard_attempts_total",
		"Attempts by outcome, live and mirror.", append(labels[:3:3], "outcome"), nil)
	descStatus = prometheus.NewDesc("switchyard_answers_total",
		"Answers by class of status; none is without an answer.", append(labels[:3:3], "status"), nil)
	descSuperseded = prometheus.NewDesc("switchyard_attempts_superseded_total",
		"Attempts in whose place another one came; the others are as many as the live requests.", labels, nil)
	descDuration = prometheus.NewDesc("switchyard_attempt_duration_seconds",
		"Duration of attempts, from start to the last byte of the answer.", labels, nil)
	descInFlight = prometheus.NewDesc("switchyard_attempts_in_flight",
		"Attempts in flight.", labels, nil)
	descCopies = prometheus.NewDesc("switchyard_mirror_copies_total",
		"The ledger of a mirror: live requests by what became of their copies: sent, sampled_out, or dropped with the reason.",
		[]string{"endpoint", "mirror", "result", "reason"}, nil)
	descCaptured = prometheus.NewDesc("switchyard_mirror_captured_bytes",
		"Bytes held for copies of request bodies, bounded by the budget.", nil, nil)
	descCompared = prometheus.NewDesc("switchyard_comparisons_total",
		"Copies that were sent to mirrors that compare, by what came of it: agree, differ, or why nothing was compared.",
		[]string{"endpoint", "mirror", "result"}, nil)
	descHeld = prometheus.NewDesc("switchyard_compare_bytes",
		"Bytes held for answers that wait to be compared, bounded by the budget.", nil, nil)
	descRevision = prometheus.NewDesc("switchyard_revision_info",
		"The revision that serves; always 1.", []string{"branch", "commit"}, nil)
	descEndpoints = prometheus.NewDesc("switchyard_endpoints",
		"Endpoints that serve.", nil, nil)
	descKept = prometheus.NewDesc("switchyard_capture_bytes",
		"Bytes held for bodies that are captured for records, bounded by the budget.", nil, nil)
	descOmitted = prometheus.NewDesc("switchyard_capture_omitted_total",
		"Bodies that were not captured whole because the budget was used up (memory), and records written without theirs because more came than could be written (queue_full).",
		[]string{"reason"}, nil)
	descNotKept = prometheus.NewDesc("switchyard_bodies_not_kept_total",
		"Bodies of live requests that could not be sent to another attempt, because they were too large to be kept (too_large) or the memory for that was used up (memory).",
		[]string{"reason"}, nil)
	descLost = prometheus.NewDesc("switchyard_records_lost_total",
		"Records that could not be kept because the log did not take them.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descRequests, descStatus, descDuration, descInFlight, descCopies, descCaptured, descCompared, descHeld,
		descRevision, descEndpoints, descLost, descKept, descOmitted,
		descReplicaUp, descReplicaInFlight, descEjections, descNoneUp,
		descInFlightAll, descShed, descWhole, descWholeRefused, descNotKept, descWaiting, descHeldOff, descBreakerOpen, descRetries, descRetriesDenied, descSuperseded,
	} {
		ch <- d
	}
	m.swaps.Describe(ch)
	m.rejects.Describe(ch)
	m.refused.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.swaps.Collect(ch)
	m.rejects.Collect(ch)
	for _, refused := range gathered(m.refused) {
		ch <- refused
	}
	m.mu.Lock()
	all := maps.Clone(m.all)
	m.mu.Unlock()
	for key, s := range all {
		s.collect(ch, key)
	}
	m.gateway.collect(ch)
}

// gathered is what a collector collects. A vector is locked while it does, also for
// those who count with new labels, and a scrape may be slow to take it.
func gathered(c prometheus.Collector) (all []prometheus.Metric) {
	ch := make(chan prometheus.Metric)
	go func() {
		defer close(ch)
		c.Collect(ch)
	}()
	for m := range ch {
		all = append(all, m)
	}
	return all
}

func (s *series) collect(ch chan<- prometheus.Metric, key seriesKey) {
	at := []string{key.endpoint, key.backend, string(key.role)}
	seen := false
	for i := range s.outcomes {
		n := s.outcomes[i].Load()
		seen = seen || n > 0
		if n > 0 {
			ch <- counter(descRequests, n, append(at[:3:3], string(outcomes[i]))...)
		}
	}
	if n := s.inFlight.Load(); n > 0 || seen {
		ch <- prometheus.MustNewConstMetric(descInFlight, prometheus.GaugeValue, float64(n), at...)
	}
	if !seen {
		return
	}
	if n := s.superseded.Load(); n > 0 {
		ch <- counter(descSuperseded, n, at...)
	}
	for class := range s.classes {
		if n := s.classes[class].Load(); n > 0 {
			name := strconv.Itoa(class) + "xx"
			if class == 0 {
				name = "none"
			}
			ch <- counter(descStatus, n, append(at[:3:3], name)...)
		}
	}
	s.collectComparisons(ch, key)
	cumulative := make(map[float64]uint64, len(buckets))
	var total uint64
	for i, le := range buckets {
		total += s.buckets[i].Load()
		cumulative[le] = total
	}
	total += s.buckets[len(buckets)].Load()
	histogram := prometheus.MustNewConstHistogram(descDuration, total, time.Duration(s.nanos.Load()).Seconds(), cumulative, at...)
	if exemplars := s.exemplary(); len(exemplars) > 0 {
		histogram = prometheus.MustNewMetricWithExemplars(histogram, exemplars...)
	}
	ch <- histogram
}

// exemplary are the exemplars of the histogram.
func (s *series) exemplary() (all []prometheus.Exemplar) {
	for i := range s.exemplars {
		if e := s.exemplars[i].Load(); e != nil {
			all = append(all, prometheus.Exemplar{
				Value: e.took.Seconds(), Timestamp: e.end, Labels: prometheus.Labels{"trace_id": e.trace.ID, "span_id": e.trace.Span},
			})
		}
	}
	return all
}

func counter[N uint64 | int64](d *prometheus.Desc, n N, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}
