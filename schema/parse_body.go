package schema

import (
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// removable is a JSON pointer to a top-level member whose name stands in a body
// as it stands here: it has nothing that JSON or the pointer would escape.
var removable = regexp.MustCompile(`^/[!#-.0-\[\]-}]{1,128}$`)

// removed is what the key "body" of a mirror says about members to leave out.
func (d *document) removed(mirror *mapping) []Value[string] {
	if n, ok := mirror.take("body"); ok {
		m, ok := d.mapping(n, "body")
		if !ok {
			return nil
		}
		defer m.done()
		if n, ok := m.take("remove"); ok {
			return d.removedNames(n)
		}
	}
	names := make([]Value[string], 0, 1)
	for _, name := range DefaultRemove() {
		names = append(names, Value[string]{name, mirror.pos})
	}
	return names
}

// removedNames reads a list of pointers, which may be empty: then the body is
// copied as it is.
func (d *document) removedNames(n node) []Value[string] {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return nil
	}
	items, ok := d.list(n, "remove")
	if !ok {
		return nil
	}
	names := make([]Value[string], 0, len(items))
	for _, item := range items {
		s, ok := d.str(item, "what is removed")
		if !ok {
			continue
		}
		if !removable.MatchString(s.V) {
			d.report(s.Pos, RuleValue, "%s cannot be removed; write /NAME, for the top-level member NAME of a JSON object, of at most 128 visible characters of ASCII but / ~ \" and \\", quoted(s.V))
			continue
		}
		name := Value[string]{s.V[1:], s.Pos}
		if slices.ContainsFunc(names, func(v Value[string]) bool { return v.V == name.V }) {
			d.report(s.Pos, RuleValue, "%s is listed twice", s.V)
			continue
		}
		names = append(names, name)
	}
	return names
}
