package schema

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// body reads what is changed in bodies. remove is what is removed where that is
// not written.
func (d *document) body(of *mapping, remove []string) (b BodyRules) {
	written := false
	if n, ok := of.take("body"); ok {
		m, ok := d.mapping(n, "body")
		if !ok {
			return b
		}
		defer m.done()
		if n, ok := m.take("set"); ok {
			b.Set = d.members(n)
		}
		var list node
		if list, written = m.take("remove"); written {
			b.Remove = d.pointers(list)
		}
	}
	for _, pointer := range remove {
		if !written && !b.touches(pointer) {
			b.Remove = append(b.Remove, Value[string]{pointer, of.pos})
		}
	}
	return b
}

// touches reports whether something is set there, below or above.
func (b *BodyRules) touches(pointer string) bool {
	return slices.ContainsFunc(b.Set, func(m Member) bool { return PathsOverlap(m.Pointer.V, pointer) })
}

// members is what is set, by pointer.
func (d *document) members(n node) []Member {
	m, ok := d.mapping(n, "set")
	if !ok {
		return nil
	}
	members := make([]Member, 0, len(m.entries))
	for i := range m.entries {
		e := &m.entries[i]
		e.taken = true
		pointer, ok := d.pointer(e.key)
		value, sound := d.jsonValue(e.value)
		if ok && sound {
			members = append(members, Member{pointer, value})
		}
	}
	return members
}

// jsonValue is a node as compact JSON.
func (d *document) jsonValue(n node) ([]byte, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == nullTag && n.Value == "" {
		d.report(n.pos, RuleType, "nothing is set; write null if null is meant")
		return nil, false
	}
	before := len(d.problems)
	var b bytes.Buffer
	d.json(&b, n, "what is set")
	return b.Bytes(), len(d.problems) == before
}

// pointers reads a list of pointers, which may be empty.
func (d *document) pointers(n node) []Value[string] {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return nil
	}
	items, ok := d.list(n, "remove")
	if !ok {
		return nil
	}
	all := make([]Value[string], 0, len(items))
	for _, item := range items {
		if p, ok := d.pointer(item); ok {
			all = append(all, p)
		}
	}
	return all
}

// pointer is a JSON pointer of RFC 6901 into a body.
func (d *document) pointer(n node) (Value[string], bool) {
	v, ok := d.str(n, "a JSON pointer")
	if !ok {
		return v, false
	}
	problem := pointerProblem(v.V, "/NAME")
	switch parts := strings.Split(v.V, "/"); {
	case problem != "":
	case slices.Contains(parts[1:], ""):
		problem = "no part of it can be empty"
	case slices.ContainsFunc(parts, func(p string) bool { return len(p) > MaxMemberName }):
		problem = "a part of it is too long"
	case strings.ContainsFunc(v.V, unicode.IsControl):
		problem = "it holds a control character"
	}
	if problem != "" {
		d.report(v.Pos, RuleValue, "%s is no JSON pointer to a member: %s; write /NAME, or /NAME/NAME for what lies deeper, of at most %d bytes a part", quoted(v.V), problem, MaxMemberName)
		return v, false
	}
	return v, true
}

// apart reports pointers that are, or lie under, another one of the same rules.
func (d *document) apart(b *BodyRules, model Value[string]) {
	all := slices.Clone(b.Remove)
	for _, m := range b.Set {
		all = append(all, m.Pointer)
	}
	if model.V != "" {
		all = append(all, Value[string]{modelPointer, model.Pos})
	}
	slices.SortStableFunc(all, func(a, b Value[string]) int { return a.Pos.Compare(b.Pos) })
	if len(all) > MaxMembers {
		d.report(all[MaxMembers].Pos, RuleValue, "body sets and removes more than %d members", MaxMembers)
	}
	for i, p := range all {
		for _, q := range all[:i] {
			if PathsOverlap(p.V, q.V) {
				d.report(p.Pos, RuleConflict, "%s is already set or removed by %s in line %d", p.V, q.V, q.Pos.Line)
				break
			}
		}
	}
}

// modelPointer is what the key model of a version sets.
const modelPointer = "/model"

// longestModel bounds the name of a model, in bytes.
const longestModel = 256

// model is the name by which a deployment knows its model.
func (d *document) model(of *mapping) Value[string] {
	n, ok := of.take("model")
	if !ok {
		return Value[string]{}
	}
	v, ok := d.str(n, "model")
	if ok && (v.V == "" || len(v.V) > longestModel || strings.ContainsFunc(v.V, unicode.IsControl)) {
		d.report(v.Pos, RuleValue, "model cannot be %s; it is what the deployment calls its model, of 1 to %d bytes", quoted(v.V), longestModel)
		return Value[string]{}
	}
	return v
}
