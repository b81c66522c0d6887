package schema

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// judged reads what a mirror says about how its answers are judged: compare,
// noise and gates.
func (d *document) judged(m *mapping, mirror *Mirror) {
	if n, ok := m.take("compare"); ok {
		mirror.Compare = off(n, d.compare)
	}
	noise, ok := m.take("noise")
	if ok {
		mirror.Noise, _ = d.boolean(noise, "noise")
	}
	if mirror.Noise && mirror.Compare == nil {
		d.report(noise.pos, RuleConflict, "%s is compare: false and noise: true; noise is measured by comparing", m.what)
	}
	if n, ok := m.take("gates"); ok {
		mirror.Gates = d.gates(n)
		switch {
		case mirror.Noise:
			d.report(n.pos, RuleConflict, "%s is noise: true and has gates; it is a yardstick for other mirrors, and not promoted", m.what)
		case mirror.Compare == nil:
			d.report(n.pos, RuleConflict, "%s is compare: false and has gates; what they decide on is found by comparing", m.what)
		}
	}
}

func (d *document) compare(n node) *Compare {
	c := DefaultCompare()
	m, ok := d.mappingOrFalse(n, "compare")
	if !ok {
		return c
	}
	defer m.done()
	if n, ok := m.take("ignore"); ok {
		c.Ignore = d.patterns(n, "ignore")
	}
	if n, ok := m.take("unordered"); ok {
		c.Unordered = d.patterns(n, "unordered")
	}
	if n, ok := m.take("tolerance"); ok {
		c.Tolerance = d.tolerance(n)
	}
	if n, ok := m.take("label"); ok {
		c.Label, _ = d.pattern(n, "label")
	}
	if n, ok := m.take("score"); ok {
		c.Score, _ = d.pattern(n, "score")
	}
	if n, ok := m.take("text"); ok {
		d.textMatch(n, c)
	}
	return c
}

// mostPatterns bounds a list of pointer patterns.
const mostPatterns = 64

// patterns is a list of pointer patterns, or a single one.
func (d *document) patterns(n node, what string) []string {
	items, ok := d.oneOrMore(n, what)
	if !ok {
		return nil
	}
	if len(items) > mostPatterns {
		d.report(n.pos, RuleSize, "%s has %d pointers; at most %d are followed", what, len(items), mostPatterns)
		return nil
	}
	all := make([]string, 0, len(items))
	for _, item := range items {
		p, ok := d.pattern(item, what)
		switch {
		case !ok:
		case slices.Contains(all, p):
			d.report(item.pos, RuleValue, "%s is listed twice", quoted(p))
		default:
			all = append(all, p)
		}
	}
	return all
}

// pattern is a JSON pointer in which * stands for any member or element.
func (d *document) pattern(n node, what string) (string, bool) {
	v, ok := d.str(n, what)
	if !ok {
		return "", false
	}
	if problem := pointerProblem(v.V, "/items/*/id"); problem != "" {
		d.report(v.Pos, RuleValue, "%s: %s is no JSON pointer: %s", what, quoted(v.V), problem)
		return "", false
	}
	return v.V, true
}

func (d *document) tolerance(n node) *Tolerance {
	t := new(Tolerance)
	m, ok := d.mapping(n, "tolerance")
	if !ok {
		return t
	}
	defer m.done()
	abs, absolute := m.take("abs")
	rel, relative := m.take("rel")
	if !absolute && !relative && !m.misspelt("abs", "rel") {
		d.report(m.pos, RuleMissingKey, `tolerance needs the key "abs" or "rel"`)
	}
	if absolute {
		t.Abs = d.nearness(abs, "abs")
	}
	if relative {
		t.Rel = d.nearness(rel, "rel")
		if t.Rel >= 1 {
			d.report(rel.pos, RuleValue, "rel is a share of the larger number, below 1, not %s", rel.Value)
		}
	}
	return t
}

func (d *document) nearness(n node, what string) float64 {
	v, ok := d.number(n, what)
	if ok && v.V < 0 {
		d.report(v.Pos, RuleValue, "%s must be 0 or above, not %s", what, n.Value)
	}
	return v.V
}

// textMatch is one of the ways to compare texts, or a mapping that says from
// where on similar texts agree.
func (d *document) textMatch(n node, c *Compare) {
	if n.Kind != yaml.MappingNode {
		c.Text = choice(d, n, "text", TextMatches())
		return
	}
	c.Text = TextSimilarity
	m, ok := d.mapping(n, "text")
	if !ok {
		return
	}
	defer m.done()
	at, ok := m.need("similarity")
	if !ok {
		return
	}
	v, ok := d.number(at, "similarity")
	if ok && (v.V <= 0 || v.V > 1) {
		d.report(v.Pos, RuleValue, "similarity must be above 0, up to 1, not %s", at.Value)
	}
	c.Similarity = v.V
}

func (d *document) gates(n node) *Gates {
	g := &Gates{MinPairs: DefaultMinPairs}
	m, ok := d.mapping(n, "gates")
	if !ok {
		return g
	}
	defer m.done()
	if n, ok := m.take("minPairs"); ok {
		if v, ok := d.integer(n, "minPairs", 1, 1_000_000_000); ok {
			g.MinPairs = v.V
		}
	}
	for _, metric := range Metrics() {
		n, ok := m.take(string(metric))
		if !ok {
			continue
		}
		s, ok := d.str(n, string(metric))
		if !ok {
			continue
		}
		gate, err := ParseGate(metric, s.V)
		if err != nil {
			d.report(s.Pos, RuleValue, "%s", err)
			continue
		}
		g.Gates = append(g.Gates, gate)
	}
	return g
}
