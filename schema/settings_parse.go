package schema

import (
	"math"
	"strings"

	"gopkg.in/yaml.v3"
)

// ParseSettings parses a configuration file: a mapping of the keys of Settings
// to their values, and optionally schemaVersion: 1. The values are in the form
// that flags and the environment take, lists with commas; each has been
// checked. Keys that are not written are not in the map. The map is nil when
// there is any diagnostic. The sinks of the file are checked with it.
func ParseSettings(f File) (map[string]Value[string], Diagnostics) {
	values, _, ds := parseConfig(f)
	return values, ds
}

// ParseSinks parses the sinks of a configuration file, which are what flags and
// the environment have no form for. There are none when there is any diagnostic,
// also of a setting.
func ParseSinks(f File) ([]Sink, Diagnostics) {
	_, sinks, ds := parseConfig(f)
	return sinks, ds
}

func parseConfig(f File) (map[string]Value[string], []Sink, Diagnostics) {
	d, root, ok := open(f)
	if !ok || !d.supported(root, false) {
		return nil, nil, d.finish()
	}
	values := map[string]Value[string]{}
	for _, s := range Settings() {
		n, ok := root.take(s.Key)
		if !ok {
			continue
		}
		if v, ok := d.setting(s, n); ok {
			values[s.Key] = v
		}
	}
	var sinks []Sink
	if n, ok := root.take("sinks"); ok {
		sinks = d.sinks(n)
	}
	root.done()
	if ds := d.finish(); ds != nil {
		return nil, nil, ds
	}
	return values, sinks, nil
}

// setting is the value of one setting in the form that flags take.
func (d *document) setting(s Setting, n node) (Value[string], bool) {
	if s.Kind == KindStrings {
		return d.commas(s, n)
	}
	v, ok := d.written(s, n)
	if !ok {
		return v, false
	}
	if err := s.Check(v.V); err != nil {
		d.report(n.pos, RuleValue, "%s: %s", s.Key, err)
		return v, false
	}
	return v, true
}

// written is the text of a value of the right type.
func (d *document) written(s Setting, n node) (Value[string], bool) {
	v := Value[string]{n.Value, n.pos}
	number := n.Kind == yaml.ScalarNode && (n.Tag == intTag || n.Tag == floatTag)
	switch s.Kind {
	case KindBool:
		b, ok := d.boolean(n, s.Key)
		if v.V = "false"; b {
			v.V = "true"
		}
		return v, ok
	case KindInt:
		_, ok := d.integer(n, s.Key, math.MinInt, math.MaxInt)
		return v, ok
	case KindFloat:
		_, ok := d.number(n, s.Key)
		return v, ok
	case KindSize, KindDuration:
		if number && decimal.MatchString(n.Value) {
			return v, true
		}
		if number {
			d.notDecimal(n, s.Key)
			return v, false
		}
	case KindString, KindStrings:
	}
	return d.str(n, s.Key)
}

// commas is a list of texts, or a single text, as one text with commas. Each is
// checked where it stands.
func (d *document) commas(s Setting, n node) (Value[string], bool) {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return Value[string]{"", n.pos}, true
	}
	items, ok := d.oneOrMore(n, s.Key)
	if !ok {
		return Value[string]{}, false
	}
	before := len(d.problems)
	texts := make([]string, len(items))
	for i, item := range items {
		v, ok := d.str(item, s.Key)
		if err := s.Check(v.V); ok && err != nil {
			d.report(v.Pos, RuleValue, "%s: %s", s.Key, err)
		}
		texts[i] = v.V
	}
	return Value[string]{strings.Join(texts, ","), n.pos}, len(d.problems) == before
}
