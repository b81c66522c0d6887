package schema

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// failing reads what is done about failures, from a version or, for all versions,
// from the document. What is not written stays as it is in l.
func (d *document) failing(m *mapping, l Limits) Limits {
	if n, ok := m.take("idempotent"); ok {
		l.Idempotent, _ = d.boolean(n, "idempotent")
	}
	if n, ok := m.take("retries"); ok {
		l.Retries = off(n, d.retries)
	}
	if n, ok := m.take("breaker"); ok {
		l.Breaker = off(n, d.breaker)
	}
	return l
}

func (d *document) retries(n node) *Retries {
	r := &Retries{Attempts: DefaultAttempts, On: DefaultRetryOn, Backoff: DefaultBackoff, Budget: DefaultBudget}
	m, ok := d.mappingOrFalse(n, "retries")
	if !ok {
		return r
	}
	defer m.done()
	if n, ok := m.take("attempts"); ok {
		if v, ok := d.integer(n, "attempts", 2, 10); ok {
			r.Attempts = v.V
		}
	}
	if n, ok := m.take("on"); ok {
		r.On = d.failures(n, RetriableFailures)
	}
	d.duration(m, "backoff", &r.Backoff, time.Millisecond, time.Minute)
	d.fraction(m, "budget", &r.Budget)
	return r
}

func (d *document) breaker(n node) *Breaker {
	b := &Breaker{
		FailureRate: DefaultFailureRate, MinRequests: DefaultMinRequests,
		Window: DefaultWindow, OpenFor: DefaultOpenFor, Probes: DefaultProbes,
	}
	m, ok := d.mappingOrFalse(n, "breaker")
	if !ok {
		return b
	}
	defer m.done()
	d.fraction(m, "failureRate", &b.FailureRate)
	d.count(m, "minRequests", &b.MinRequests)
	d.duration(m, "window", &b.Window, time.Second, time.Hour)
	d.duration(m, "openFor", &b.OpenFor, 100*time.Millisecond, time.Hour)
	d.count(m, "probes", &b.Probes)
	return b
}

// failures is a list of ways to fail, or a single one.
func (d *document) failures(n node, allowed Failures) Failures {
	items := []node{n}
	if n.Kind == yaml.SequenceNode {
		var ok bool
		if items, ok = d.list(n, "on"); !ok {
			return allowed
		}
	}
	var all Failures
	for _, item := range items {
		f, ok := d.failure(item, allowed)
		if ok && all.Has(f) {
			d.report(item.pos, RuleValue, "%s is listed twice", item.Value)
		}
		all |= f
	}
	return all
}

// failure is one of them; statuses are numbers.
func (d *document) failure(n node, allowed Failures) (Failures, bool) {
	name := n.Value
	status := n.Kind == yaml.ScalarNode && n.Tag == intTag && wholeNumber.MatchString(name)
	if !status {
		v, ok := d.str(n, "an item of on")
		if !ok {
			return 0, false
		}
		name = v.V
		if _, err := strconv.Atoi(name); err == nil {
			d.report(n.pos, RuleType, "a status is a number; remove the quotes of %q", name)
			return 0, false
		}
	}
	if f := failureNamed(name); allowed.Has(f) {
		return f, true
	}
	names := allowed.Names()
	if near, ok := Nearest(name, names); ok && !slices.Contains(names, name) && !status {
		d.report(n.pos, RuleValue, "unknown failure %s; did you mean %q?", quoted(name), near)
		return 0, false
	}
	d.report(n.pos, RuleValue, "on takes %s, not %s", strings.Join(names, ", "), name)
	return 0, false
}

// fraction reads a share such as 20%, above 0 and up to 100%, if it is written.
func (d *document) fraction(m *mapping, key string, to *float64) {
	n, ok := m.take(key)
	if !ok {
		return
	}
	digits, percent := strings.CutSuffix(n.Value, "%")
	switch {
	case n.Kind == yaml.ScalarNode && (n.Tag == intTag || n.Tag == floatTag) && decimal.MatchString(n.Value):
		d.report(n.pos, RuleType, "%s is a share of requests; write it with a %%, such as 20%%", key)
		return
	case n.Kind != yaml.ScalarNode || n.Tag != strTag:
		d.mistyped(n, key, "a share, such as 20%")
		return
	}
	v, err := strconv.ParseFloat(digits, 64)
	switch {
	case err != nil || !percent || !decimal.MatchString(digits) || strings.ContainsAny(digits, "eE"):
		d.report(n.pos, RuleValue, "%s %s is no share; write a number and a %%, such as 20%%", key, quoted(n.Value))
	case v <= 0 || v > 100:
		d.report(n.pos, RuleValue, "%s must be above 0%%, up to 100%%, not %s", key, n.Value)
	default:
		*to = v / 100
	}
}

// fallback is the name of a backend, or a mapping that says more.
func (d *document) fallback(n node, backends []Backend) *Fallback {
	f, at := &Fallback{On: AllFailures}, n
	if n.Kind == yaml.MappingNode {
		m, ok := d.mapping(n, "fallback")
		if !ok {
			return nil
		}
		defer m.done()
		if n, ok := m.take("on"); ok {
			f.On = d.failures(n, AllFailures)
		}
		if at, ok = m.need("backend"); !ok {
			return nil
		}
	}
	var ok bool
	if f.Backend, ok = d.str(at, "fallback"); !ok {
		return nil
	}
	names := make([]string, len(backends))
	for i, b := range backends {
		names[i] = b.Name.V
	}
	if i := slices.Index(names, f.Backend.V); i < 0 {
		d.noBackend(f.Backend, names)
		return nil
	}
	if len(backends) == 1 {
		d.report(f.Backend.Pos, RuleConflict, "fallback must be another backend than the only one; declare one with weight: 0 for it")
	}
	return f
}

func (d *document) noBackend(name Value[string], names []string) {
	switch near, ok := Nearest(name.V, names); {
	case len(names) == 0:
	case ok:
		d.report(name.Pos, RuleReference, "fallback names the backend %s, which does not exist; did you mean %q?", quoted(name.V), near)
	default:
		d.report(name.Pos, RuleReference, "fallback names the backend %s, which does not exist; the backends are %s", quoted(name.V), enumerate(names))
	}
}
