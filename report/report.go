package report

import (
	"encoding/json"
	"math"
	"time"

	"github.com/switchyard-gateway/switchyard/report/stat"
)

// Level is that of all intervals that are no confidence sequences.
const Level = .95

// Alpha is the probability that a verdict against gates is ever wrong because of
// chance, over all looks together.
const Alpha = .05

// Verdict says whether a mirror may be promoted.
type Verdict string

// The verdicts.
const (
	Better Verdict = "BETTER" // all gates hold, and it fails less often or is faster beyond doubt
	Same   Verdict = "SAME"   // all gates hold beyond doubt
	Worse  Verdict = "WORSE"  // a gate does not hold, beyond doubt
	Open   Verdict = "NOT ENOUGH DATA"
)

// Report is what the records of a mirror say about it next to live.
type Report struct {
	Endpoint string    `json:"endpoint"`
	Mirror   string    `json:"mirror"`
	Versions []string  `json:"versions"` // of the mirror's deployment, as NAME VERSION (BRANCH)
	From     time.Time `json:"from"`     // of the first and the last record of the endpoint
	To       time.Time `json:"to"`

	Coverage  Coverage  `json:"coverage"`
	Errors    Errors    `json:"errors"`
	Agreement Agreement `json:"agreement"`
	Labels    *Labels   `json:"labels,omitempty"`
	Scores    *Scores   `json:"scores,omitempty"`
	Drift     *Drift    `json:"drift,omitempty"`
	LatencyMs Times     `json:"latencyMs"`
	TTFBMs    Times     `json:"ttfbMs"`
	Shape     []Shape   `json:"shape"`
	Slices    []Slicing `json:"slices"`

	MinPairs int      `json:"minPairs"`
	Gates    []Gate   `json:"gates"`
	Verdict  Verdict  `json:"verdict"`
	Reasons  []string `json:"reasons"`
	Notes    []string `json:"notes"` // what to know about how it came about
}

// Coverage says how much of the traffic the report knows of.
type Coverage struct {
	Live     int64            `json:"live"`     // requests
	Sampled  int64            `json:"sampled"`  // of which the mirror was to get a copy
	Sent     int64            `json:"sent"`     // copies
	Answered int64            `json:"answered"` // copies that got an answer, whatever its status
	Paired   int64            `json:"paired"`   // copies sent whose live attempt is known and ended
	Compared int64            `json:"compared"` // pairs whose answers were compared
	Dropped  map[string]int64 `json:"dropped"`  // copies that were not sent, by reason
	Unpaired map[string]int64 `json:"unpaired"` // copies that were not compared, by reason
}

// Errors are how often both sides failed: had the outcome error, which 5xx is as well.
type Errors struct {
	BothOK     int64            `json:"bothOk"`
	LiveOnly   int64            `json:"liveOnly"`   // only live failed
	MirrorOnly int64            `json:"mirrorOnly"` // only the mirror failed
	BothFailed int64            `json:"bothFailed"`
	PValue     float64          `json:"pValue"`   // of McNemar's test that both fail equally often
	Kinds      map[string]int64 `json:"kinds"`    // of the mirror's failures: errorKind, or status for 5xx
	Examples   []string         `json:"examples"` // request IDs where only the mirror failed
}

func (e *Errors) pairs() int64 { return e.BothOK + e.LiveOnly + e.MirrorOnly + e.BothFailed }

func (e *Errors) liveRate() float64 {
	return share(e.LiveOnly+e.BothFailed, e.pairs())
}

func (e *Errors) mirrorRate() float64 { return share(e.MirrorOnly+e.BothFailed, e.pairs()) }

// Agreement is how often answers agreed.
type Agreement struct {
	Pairs int64   `json:"pairs"` // that were compared
	Agree int64   `json:"agree"`
	Rate  float64 `json:"rate"`
	stat.Interval
	Noise    *Noise   `json:"noise,omitempty"`
	Examples []string `json:"examples"` // request IDs of answers that differ
}

// Noise is how often a second mirror of the live deployment itself agrees with it, and
// what is left of the differences without that.
type Noise struct {
	Mirror string  `json:"mirror"`
	Pairs  int64   `json:"pairs"`
	Rate   float64 `json:"rate"`
	stat.Interval
	Above stat.Interval `json:"above"` // share of answers that differ beyond the noise: a confidence sequence
}

// Labels are how labels agree.
type Labels struct {
	Pairs      int64       `json:"pairs"`
	Kappa      *float64    `json:"kappa"` // Cohen's; null where only one label came
	Confusions []Confusion `json:"confusions"`
}

// Confusion is how often one label was given for another.
type Confusion struct {
	Live   string `json:"live"`
	Mirror string `json:"mirror"`
	N      int64  `json:"n"`
}

// Scores are how scores differ: the mirror's less the live one.
type Scores struct {
	Pairs           int64        `json:"pairs"`
	Tolerance       Tolerance    `json:"tolerance"`
	WithinTolerance float64      `json:"withinTolerance"` // share of the pairs
	Bias            float64      `json:"bias"`            // the mean difference
	BiasInterval    *Interval    `json:"biasInterval"`    // null of fewer than two pairs
	Quantiles       Quantiles    `json:"quantiles"`       // of the difference
	Worst           []ScoreWorst `json:"worst"`           // the five largest differences

	live, mirror, difference []float64 // sorted, some of many; for plots
}

// Interval is a range that a figure lies in.
type Interval = stat.Interval

// Tolerance is how far two numbers may be apart: by Abs, or by Rel of the larger one.
type Tolerance struct {
	Abs float64 `json:"abs"`
	Rel float64 `json:"rel"`
}

func (t Tolerance) covers(a, b float64) bool {
	d := math.Abs(a - b)
	return d <= t.Abs || d <= t.Rel*max(math.Abs(a), math.Abs(b))
}

// Quantiles of a distribution.
type Quantiles struct {
	P1  float64 `json:"p1"`
	P5  float64 `json:"p5"`
	P25 float64 `json:"p25"`
	P50 float64 `json:"p50"`
	P75 float64 `json:"p75"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// ScoreWorst is a pair of scores that are far apart.
type ScoreWorst struct {
	RequestID string  `json:"requestId"`
	Live      float64 `json:"live"`
	Mirror    float64 `json:"mirror"`
}

// Drift is how the distribution of all scores differs, whatever the pairs.
type Drift struct {
	PSI         float64 `json:"psi"`
	KS          float64 `json:"ks"`
	Wasserstein float64 `json:"wasserstein"`
}

// Times are durations of both sides, of the same requests.
type Times struct {
	Live             Percentiles `json:"live"`
	Mirror           Percentiles `json:"mirror"`
	PairedDifference *Difference `json:"pairedDifference"` // the mirror's less the live one; null of fewer than two pairs

	live, mirror *stat.Durations // for plots
}

// Percentiles of durations, in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

// Difference is a mean difference with its interval.
type Difference struct {
	Mean float64 `json:"mean"`
	stat.Interval
}

// Shape is a place where one side has something and the other has nothing.
type Shape struct {
	Path     string `json:"path"`
	Vanished int64  `json:"vanished"` // only live has it
	Appeared int64  `json:"appeared"` // only the mirror has it
}

// Slicing is the same pairs by one key.
type Slicing struct {
	Key    string  `json:"key"`
	Slices []Slice `json:"slices"` // the largest first
	Others int64   `json:"others"` // pairs with other values, of which there are too many
}

// Slice is the pairs with one value of a key.
type Slice struct {
	Value     string   `json:"value"` // empty: the records lack it
	Pairs     int64    `json:"pairs"`
	Share     float64  `json:"share"` // of all pairs
	Agreement *float64 `json:"agreement"`
	stat.Interval
	LiveErrors   float64 `json:"liveErrors"`
	MirrorErrors float64 `json:"mirrorErrors"`
	LatencyMs    float64 `json:"latencyMs"` // mean difference
}

// Gate is a gate and whether it holds.
type Gate struct {
	Metric string   `json:"metric"`
	Gate   string   `json:"gate"`   // as it is written, such as "<= live * 1.2"
	Mirror float64  `json:"mirror"` // the mirror's figure
	Live   *float64 `json:"live,omitempty"`
	Bound  float64  `json:"bound"` // that follows from the live figure
	Excess Range    `json:"excess"`
	Result Result   `json:"result"`
}

// Range is where a figure lies, as a confidence sequence: here how far the mirror's
// figure is above its bound.
type Range stat.Interval

// MarshalJSON writes what is not bounded as null.
func (r Range) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Low  *float64 `json:"low"`
		High *float64 `json:"high"`
	}{finite(r.Low), finite(r.High)})
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

// Result says whether a gate holds.
type Result string

// The results.
const (
	Passes    Result = "passes"
	Fails     Result = "fails"
	Undecided Result = "undecided"
)

func share(part, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}
