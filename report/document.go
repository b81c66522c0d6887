package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// document is a report as sections of words, tables and plots, which each format
// writes in its own way.
type document struct {
	title    string
	subtitle string
	verdict  string
	reasons  []string
	sections []section
	notes    []string
}

type section struct {
	title  string
	words  []string
	tables []table
	plots  []plot
}

// table has a head, and cells; all columns but the first are numbers if they look so.
type table struct {
	head []string
	rows [][]string
}

// document puts a report into words, in the order in which people decide.
func (r *Report) document() document {
	d := document{
		title:    fmt.Sprintf("%s: mirror %s", r.Endpoint, r.Mirror),
		subtitle: fmt.Sprintf("%s; records from %s to %s", cmp.Or(strings.Join(r.Versions, ", "), "unknown version"), When(r.From), When(r.To)),
		verdict:  string(r.Verdict), reasons: r.Reasons, notes: r.Notes,
	}
	if r.Coverage.Sampled == 0 {
		d.subtitle = fmt.Sprintf("no records of this mirror; records of the endpoint from %s to %s", When(r.From), When(r.To))
	}
	for _, s := range []section{
		r.coverageSection(), r.errorSection(), r.agreementSection(), r.labelSection(), r.scoreSection(), r.driftSection(),
		r.latencySection(), r.shapeSection(), r.sliceSection(), r.gateSection(),
	} {
		if len(s.words)+len(s.tables) > 0 {
			d.sections = append(d.sections, s)
		}
	}
	return d
}

func (r *Report) coverageSection() section {
	c := r.Coverage
	s := section{title: "Coverage", tables: []table{{head: []string{"", "requests", "of live"}}}}
	for _, row := range []struct {
		name string
		n    int64
	}{
		{"live", c.Live}, {"sampled", c.Sampled}, {"sent", c.Sent}, {"answered", c.Answered}, {"paired", c.Paired}, {"compared", c.Compared},
	} {
		s.tables[0].rows = append(s.tables[0].rows, []string{row.name, count(row.n), percent(share(row.n, c.Live))})
	}
	s.words = append(s.words, byReason("Copies that were not sent", c.Dropped)...)
	s.words = append(s.words, byReason("Copies that were not compared", c.Unpaired)...)
	return s
}

// byReason is a sentence about counts, the largest first.
func byReason(what string, counts map[string]int64) []string {
	if len(counts) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(names, func(a, b string) int { return int(counts[b] - counts[a]) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%s)", name, count(counts[name]))
	}
	return []string{what + ": " + strings.Join(names, ", ") + "."}
}

func (r *Report) errorSection() section {
	e := r.Errors
	s := section{title: "Errors", tables: []table{{
		head: []string{"", "mirror ok", "mirror failed"},
		rows: [][]string{{"live ok", count(e.BothOK), count(e.MirrorOnly)}, {"live failed", count(e.LiveOnly), count(e.BothFailed)}},
	}}}
	if e.pairs() == 0 {
		return section{}
	}
	s.words = append(s.words, fmt.Sprintf("Live fails at %s, the mirror at %s. If both failed equally often, counts as uneven as these would come with probability %s (McNemar).",
		percent(e.liveRate()), percent(e.mirrorRate()), figure(e.PValue)))
	s.words = append(s.words, byReason("The mirror's failures", e.Kinds)...)
	s.words = append(s.words, examples("Only the mirror failed at", e.Examples)...)
	return s
}

func examples(what string, ids []string) []string {
	if len(ids) == 0 {
		return nil
	}
	return []string{what + " requests such as " + strings.Join(ids, ", ") + "."}
}

func (r *Report) agreementSection() section {
	a := r.Agreement
	s := section{title: "Agreement"}
	if a.Pairs == 0 {
		return s
	}
	s.words = append(s.words, fmt.Sprintf("%s of %s answers agree: %s, in all likelihood %s.", count(a.Agree), count(a.Pairs), percent(a.Rate), interval(a.Interval, percent)))
	if n := a.Noise; n != nil {
		s.words = append(s.words, fmt.Sprintf("Live agrees with itself (%s) in %s of %s answers: what differs beyond that is %s of the answers.",
			n.Mirror, percent(n.Rate), count(n.Pairs), interval(n.Above, percent)))
	}
	s.words = append(s.words, examples("Answers differ at", a.Examples)...)
	return s
}

func (r *Report) labelSection() section {
	s := section{title: "Labels"}
	if r.Labels == nil {
		return s
	}
	kappa := "there is one label only"
	if r.Labels.Kappa != nil {
		kappa = "Cohen's kappa is " + figure(*r.Labels.Kappa)
	}
	s.words = append(s.words, fmt.Sprintf("Of %s pairs of labels; %s.", count(r.Labels.Pairs), kappa))
	t := table{head: []string{"live", "mirror", "pairs", "of all"}}
	for _, c := range r.Labels.Confusions {
		t.rows = append(t.rows, []string{orDash(c.Live), orDash(c.Mirror), count(c.N), percent(share(c.N, r.Labels.Pairs))})
	}
	if len(t.rows) > 0 {
		s.tables = append(s.tables, t)
	}
	return s
}

func (r *Report) scoreSection() section {
	s := section{title: "Scores"}
	if r.Scores == nil {
		return s
	}
	c := r.Scores
	bias := "The mirror's scores are " + signed(c.Bias, figure) + " on average"
	if c.BiasInterval != nil {
		bias += " (" + interval(*c.BiasInterval, figure) + ")"
	}
	s.words = append(s.words,
		fmt.Sprintf("Of %s pairs of scores %s are within %s of each other.", count(c.Pairs), percent(c.WithinTolerance), within(c.Tolerance)),
		bias+".")
	q := c.Quantiles
	row := []string{"difference"}
	for _, v := range []float64{q.P1, q.P5, q.P25, q.P50, q.P75, q.P95, q.P99} {
		row = append(row, figure(v))
	}
	s.tables = append(s.tables, table{head: []string{"", "p1", "p5", "p25", "p50", "p75", "p95", "p99"}, rows: [][]string{row}})
	worst := table{head: []string{"farthest apart", "live", "mirror"}}
	for _, w := range c.Worst {
		worst.rows = append(worst.rows, []string{w.RequestID, figure(w.Live), figure(w.Mirror)})
	}
	s.tables = append(s.tables, worst)
	s.plots = append(s.plots, histogram("Differences of scores, the mirror's less the live one", []series{{"difference", c.difference}}))
	return s
}

func (r *Report) driftSection() section {
	s := section{title: "Drift of scores"}
	if r.Drift == nil {
		return s
	}
	s.tables = append(s.tables, table{
		head: []string{"", "", "means"},
		rows: [][]string{
			{"population stability index", figure(r.Drift.PSI), drifted(r.Drift.PSI)},
			{"Kolmogorov-Smirnov", figure(r.Drift.KS), "the largest difference of the cumulative shares"},
			{"Wasserstein", figure(r.Drift.Wasserstein), "how far scores have to be moved on average"},
		},
	})
	s.plots = append(s.plots, histogram("Scores", []series{{"live", r.Scores.live}, {"mirror", r.Scores.mirror}}))
	return s
}

func drifted(psi float64) string {
	switch {
	case psi < .1:
		return "little has changed (below 0.1)"
	case psi < .25:
		return "something has changed (0.1 to 0.25)"
	default:
		return "much has changed (above 0.25)"
	}
}

func (r *Report) latencySection() section {
	s := section{title: "Latency"}
	if r.LatencyMs.live.N() == 0 {
		return s
	}
	s.tables = append(s.tables, r.LatencyMs.table("whole answer"))
	if r.TTFBMs.live.N() > 0 {
		s.tables = append(s.tables, r.TTFBMs.table("first byte"))
	}
	s.words = append(s.words, "Of pairs that both answered.")
	if d := r.LatencyMs.PairedDifference; d != nil {
		s.words = append(s.words, fmt.Sprintf("For the same request the mirror takes %s on average (%s).", signed(d.Mean, millis), interval(d.Interval, millis)))
	}
	s.plots = append(s.plots, curves("Share of answers within a time", r.LatencyMs.live, r.LatencyMs.mirror, "live", "mirror"))
	return s
}

func (t Times) table(name string) table {
	row := func(side string, p Percentiles) []string {
		return []string{side, millis(p.P50), millis(p.P90), millis(p.P99)}
	}
	return table{head: []string{name, "p50", "p90", "p99"}, rows: [][]string{row("live", t.Live), row("mirror", t.Mirror)}}
}

func (r *Report) shapeSection() section {
	s := section{title: "Shape"}
	if len(r.Shape) == 0 {
		return s
	}
	t := table{head: []string{"path", "only live has it", "only the mirror has it"}}
	for _, shape := range r.Shape {
		t.rows = append(t.rows, []string{orDash(shape.Path), count(shape.Vanished), count(shape.Appeared)})
	}
	s.tables = append(s.tables, t)
	return s
}

func (r *Report) sliceSection() section {
	s := section{title: "Slices"}
	for _, slicing := range r.Slices {
		if len(slicing.Slices) == 0 {
			continue
		}
		t := table{head: []string{slicing.Key, "pairs", "of all", "agree", "in all likelihood", "live fails", "mirror fails", "latency"}}
		for _, one := range slicing.Slices {
			agree, likely := "-", "-"
			if one.Agreement != nil {
				agree, likely = percent(*one.Agreement), interval(one.Interval, percent)
			}
			t.rows = append(t.rows, []string{
				orDash(shortened(one.Value)), count(one.Pairs), percent(one.Share), agree, likely, percent(one.LiveErrors), percent(one.MirrorErrors), signed(one.LatencyMs, millis),
			})
		}
		s.tables = append(s.tables, t)
		if slicing.Others > 0 {
			s.words = append(s.words, fmt.Sprintf("%s pairs have other values of %s.", count(slicing.Others), slicing.Key))
		}
	}
	return s
}

// shortened is a commit as people read it; other values rarely are as long.
func shortened(s string) string {
	if len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" {
		return s[:12]
	}
	return s
}

func (r *Report) gateSection() section {
	s := section{title: "Gates"}
	t := table{head: []string{"gate", "mirror", "bound", "mirror less bound", ""}}
	for _, g := range r.Gates {
		format := g.format()
		t.rows = append(t.rows, []string{g.Metric + " " + g.Gate, format(g.Mirror), format(g.Bound), g.Excess.text(format), string(g.Result)})
	}
	if len(t.rows) == 0 {
		return s
	}
	s.tables = append(s.tables, t)
	s.words = append(s.words, fmt.Sprintf("At least %s pairs are asked for. These ranges hold at all looks together, with probability %s, however often somebody looks.",
		count(int64(r.MinPairs)), percent(1-Alpha)))
	return s
}
