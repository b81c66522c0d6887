package report

import (
	"fmt"
	"iter"
	"strings"
)

// Subject is the name of the peer that the aims are for.
const Subject = "Switchyard"

// aim is a bound for Switchyard: on a metric in a scenario, by itself or
// relative to something else of the same run.
type aim struct {
	text     string
	scenario string
	metric   Metric
	than     string // the scenario that it is relative to; empty: to nothing
	of       string // and the peer
	slack    float64
	least    bool // the bound is a least one, not a greatest one
	bound    float64
}

// Identifiers of scenarios that the aims speak of.
const (
	Plain      = "plain"
	Split      = "split"
	Mirror     = "mirror"
	RateMirror = "rate-mirror"
	Big        = "big"
	Off        = "off"
	Slow       = "slow"
	Dead       = "dead"
	Hole       = "hole"
	One        = "one"
	Many       = "many"
	Quiet      = "quiet"
	Swapping   = "swapping"
	IdleAt100  = "idle"
)

// misbehaving are the scenarios with mirrors that misbehave, and how.
func misbehaving() iter.Seq2[string, string] {
	return func(yield func(scenario, mirror string) bool) {
		_ = yield(Slow, "mirror takes 2 s") && yield(Dead, "mirror refuses connections") && yield(Hole, "mirror never answers")
	}
}

func allAims() []aim {
	aims := []aim{
		{text: "plain: CPU at most 1.4 × nginx", scenario: Plain, metric: CPU, than: Plain, of: reference, bound: 1.4},
		{text: "split: CPU at most 1.4 × nginx", scenario: Split, metric: CPU, than: Split, of: reference, bound: 1.4},
		{text: "plain: CPU at most a fifth of Caddy", scenario: Plain, metric: CPU, than: Plain, of: "Caddy", bound: 0.2},
		{text: "mirrored: at least 3 × nginx's requests/s", scenario: Mirror, metric: Rate, than: Mirror, of: reference, bound: 3, least: true},
		{text: "mirrored: copies/s at least nginx's", scenario: Mirror, metric: CopyRate, than: Mirror, of: reference, bound: 1, least: true},
		{text: "mirrored at a constant rate: at most nginx's CPU", scenario: RateMirror, metric: CPU, than: RateMirror, of: reference, bound: 1},
		{text: "mirrored at a constant rate: every copy arrives, %", scenario: RateMirror, metric: Copies, bound: 100, least: true},
		{text: "1 MB bodies, mirrored: at least 1.5 × nginx's MB/s", scenario: Big, metric: MB, than: Big, of: reference, bound: 1.5, least: true},
	}
	for s, mirror := range misbehaving() {
		aims = append(aims,
			aim{text: mirror + ": live requests/s as without", scenario: s, metric: Rate, than: Off, of: Subject, bound: 0.99, least: true},
			aim{text: mirror + ": live p99 at most 1.1 × without + 1 ms", scenario: s, metric: P99, than: Off, of: Subject, bound: 1.1, slack: 1000},
			aim{text: mirror + ": live errors, %", scenario: s, metric: Errors, bound: 0})
	}
	return append(aims,
		aim{text: "many endpoints: at least 95 % of the requests/s with one", scenario: Many, metric: Rate, than: One, of: Subject, bound: 0.95, least: true},
		aim{text: "one changed endpoint among many serves within 50 ms", scenario: Swapping, metric: Swap, bound: 50},
		aim{text: "p99.9 during swaps at most 1.2 × quiet", scenario: Swapping, metric: P999, than: Quiet, of: Subject, bound: 1.2},
		aim{text: "idle with 100 endpoints: below 40 MiB", scenario: IdleAt100, metric: Idle, bound: 40})
}

// aims is a table of the aims that this run can tell of.
func (r Report) aims() string {
	lines := [][]string{{"", "measured", "met"}}
	for _, a := range allAims() {
		measured, met, ok := r.judge(a)
		if !ok {
			continue
		}
		verdict := "no"
		if met {
			verdict = "yes"
		}
		lines = append(lines, []string{a.text, measured, verdict})
	}
	if len(lines) == 1 {
		return ""
	}
	return markdownTable(lines)
}

// judge is what was measured and whether the aim is met; ok if it was measured.
func (r Report) judge(a aim) (measured string, met, ok bool) {
	v, ok := r.Value(a.scenario, Subject, a.metric)
	if !ok {
		return "", false, false
	}
	if a.than == "" {
		return strings.TrimSpace(a.metric.column().format(v)), a.within(v, a.bound), true
	}
	base, ok := r.Value(a.than, a.of, a.metric)
	if !ok || base == 0 {
		return "", false, false
	}
	return fmt.Sprintf("%.2f ×", v/base), a.within(v, a.bound*base+a.slack), true
}

func (a aim) within(v, bound float64) bool {
	if a.least {
		return v >= bound
	}
	return v <= bound
}
