package report

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report/stat"
)

// mismatch is the p-value below which the sizes of splits are not those of the weights.
const mismatch = .001

// MaxBackends is how many backends one report can compare.
const MaxBackends = 64

// SplitOptions says what a report about backends is about.
type SplitOptions struct {
	Endpoint string
	Backends []string           // at least two, at most MaxBackends; the others are compared with the first
	Weights  map[string]float64 // of the backends; nil: they are not known, and not tested
	Score    string             // JSON pointer of a number in captured answers; empty: none
}

// Split is what the records say of backends next to each other.
type Split struct {
	Endpoint string    `json:"endpoint"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`

	Backends    []Backend         `json:"backends"`
	Ratio       *Ratio            `json:"sampleRatio"` // null if weights are not known
	Comparisons []SplitComparison `json:"comparisons"` // of each other backend with the first
	Notes       []string          `json:"notes"`
}

// Backend is what the records say of one.
type Backend struct {
	Name       string      `json:"name"`
	Requests   int64       `json:"requests"`
	Subjects   int64       `json:"subjects"` // different ones; 0 without keyed assignment
	Errors     int64       `json:"errors"`
	Canceled   int64       `json:"canceled"` // by callers
	ErrorRate  float64     `json:"errorRate"`
	RateWithin Interval    `json:"errorRateInterval"`
	LatencyMs  Percentiles `json:"latencyMs"`
	Scores     *Quantiles  `json:"scores,omitempty"`

	latency stat.Durations
	took    stat.Moments
	score   stat.Moments
	sample  stat.Sample[float64]
	sorted  []float64
}

// Ratio says whether the sizes of splits are those of the weights.
type Ratio struct {
	Of       string    `json:"of"` // subjects, or requests where there are none
	Counts   []int64   `json:"counts"`
	Weights  []float64 `json:"weights"`
	PValue   float64   `json:"pValue"`
	Mismatch bool      `json:"mismatch"`
}

// SplitComparison is how a backend differs from the first: its figures less those of it.
type SplitComparison struct {
	Backend   string       `json:"backend"`
	ErrorRate Difference   `json:"errorRate"`
	LatencyMs *Difference  `json:"latencyMs"` // of the means; null of fewer than two each
	Scores    *ScoreChange `json:"scores,omitempty"`
}

// ScoreChange is how scores of two backends differ.
type ScoreChange struct {
	Mean Difference `json:"mean"`
	Drift
	KSPValue float64 `json:"ksPValue"`
}

// Splits takes the records of an endpoint one by one, within bounded memory. It is not
// for concurrent use.
type Splits struct {
	options  SplitOptions
	from, to time.Time
	backends []*Backend
	subjects subjects
}

// NewSplits makes one that has seen nothing.
func NewSplits(o SplitOptions) *Splits {
	s := &Splits{options: o, subjects: newSubjects()}
	for _, name := range o.Backends {
		s.backends = append(s.backends, &Backend{Name: name})
	}
	return s
}

// Add takes a record. Those of other endpoints and backends, and of mirrors, are passed over.
func (s *Splits) Add(r *records.Record) {
	if r.Event != records.Inference || r.Endpoint != s.options.Endpoint || r.Role != records.Live || r.Superseded {
		return
	}
	i := slices.Index(s.options.Backends, r.Backend)
	if i < 0 {
		return
	}
	if s.from.IsZero() || r.Time.Before(s.from) {
		s.from = r.Time
	}
	if r.Time.After(s.to) {
		s.to = r.Time
	}
	if r.Subject != "" {
		s.subjects.add(r.Subject, i)
	}
	s.backends[i].add(r, s.options.Score)
}

func (b *Backend) add(r *records.Record, score string) {
	b.Requests++
	switch r.Outcome {
	case records.Canceled:
		b.Canceled++
		return
	case records.Error:
		b.Errors++
		return
	}
	b.latency.Add(r.Duration)
	b.took.Add(r.Duration)
	if score == "" {
		return
	}
	if v := r.ResponseNumber(score); v.Is {
		b.score.Add(v.Value)
		b.sample.Add(v.Value)
	}
}

// ended is how many requests were not given up by their callers.
func (b *Backend) ended() int64 { return b.Requests - b.Canceled }

// Report makes the report.
func (s *Splits) Report() *Split {
	out := &Split{Endpoint: s.options.Endpoint, From: s.from, To: s.to, Comparisons: []SplitComparison{}, Notes: []string{}}
	counts := s.subjects.counts(len(s.backends))
	for i, b := range s.backends {
		b.Subjects = counts[i]
		b.finish()
		out.Backends = append(out.Backends, *b)
		if i > 0 {
			out.Comparisons = append(out.Comparisons, b.compare(s.backends[0]))
		}
	}
	s.testRatio(out)
	if n := s.subjects.moved(); n > 0 {
		out.Notes = append(out.Notes, "About "+count(n)+" subjects met more than one of these backends, as happens when weights change.")
	}
	if s.options.Score != "" && out.Backends[0].Scores == nil {
		out.Notes = append(out.Notes, "No captured answer has a number at "+s.options.Score+": scores need capture with response: true.")
	}
	return out
}

func (b *Backend) finish() {
	b.ErrorRate = share(b.Errors, b.ended())
	b.RateWithin = stat.Wilson(b.Errors, b.ended(), Level)
	b.LatencyMs = percentiles(&b.latency)
	b.sorted = slices.Sorted(slices.Values(b.sample.Values()))
	if len(b.sorted) > 0 {
		q := func(p float64) float64 { return stat.Quantile(p, b.sorted) }
		b.Scores = &Quantiles{P1: q(.01), P5: q(.05), P25: q(.25), P50: q(.5), P75: q(.75), P95: q(.95), P99: q(.99)}
	}
}

// compare compares a backend with the first.
func (b *Backend) compare(first *Backend) SplitComparison {
	out := SplitComparison{Backend: b.Name, ErrorRate: Difference{
		Mean: b.ErrorRate - first.ErrorRate, Interval: stat.Newcombe(b.Errors, b.ended(), first.Errors, first.ended(), Level),
	}}
	if in, ok := stat.Welch(&b.took, &first.took, Level); ok {
		out.LatencyMs = &Difference{Mean: b.took.Mean() - first.took.Mean(), Interval: in}
	}
	if in, ok := stat.Welch(&b.score, &first.score, Level); ok {
		ks := stat.KolmogorovSmirnov(first.sorted, b.sorted)
		out.Scores = &ScoreChange{
			Mean:     Difference{Mean: b.score.Mean() - first.score.Mean(), Interval: in},
			Drift:    Drift{PSI: stat.PSI(first.sorted, b.sorted), KS: ks, Wasserstein: stat.Wasserstein(first.sorted, b.sorted)},
			KSPValue: stat.KolmogorovSmirnovPValue(ks, len(first.sorted), len(b.sorted)),
		}
	}
	return out
}

// testRatio tests whether sizes are those of the weights: of subjects, where they
// decide who is where, else of requests.
func (s *Splits) testRatio(out *Split) {
	if s.options.Weights == nil {
		out.Notes = append(out.Notes, "The weights are not known, so that the sizes of the splits are not tested.")
		return
	}
	r := &Ratio{Of: "requests"}
	sampled := s.subjects.sampled(len(s.backends))
	for i, b := range s.backends {
		r.Counts = append(r.Counts, b.Requests)
		r.Weights = append(r.Weights, s.options.Weights[b.Name])
		if sampled[i] > 0 {
			r.Of = "subjects"
		}
	}
	if r.Of == "subjects" {
		r.Counts = sampled
	}
	r.PValue = stat.ChiSquare(r.Counts, r.Weights)
	r.Mismatch = r.PValue < mismatch
	out.Ratio = r
}

// maxSubjects is how many subjects are kept; of more, those with the smallest hashes.
const maxSubjects = 1 << 16

// subjects counts different subjects within bounded memory: it keeps those whose hash is
// below a limit, which is halved when there are too many of them.
type subjects struct {
	hash  func(string) uint64
	shift int               // how often the limit has been halved
	seen  map[uint64]uint64 // hash: a bit for each backend
}

func newSubjects() subjects {
	m := newMeeting()
	return subjects{hash: m.key, seen: map[uint64]uint64{}}
}

func (s *subjects) add(subject string, backend int) {
	h := s.hash(subject)
	if bits.LeadingZeros64(h) < s.shift {
		return
	}
	s.seen[h] |= 1 << backend
	for len(s.seen) > maxSubjects {
		s.shift++
		for h := range s.seen {
			if bits.LeadingZeros64(h) < s.shift {
				delete(s.seen, h)
			}
		}
	}
}

// sampled counts those that are kept, by backend. Who met several counts for none.
func (s *subjects) sampled(backends int) []int64 {
	counts := make([]int64, backends)
	for _, where := range s.seen {
		if bits.OnesCount64(where) == 1 {
			counts[bits.TrailingZeros64(where)]++
		}
	}
	return counts
}

// counts estimates how many there are, by backend.
func (s *subjects) counts(backends int) []int64 {
	counts := make([]int64, backends)
	for _, where := range s.seen {
		for i := range counts {
			counts[i] += int64(where >> i & 1)
		}
	}
	for i := range counts {
		counts[i] = s.all(counts[i])
	}
	return counts
}

// moved estimates how many met more than one backend.
func (s *subjects) moved() (n int64) {
	for _, where := range s.seen {
		if bits.OnesCount64(where) > 1 {
			n++
		}
	}
	return s.all(n)
}

func (s *subjects) all(kept int64) int64 { return int64(math.Ldexp(float64(kept), s.shift)) }
