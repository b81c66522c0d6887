package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report/stat"
)

// What a mirror keeps of what there may be any number of.
const (
	maxExamples = 5
	maxVersions = 20
	maxKinds    = 50
)

// mirror gathers what the records of one mirror say.
type mirror struct {
	name      string
	noise     bool
	tolerance Tolerance

	coverage Coverage
	versions map[string]bool
	alone    int64 // copies whose live attempt never came

	errors        Errors
	agree, differ int64
	differing     []string // request IDs
	labels        labels
	scores        scores
	shapes        shapes
	slicings      []slicing

	latency, ttfb times
}

func newMirror(name string, o Options) *mirror {
	m := &mirror{name: name, tolerance: o.tolerance(name), versions: map[string]bool{}, labels: labels{}, shapes: shapes{}}
	m.coverage.Dropped, m.coverage.Unpaired, m.errors.Kinds = map[string]int64{}, map[string]int64{}, map[string]int64{}
	m.slicings = append(m.slicings, newSlicing(SliceKey{kind: "commit"}))
	for _, key := range o.Slices {
		m.slicings = append(m.slicings, newSlicing(key))
	}
	return m
}

// times are durations of both sides.
type times struct {
	live, mirror stat.Durations
	difference   stat.Moments
}

func (t *times) add(live, mirror float64) {
	t.live.Add(live)
	t.mirror.Add(mirror)
	t.difference.Add(mirror - live)
}

func (t *times) report() Times {
	out := Times{Live: percentiles(&t.live), Mirror: percentiles(&t.mirror), live: &t.live, mirror: &t.mirror}
	if in, ok := t.difference.Interval(Level); ok {
		out.PairedDifference = &Difference{Mean: t.difference.Mean(), Interval: in}
	}
	return out
}

func percentiles(d *stat.Durations) Percentiles {
	return Percentiles{P50: d.Quantile(.5), P90: d.Quantile(.9), P99: d.Quantile(.99)}
}

// count notes a copy, and reports whether it was sent to its end.
func (m *mirror) count(r *records.Record) bool {
	m.noise = m.noise || r.Noise
	m.coverage.Sampled++
	if r.DeploymentName != "" && len(m.versions) < maxVersions {
		m.versions[fmt.Sprintf("%s %d (%s)", r.DeploymentName, r.DeploymentVersion, r.Branch)] = true
	}
	if r.Outcome == records.Dropped {
		m.coverage.Dropped[r.ErrorKind]++
		return false
	}
	m.coverage.Sent++
	if r.Status != 0 {
		m.coverage.Answered++
	}
	if r.Failed() {
		m.fail(r)
	}
	return true
}

// fail notes how a copy failed.
func (m *mirror) fail(r *records.Record) {
	kind := r.ErrorKind
	if kind == "status" || kind == "" {
		kind = strconv.Itoa(r.Status)
	}
	if _, known := m.errors.Kinds[kind]; known || len(m.errors.Kinds) < maxKinds {
		m.errors.Kinds[kind]++
	}
}

// pair is what a copy's record says, as far as it matters beside its live attempt.
type pair struct {
	id      string
	mirror  side
	commit  string
	said    records.Comparison
	changes []records.Change
}

func (m *mirror) newPair(r *records.Record, keys []SliceKey) pair {
	p := pair{
		id: r.RequestID, commit: r.Commit, said: r.Comparison, changes: r.Changes(),
		mirror: side{outcome: r.Outcome, duration: r.Duration, ttfb: r.TTFB},
	}
	p.said.Diff = "" // part of a line that is to be let go
	for _, key := range keys {
		p.mirror.slices = append(p.mirror.slices, key.of(r))
	}
	return p
}

// pair notes a copy and its live attempt.
func (m *mirror) pair(p *pair, live side) {
	if live.outcome != records.OK && live.outcome != records.Error {
		m.coverage.Unpaired["live_"+live.outcome]++
		return
	}
	m.coverage.Paired++
	m.compareOutcomes(p, live)
	m.compareAnswers(p)
	if live.outcome == records.OK && p.mirror.outcome == records.OK {
		m.latency.add(live.duration, p.mirror.duration)
		if live.ttfb.Is && p.mirror.ttfb.Is {
			m.ttfb.add(live.ttfb.Value, p.mirror.ttfb.Value)
		}
	}
	m.slice(p, live)
}

func (m *mirror) compareOutcomes(p *pair, live side) {
	liveFailed, failed := live.outcome == records.Error, p.mirror.outcome == records.Error
	switch {
	case liveFailed && failed:
		m.errors.BothFailed++
	case liveFailed:
		m.errors.LiveOnly++
	case failed:
		m.errors.MirrorOnly++
		m.errors.Examples = example(m.errors.Examples, p.id)
	default:
		m.errors.BothOK++
	}
}

func example(all []string, id string) []string {
	if len(all) < maxExamples {
		return append(all, id)
	}
	return all
}

func (m *mirror) compareAnswers(p *pair) {
	switch p.said.Agree {
	case records.Agrees:
		m.agree++
	case records.Differs:
		m.differ++
		m.differing = example(m.differing, p.id)
	case records.NotCompared:
		reason := p.said.Unpaired
		if reason == "" {
			reason = "not_compared"
		}
		m.coverage.Unpaired[reason]++
	}
	if p.said.LabelLive.Is && p.said.LabelMirror.Is {
		m.labels.add(p.said.LabelLive.Text, p.said.LabelMirror.Text)
	}
	if p.said.ScoreLive.Is && p.said.ScoreMirror.Is {
		m.scores.add(p.id, p.said.ScoreLive.Value, p.said.ScoreMirror.Value, m.tolerance)
	}
	m.shapes.add(p.changes)
}

func (m *mirror) slice(p *pair, live side) {
	for i := range m.slicings {
		value := p.commit
		if i > 0 {
			value = p.mirror.slices[i-1]
			if value == "" && len(live.slices) >= i {
				value = live.slices[i-1] // only the live record may have been captured
			}
		}
		m.slicings[i].add(value, p, live)
	}
}

// report gives the figures; what takes other mirrors, the collector adds.
func (m *mirror) report() *Report {
	r := &Report{
		Mirror: m.name, Versions: slices.Sorted(maps.Keys(m.versions)),
		Coverage: m.coverage, Errors: m.errors,
		LatencyMs: m.latency.report(), TTFBMs: m.ttfb.report(),
		Labels: m.labels.report(), Shape: m.shapes.report(), Notes: []string{}, Reasons: []string{},
	}
	r.Scores, r.Drift = m.scores.report(m.tolerance)
	r.Coverage.Compared = m.agree + m.differ
	r.Coverage.Unpaired = maps.Clone(m.coverage.Unpaired)
	r.Errors.PValue = stat.McNemar(m.errors.LiveOnly, m.errors.MirrorOnly)
	r.Errors.Examples = orEmpty(r.Errors.Examples)
	pairs := m.agree + m.differ
	r.Agreement = Agreement{
		Pairs: pairs, Agree: m.agree, Rate: share(m.agree, pairs), Interval: stat.Wilson(m.agree, pairs, Level), Examples: orEmpty(m.differing),
	}
	for i := range m.slicings {
		r.Slices = append(r.Slices, m.slicings[i].report(m.coverage.Paired))
	}
	return r
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// above is what of the differences is above those of a noise floor.
func (m *mirror) above(floor *mirror) *Noise {
	pairs := floor.agree + floor.differ
	return &Noise{
		Mirror: floor.name, Pairs: pairs, Rate: share(floor.agree, pairs), Interval: stat.Wilson(floor.agree, pairs, Level),
		Above: m.differences(floor, Alpha),
	}
}

// differences is the share of answers that differ beyond those of a floor, which may be
// nil, as a confidence sequence.
func (m *mirror) differences(floor *mirror, alpha float64) stat.Interval {
	if floor == nil {
		return stat.MeanSequence(stat.Counts{{Value: 1, N: m.differ}, {Value: 0, N: m.agree}}, 0, 1, alpha)
	}
	own, noise := m.differences(nil, alpha/2), floor.differences(nil, alpha/2)
	return stat.Interval{Low: max(own.Low-noise.High, 0), High: max(own.High-noise.Low, 0)}
}
