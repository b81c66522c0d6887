package report

import "fmt"

// document puts a report about backends into words.
func (s *Split) document() document {
	d := document{
		title:    s.Endpoint + ": backends",
		subtitle: fmt.Sprintf("records from %s to %s", When(s.From), When(s.To)),
		notes:    s.Notes,
	}
	d.sections = append(d.sections, s.sizeSection(), s.errorSection(), s.latencySection())
	if scores := s.scoreSection(); len(scores.tables) > 0 {
		d.sections = append(d.sections, scores)
	}
	return d
}

func (s *Split) sizeSection() section {
	out := section{title: "Sizes"}
	t := table{head: []string{"backend", "requests", "of these", "subjects"}}
	var all int64
	for _, b := range s.Backends {
		all += b.Requests
	}
	for _, b := range s.Backends {
		t.rows = append(t.rows, []string{b.Name, count(b.Requests), percent(share(b.Requests, all)), count(b.Subjects)})
	}
	out.tables = append(out.tables, t)
	if r := s.Ratio; r != nil {
		judged := "as the weights ask for"
		if r.Mismatch {
			judged = "NOT as the weights ask for: find out why before you read on"
		}
		out.words = append(out.words, fmt.Sprintf("The numbers of %s are %s (chi-square, p = %s).", r.Of, judged, figure(r.PValue)))
	}
	return out
}

func (s *Split) errorSection() section {
	out := section{title: "Errors"}
	t := table{head: []string{"backend", "errors", "rate", "in all likelihood", "less " + s.Backends[0].Name, "in all likelihood"}}
	for i, b := range s.Backends {
		row := []string{b.Name, count(b.Errors), percent(b.ErrorRate), interval(b.RateWithin, percent), "-", "-"}
		if i > 0 {
			d := s.Comparisons[i-1].ErrorRate
			row[4], row[5] = signed(d.Mean, percent), interval(d.Interval, percent)
		}
		t.rows = append(t.rows, row)
	}
	out.tables = append(out.tables, t)
	return out
}

func (s *Split) latencySection() section {
	out := section{title: "Latency"}
	t := table{head: []string{"backend", "p50", "p90", "p99", "mean less " + s.Backends[0].Name, "in all likelihood"}}
	for i, b := range s.Backends {
		row := []string{b.Name, millis(b.LatencyMs.P50), millis(b.LatencyMs.P90), millis(b.LatencyMs.P99), "-", "-"}
		if i > 0 && s.Comparisons[i-1].LatencyMs != nil {
			d := s.Comparisons[i-1].LatencyMs
			row[4], row[5] = signed(d.Mean, millis), interval(d.Interval, millis)
		}
		t.rows = append(t.rows, row)
		if i > 0 && b.latency.N() > 0 && s.Backends[0].latency.N() > 0 {
			out.plots = append(out.plots, curves("Share of answers within a time", &s.Backends[0].latency, &s.Backends[i].latency, s.Backends[0].Name, b.Name))
		}
	}
	out.tables = append(out.tables, t)
	out.words = append(out.words, "Of requests that did not fail.")
	return out
}

func (s *Split) scoreSection() section {
	out := section{title: "Scores"}
	t := table{head: []string{"backend", "p5", "p50", "p95"}}
	for _, b := range s.Backends {
		if b.Scores != nil {
			t.rows = append(t.rows, []string{b.Name, figure(b.Scores.P5), figure(b.Scores.P50), figure(b.Scores.P95)})
		}
	}
	if len(t.rows) == 0 {
		return out
	}
	out.tables = append(out.tables, t)
	for i, c := range s.Comparisons {
		if c.Scores == nil {
			continue
		}
		out.words = append(out.words, fmt.Sprintf("The mean of %s is %s next to that of %s (%s). PSI %s, Kolmogorov-Smirnov %s (p = %s), Wasserstein %s.",
			c.Backend, signed(c.Scores.Mean.Mean, figure), s.Backends[0].Name, interval(c.Scores.Mean.Interval, figure),
			figure(c.Scores.PSI), figure(c.Scores.KS), figure(c.Scores.KSPValue), figure(c.Scores.Wasserstein)))
		out.plots = append(out.plots, histogram("Scores", []series{{s.Backends[0].Name, s.Backends[0].sorted}, {c.Backend, s.Backends[i+1].sorted}}))
	}
	return out
}
