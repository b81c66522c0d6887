package schema

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// checkPath is the grammar of the path of health checks: an absolute path of
// RFC 3986 with or without a query.
var checkPath = regexp.MustCompile(`^/([!"$&-~]|%[0-9A-Fa-f]{2})*$`)

// statusRange is the grammar of a range of statuses.
var statusRange = regexp.MustCompile(`^([1-5][0-9]{2})-([1-5][0-9]{2})$`)

const longestInterval = time.Hour

// serving reads how replicas serve, from a version or, for all versions, from
// the document. What is not written stays as it is in s.
func (d *document) serving(m *mapping, s Serving) Serving {
	if n, ok := m.take("balance"); ok {
		s.Balance = choice(d, n, "balance", Balances())
	}
	if n, ok := m.take("protocol"); ok {
		s.Protocol = choice(d, n, "protocol", Protocols())
	}
	if n, ok := m.take("health"); ok {
		s.Health = off(n, d.health)
	}
	if n, ok := m.take("outlier"); ok {
		s.Outlier = off(n, d.outlier)
	}
	if n, ok := m.take("resolve"); ok {
		s.Resolve = d.resolving(n)
	}
	if n, ok := m.take("tls"); ok {
		s.TLS = off(n, d.tls)
	}
	s.Limits = d.limits(m, s.Limits)
	return s
}

// off reads a mapping that may be false instead: then it is nil, whatever
// stands for all versions.
func off[T any](n node, read func(node) *T) *T {
	if isFalse(n) {
		return nil
	}
	return read(n)
}

func isFalse(n node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == boolTag && strings.EqualFold(n.Value, "false")
}

// choice is one of some words.
func choice[T ~string](d *document, n node, what string, words []T) T {
	v, ok := d.str(n, what)
	if !ok || slices.Contains(words, T(v.V)) {
		return T(v.V)
	}
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = string(w)
	}
	if near, ok := Nearest(v.V, names); ok {
		d.report(v.Pos, RuleValue, "unknown %s %s; did you mean %q?", what, quoted(v.V), near)
		return ""
	}
	d.report(v.Pos, RuleValue, "unknown %s %s; allowed are %s", what, quoted(v.V), enumerate(names))
	return ""
}

// speaks refuses URLs over which that is not spoken.
func (d *document) speaks(s Serving, urls []Value[string]) {
	p := s.Protocol
	for _, u := range urls {
		secure := strings.HasPrefix(strings.ToLower(u.V), "https:")
		switch {
		case p == HTTP2 && !secure:
			d.report(u.Pos, RuleURL, "protocol h2 is spoken over https; for HTTP/2 over http write protocol: h2c")
		case p == H2C && secure:
			d.report(u.Pos, RuleURL, "protocol h2c is spoken over http; for HTTP/2 over https write protocol: h2")
		case s.TLS != nil && !secure:
			d.report(u.Pos, RuleURL, "tls is for https; write the URL with https, or tls: false")
		}
	}
}

func (d *document) health(n node) *Health {
	h := &Health{
		Interval: DefaultHealthInterval, Timeout: DefaultHealthTimeout, Status: []StatusRange{{200, 299}},
		HealthyAfter: DefaultHealthyAfter, UnhealthyAfter: DefaultUnhealthyAfter,
	}
	m, ok := d.mappingOrFalse(n, "health")
	if !ok {
		return h
	}
	defer m.done()
	if n, ok := m.need("path"); ok {
		h.Path = d.checkPath(n)
	}
	d.duration(m, "interval", &h.Interval, 100*time.Millisecond, longestInterval)
	d.duration(m, "timeout", &h.Timeout, time.Millisecond, longestInterval)
	if n, ok := m.take("status"); ok {
		h.Status = d.statuses(n)
	}
	d.count(m, "healthyAfter", &h.HealthyAfter)
	d.count(m, "unhealthyAfter", &h.UnhealthyAfter)
	return h
}

// mappingOrFalse is a mapping where false would do as well.
func (d *document) mappingOrFalse(n node, what string) (*mapping, bool) {
	if n.Kind != yaml.MappingNode {
		d.mistyped(n, what, "a mapping, or false")
		return nil, false
	}
	return d.mapping(n, what)
}

func (d *document) checkPath(n node) string {
	v, ok := d.str(n, "path")
	switch {
	case !ok:
	case !strings.HasPrefix(v.V, "/"):
		d.report(v.Pos, RuleValue, "the path of health checks must begin with /, not be %s; it stands in place of that of the URL", quoted(v.V))
	case len(v.V) > longestName || !checkPath.MatchString(v.V):
		d.report(v.Pos, RuleValue, "the path of health checks is written as in a URL, of at most %d characters, with %%XX for what is special", longestName)
	}
	return v.V
}

func (d *document) outlier(n node) *Outlier {
	o := &Outlier{
		Consecutive5xx: DefaultConsecutive5xx, ConsecutiveFailures: DefaultConsecutiveFailures,
		Ejection: DefaultEjection, MaxEjection: DefaultMaxEjection,
	}
	m, ok := d.mappingOrFalse(n, "outlier")
	if !ok {
		return o
	}
	defer m.done()
	d.count(m, "consecutive5xx", &o.Consecutive5xx)
	d.count(m, "consecutiveFailures", &o.ConsecutiveFailures)
	d.duration(m, "ejection", &o.Ejection, 100*time.Millisecond, longestInterval)
	d.duration(m, "maxEjection", &o.MaxEjection, 100*time.Millisecond, 24*time.Hour)
	o.MaxEjection = max(o.MaxEjection, o.Ejection)
	return o
}

// resolving is dns or system, or a mapping that says more.
func (d *document) resolving(n node) *Resolve {
	by, r := n, &Resolve{Interval: DefaultResolveInterval}
	if n.Kind == yaml.MappingNode {
		m, ok := d.mapping(n, "resolve")
		if !ok {
			return nil
		}
		defer m.done()
		d.duration(m, "interval", &r.Interval, time.Second, longestInterval)
		if by, ok = m.need("by"); !ok {
			return nil
		}
	}
	v, ok := d.str(by, "resolve")
	switch {
	case !ok || v.V == "system":
		return nil
	case v.V != "dns":
		d.report(v.Pos, RuleValue, "unknown resolve %s; allowed are dns, system", quoted(v.V))
	}
	return r
}

// statuses is one status or range, or a list of them.
func (d *document) statuses(n node) []StatusRange {
	items := []node{n}
	if n.Kind == yaml.SequenceNode {
		var ok bool
		if items, ok = d.list(n, "status"); !ok {
			return nil
		}
	}
	var all []StatusRange
	for _, item := range items {
		if r, ok := d.status(item); ok {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b StatusRange) int { return cmp.Or(a.From-b.From, a.To-b.To) })
	return all
}

func (d *document) status(n node) (StatusRange, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != strTag {
		v, ok := d.integer(n, "status", 100, 599)
		return StatusRange{v.V, v.V}, ok
	}
	bounds := statusRange.FindStringSubmatch(n.Value)
	if bounds == nil {
		d.report(n.pos, RuleValue, "status is a number such as 200, or a range such as 200-399, not %s", quoted(n.Value))
		return StatusRange{}, false
	}
	from, _ := strconv.Atoi(bounds[1]) // the grammar has three digits
	to, _ := strconv.Atoi(bounds[2])
	if from > to {
		d.report(n.pos, RuleValue, "the range of statuses %s is upside down", n.Value)
		return StatusRange{}, false
	}
	return StatusRange{from, to}, true
}

// count reads how often something happens in a row, if it is written.
func (d *document) count(m *mapping, key string, to *int) {
	n, ok := m.take(key)
	if !ok {
		return
	}
	if v, ok := d.integer(n, key, 1, 1000); ok {
		*to = v.V
	}
}

// duration reads a duration with its unit, if it is written.
func (d *document) duration(m *mapping, key string, to *time.Duration, least, most time.Duration) {
	n, ok := m.take(key)
	if !ok {
		return
	}
	if n.Kind == yaml.ScalarNode && (n.Tag == intTag || n.Tag == floatTag) && decimal.MatchString(n.Value) {
		d.report(n.pos, RuleType, "%s must be a duration with a unit, such as %ss", key, n.Value)
		return
	}
	if n.Kind != yaml.ScalarNode || n.Tag != strTag {
		d.mistyped(n, key, "a duration, such as 10s")
		return
	}
	v, err := time.ParseDuration(n.Value)
	switch {
	case err != nil:
		d.report(n.pos, RuleValue, "%s %s is no duration; write a number with a unit of h, m, s or ms, such as 10s or 1m30s", key, quoted(n.Value))
	case v < least || v > most:
		d.report(n.pos, RuleValue, "%s must be from %s to %s, not %s", key, brief(least), brief(most), n.Value)
	default:
		*to = v
	}
}

// brief is a duration without the zeros that its String has at the end.
func brief(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
