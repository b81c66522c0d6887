package plan

import (
	"fmt"
	"strings"
)

// summarize is the plan in one line.
func (p *Plan) summarize() string {
	s := p.Summary
	if p.From.Problems > 0 {
		return "what serves now is not known; " + counted(s.Added, "endpoint") + " would"
	}
	if !p.Changes {
		return "no changes: " + counted(s.Unchanged, "endpoint") + " " + be(s.Unchanged) + " as before"
	}
	var counts []string
	for _, c := range []struct {
		n    int
		what Kind
	}{{s.Added, Added}, {s.Removed, Removed}, {s.Changed, Changed}} {
		switch {
		case c.n == 0:
		case len(counts) == 0:
			counts = append(counts, counted(c.n, "endpoint")+" "+string(c.what))
		default:
			counts = append(counts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if s.Unchanged > 0 {
		counts = append(counts, fmt.Sprintf("%d unchanged", s.Unchanged))
	}
	clauses := []string{strings.Join(counts, ", ")}
	if len(p.Endpoints) == 0 {
		clauses[0] = counted(s.Unchanged, "endpoint") + " unchanged"
	}
	if c := p.keysSummary(); c != "" {
		clauses = append(clauses, c)
	}
	if c := p.most("move", func(l *Live) float64 { return max(l.Moved, l.MovedAnew) }); c != "" {
		clauses = append(clauses, c)
	}
	if c := p.most("are answered by another version", func(l *Live) float64 { return l.OtherAnswer }); c != "" {
		clauses = append(clauses, c)
	}
	return strings.Join(clauses, "; ")
}

// most says where most callers are touched: it is at most that many anywhere.
func (p *Plan) most(what string, share func(*Live) float64) string {
	var largest *Endpoint
	for i := range p.Endpoints {
		e := &p.Endpoints[i]
		if e.Live != nil && share(e.Live) > 0 && (largest == nil || share(e.Live) > share(largest.Live)) {
			largest = e
		}
	}
	if largest == nil {
		return ""
	}
	how := percent(share(largest.Live))
	if how[0] >= '0' && how[0] <= '9' { // else it says "less than" or "more than"
		how = "at most " + how
	}
	return fmt.Sprintf("%s of %s of %s %s", how, largest.Live.Of, largest.Name, what)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func be(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
