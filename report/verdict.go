package report

import (
	"fmt"
	"math"

	"github.com/switchyard-gateway/switchyard/report/stat"
	"github.com/switchyard-gateway/switchyard/schema"
)

// DefaultGates are those of mirrors that declare none.
func DefaultGates() *schema.Gates {
	return &schema.Gates{MinPairs: schema.DefaultMinPairs, Gates: []schema.Gate{
		{Metric: schema.Agreement, Operator: schema.AtLeast, Offset: .98},
		{Metric: schema.ErrorRate, Operator: schema.AtMost, Live: true, Factor: 1, Offset: .001},
		{Metric: schema.P99, Operator: schema.AtMost, Live: true, Factor: 1.2},
	}}
}

// judge holds a mirror to gates. Each of k gates has a share of Alpha/(k+1) of being
// judged wrongly ever, and so have both gains together: what a verdict says has Alpha.
func judge(r *Report, m, floor *mirror, gates *schema.Gates) {
	r.MinPairs, r.Gates = gates.MinPairs, []Gate{}
	alpha := Alpha / float64(len(gates.Gates)+1)
	for _, g := range gates.Gates {
		r.Gates = append(r.Gates, m.judge(r, floor, g, alpha))
	}
	r.Verdict, r.Reasons = decide(r, m, alpha)
}

// judge holds the mirror to one gate: how far its figure is above the bound, at the
// least and at the most, given all that came.
func (m *mirror) judge(r *Report, floor *mirror, g schema.Gate, alpha float64) Gate {
	out := Gate{Metric: string(g.Metric), Gate: g.String()}
	var live float64
	switch g.Metric {
	case schema.Agreement:
		differ := m.differences(floor, alpha)
		out.Mirror = r.Agreement.Rate
		if floor != nil {
			out.Mirror = min(1, r.Agreement.Rate+1-r.Agreement.Noise.Rate)
		}
		out.Excess = Range{1 - differ.High - g.Offset, 1 - differ.Low - g.Offset}
	case schema.ErrorRate:
		live, out.Mirror = r.Errors.liveRate(), r.Errors.mirrorRate()
		above := r.Errors.above(g.Factor, alpha)
		out.Excess = Range{above.Low - g.Offset, above.High - g.Offset}
	case schema.P50, schema.P90, schema.P99:
		p := map[schema.Metric]float64{schema.P50: .5, schema.P90: .9, schema.P99: .99}[g.Metric]
		live, out.Mirror = m.latency.live.Quantile(p), m.latency.mirror.Quantile(p)
		out.Excess = m.latency.above(p, g, alpha)
	}
	if g.Live {
		out.Live = &live
	}
	out.Bound = g.Bound(live)
	out.Result = result(g.Operator, out.Excess)
	return out
}

// above is how far the mirror's error rate is above factor times the live one.
func (e *Errors) above(factor, alpha float64) stat.Interval {
	return stat.MeanSequence(stat.Counts{
		{Value: 0, N: e.BothOK}, {Value: -factor, N: e.LiveOnly}, {Value: 1, N: e.MirrorOnly}, {Value: 1 - factor, N: e.BothFailed},
	}, -factor, 1, alpha)
}

// above is how far the mirror's quantile is above the bound that follows from the live one.
func (t *times) above(p float64, g schema.Gate, alpha float64) Range {
	if !g.Live {
		in := stat.QuantileSequence(&t.mirror, p, alpha)
		return Range{in.Low - g.Offset, in.High - g.Offset}
	}
	live, mirror := stat.QuantileSequence(&t.live, p, alpha/2), stat.QuantileSequence(&t.mirror, p, alpha/2)
	return Range{mirror.Low - g.Bound(live.High), mirror.High - g.Bound(live.Low)}
}

func result(o schema.Operator, excess Range) Result {
	low, high := excess.Low, excess.High
	if o == schema.AtLeast || o == schema.Above {
		low, high = -high, -low
	}
	switch {
	case high < 0, high == 0 && (o == schema.AtMost || o == schema.AtLeast):
		return Passes
	case low > 0:
		return Fails
	default:
		return Undecided
	}
}

// decide gives the verdict that follows from the gates, and why.
func decide(r *Report, m *mirror, alpha float64) (Verdict, []string) {
	if pairs := r.Coverage.Paired; pairs < int64(r.MinPairs) {
		return Open, []string{fmt.Sprintf("There are %d pairs, and nothing is decided below %d.", pairs, r.MinPairs)}
	}
	var failed, open, passed []string
	for _, g := range r.Gates {
		switch g.Result {
		case Fails:
			failed = append(failed, g.sentence("does not hold"))
		case Undecided:
			open = append(open, g.sentence("is not decided yet"))
		case Passes:
			passed = append(passed, g.sentence("holds"))
		}
	}
	switch {
	case len(failed) > 0:
		return Worse, append(failed, open...)
	case len(open) > 0:
		return Open, open
	}
	if gains := m.gains(r, alpha); len(gains) > 0 {
		return Better, append(gains, passed...)
	}
	return Same, passed
}

// gains are in what the mirror is better beyond doubt. Of each only the upper end is looked
// at, which is wrong with alpha/2: alpha for both.
func (m *mirror) gains(r *Report, alpha float64) []string {
	var gains []string
	if r.Errors.above(1, alpha).High < 0 {
		gains = append(gains, fmt.Sprintf("The mirror fails less often: %s of its answers, live %s.", percent(r.Errors.mirrorRate()), percent(r.Errors.liveRate())))
	}
	faster := m.latency.above(.99, schema.Gate{Live: true, Factor: 1}, alpha)
	if faster.High < 0 {
		gains = append(gains, fmt.Sprintf("The mirror is faster: p99 %s, live %s.", millis(r.LatencyMs.Mirror.P99), millis(r.LatencyMs.Live.P99)))
	}
	return gains
}

// format is how figures of the metric are written.
func (g Gate) format() func(float64) string {
	if g.Metric == string(schema.Agreement) || g.Metric == string(schema.ErrorRate) {
		return percent
	}
	return millis
}

// Figures are the mirror's figure and the bound, as people read them.
func (g Gate) Figures() (mirror, bound string) {
	format := g.format()
	return format(g.Mirror), format(g.Bound)
}

// sentence says how a gate was judged, in figures.
func (g Gate) sentence(judged string) string {
	format := g.format()
	against := ""
	if g.Live != nil {
		against = ", live " + format(*g.Live)
	}
	return fmt.Sprintf("%s %s %s: %s%s; the difference to the bound is %s.", g.Metric, g.Gate, judged, format(g.Mirror), against, g.Excess.text(format))
}

func (r Range) text(format func(float64) string) string {
	switch {
	case math.IsInf(r.Low, 0) && math.IsInf(r.High, 0):
		return "unknown"
	case math.IsInf(r.High, 0):
		return "at least " + signed(r.Low, format)
	case math.IsInf(r.Low, 0):
		return "at most " + signed(r.High, format)
	default:
		return "from " + signed(r.Low, format) + " to " + signed(r.High, format)
	}
}

func signed(v float64, format func(float64) string) string {
	if v >= 0 {
		return "+" + format(v)
	}
	return format(v)
}
