package edit

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// remove takes the key at the end of a path out of its mapping, and the mapping
// too if that was its only key.
func (d *Document) remove(path []string) error {
	parent, key := path[:len(path)-1], path[len(path)-1]
	m := d.mappingAt(parent)
	if m == nil {
		return d.refuse(path, "there is no mapping %s", strings.Join(parent, "."))
	}
	all := entries(m)
	i := find(all, key)
	if i < 0 {
		return d.refuse(path, "it is not there")
	}
	if len(all) == 1 && len(parent) > 0 {
		if err := d.remove(parent); err != nil {
			return err
		}
		d.touchedOnly(path)
		return nil
	}
	cuts, err := d.removal(m, all, i)
	if err != nil {
		return d.refuse(path, "%s", err)
	}
	return d.change(path, cuts, func(t *tree) { t.at(parent).remove(key) })
}

// removal cuts what belongs to an entry.
func (d *Document) removal(m *yaml.Node, all []entry, i int) ([]cut, error) {
	p, err := d.place(m, all, i)
	if err != nil {
		return nil, err
	}
	t := d.text
	if _, begins := t.indent(p.begin); !begins && m.Style&yaml.FlowStyle == 0 {
		return nil, errForm
	}
	if i > 0 && t.closes(p.end) && !bytes.ContainsRune(t.data[p.before:max(p.before, t.lines[p.above])], '#') {
		return []cut{{p.before, p.value, ""}}, nil // a comma behind it is now that of the one before
	}
	first, last := t.line(p.begin), t.line(max(p.key, p.value-1))
	cuts := []cut{
		{t.lines[p.above], t.lines[first], ""},
		t.clear(p.begin, p.end),
		{t.lineStart(last + 1), t.lineStart(p.below + 1), ""},
	}
	if p.comma >= 0 {
		cuts = append(cuts, t.clear(p.comma, p.comma+1))
	}
	cuts = slices.DeleteFunc(cuts, func(c cut) bool { return c.begin == c.end })
	slices.SortFunc(cuts, func(a, b cut) int { return cmp.Compare(a.begin, b.begin) })
	return cuts, nil
}

// clear cuts a part of the text with the lines of which nothing else is left, or with
// the blanks that stood between it and its neighbours.
func (t text) clear(begin, end int) cut {
	_, begins := t.indent(begin)
	switch {
	case begins && t.endsLine(end):
		return cut{t.lines[t.line(begin)], t.lineStart(t.line(end-1) + 1), ""}
	case begins, t.data[begin-1] == '{':
		return cut{begin, t.skipSpaces(end), ""}
	}
	return cut{len(bytes.TrimRight(t.data[:begin], " \t")), end, ""}
}
