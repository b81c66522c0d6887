package edit

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// entry is a key of a mapping, and its value.
type entry struct{ key, value *yaml.Node }

func entries(n *yaml.Node) []entry {
	all := make([]entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		all = append(all, entry{n.Content[i], n.Content[i+1]})
	}
	return all
}

// find is the place of a key among the entries of a mapping, -1 if it is not
// written there.
func find(all []entry, key string) int {
	for i, e := range all {
		if keyOf(e.key) == key && e.key.ShortTag() != "!!merge" {
			return i
		}
	}
	return -1
}

// mappingAt is the mapping at a path; nil if there is none, or if it is an
// alias: what is written elsewhere is not changed from here.
func (d *Document) mappingAt(path []string) *yaml.Node {
	n := d.root
	for _, key := range path {
		all := entries(n)
		i := find(all, key)
		if i < 0 || all[i].value.Kind != yaml.MappingNode {
			return nil
		}
		n = all[i].value
	}
	return n
}

// set gives the key at the end of a path a value, in place of the one that it
// has, or else behind the key after, or at the end of the mapping.
func (d *Document) set(path []string, v value, after string) error {
	parent, key := path[:len(path)-1], path[len(path)-1]
	m := d.mappingAt(parent)
	if m == nil {
		return d.refuse(path, "there is no mapping %s", strings.Join(parent, "."))
	}
	want := func(t *tree) { t.at(parent).set(key, v.tree, after) }
	all := entries(m)
	i := find(all, key)
	if i < 0 {
		cuts, err := d.insertion(m, all, field{key, v}, after)
		if err != nil {
			return d.refuse(path, "%s", err)
		}
		return d.change(path, cuts, want)
	}
	c, err := d.replacement(m, all[i].value, v)
	if err != nil {
		return d.refuse(path, "%s", err)
	}
	return d.change(path, []cut{c}, want)
}

// replace puts another entry where the key at the end of a path and its value are.
func (d *Document) replace(path []string, f field) error {
	parent, key := path[:len(path)-1], path[len(path)-1]
	m := d.mappingAt(parent)
	all := entries(m)
	i := find(all, key)
	end, err := d.text.end(all[i].value)
	if err != nil {
		return d.refuse(path, "%s", err)
	}
	c := cut{d.text.offset(all[i].key), end, f.inFlow(d.quotes(m))}
	return d.change(path, []cut{c}, func(t *tree) {
		t = t.at(parent)
		t.set(f.key, f.value.tree, key)
		t.remove(key)
	})
}

// replacement writes a value where another one is, in the same quotes.
func (d *Document) replacement(m, n *yaml.Node, v value) (cut, error) {
	if n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode && n.Style&yaml.FlowStyle == 0 {
		return cut{}, errForm
	}
	begin := d.text.offset(n)
	end, err := d.text.end(n)
	if err != nil {
		return cut{}, err
	}
	if n.Kind != yaml.AliasNode && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 {
		begin = d.text.skipProperties(begin)
	}
	by := v.inFlow(d.quotes(m))
	if n.Kind == yaml.ScalarNode && v.tree.tag == "!!str" {
		by = inQuotes(n.Style, v, by)
	}
	if begin == end { // nothing was written but the colon
		by = " " + by
	}
	return cut{begin, end, by}, nil
}

// inQuotes is a text in the quotes of another one, where it can be, or else as it
// is usual.
func inQuotes(style yaml.Style, v value, usual string) string {
	switch {
	case style&yaml.DoubleQuotedStyle != 0:
		return doubleQuoted(v.tree.value)
	case style&yaml.SingleQuotedStyle != 0 && !strings.ContainsAny(v.tree.value, "'\n\r\u0085\u2028\u2029\t"):
		return "'" + v.tree.value + "'"
	}
	return usual
}

// quotes reports whether the keys of a mapping are in double quotes, as in JSON.
func (d *Document) quotes(m *yaml.Node) bool {
	return len(m.Content) > 0 && m.Content[0].Style&yaml.DoubleQuotedStyle != 0
}

// insertion writes a new entry into a mapping, behind all that belongs to the key
// after, or else to the last one.
func (d *Document) insertion(m *yaml.Node, all []entry, f field, after string) ([]cut, error) {
	flow := m.Style&yaml.FlowStyle != 0
	switch {
	case len(all) == 0 && flow:
		at, err := d.text.expect(d.text.skipProperties(d.text.offset(m)), "{")
		return []cut{{at, at, f.inFlow(d.quotes(m))}}, err
	case len(all) == 0:
		return nil, errForm
	}
	i := find(all, after)
	if i < 0 {
		i = len(all) - 1
	}
	p, err := d.place(m, all, i)
	if err != nil {
		return nil, err
	}
	if flow {
		return d.flowInsertion(p, f.inFlow(d.quotes(m))), nil
	}
	indent, begins := d.text.indent(d.text.offset(all[0].key))
	if !begins {
		return nil, errForm
	}
	newline := d.text.newline()
	at := d.text.lines[p.below] + len(d.text.content(p.below))
	return []cut{{at, at, newline + f.inBlock(indent, d.step(all), newline)}}, nil
}

// flowInsertion writes an entry in braces behind another one: in a line of its own, if
// that has one, or else in the same.
func (d *Document) flowInsertion(p place, entry string) []cut {
	t := d.text
	indent, _ := t.indent(p.begin)
	line := t.newline() + strings.Repeat(" ", indent)
	at := t.lines[p.below] + len(t.content(p.below))
	if t.closes(p.end) {
		at = p.value
	}
	comma := t.comma(p.value)
	switch {
	case !p.ownLine(t), p.begin == p.key && comma >= 0 && t.line(comma) != t.line(p.value):
		return []cut{{p.value, p.value, ", " + entry}}
	case p.begin < p.key: // at a comma
		return []cut{{at, at, line + string(t.data[p.begin:p.key]) + entry}}
	case t.closes(p.end):
		return []cut{{at, at, "," + line + entry}}
	case comma >= 0:
		return []cut{{at, at, line + entry + ","}}
	}
	return []cut{{p.value, p.value, ","}, {at, at, line + entry}}
}

// step is by how much what lies deeper is indented: as among the entries, or else
// at the top of the document.
func (d *Document) step(all []entry) int {
	const usual = 2
	for _, e := range slices.Concat(all, entries(d.root)) {
		if e.value.Kind != yaml.MappingNode || e.value.Style&yaml.FlowStyle != 0 || len(e.value.Content) == 0 {
			continue
		}
		outer, a := d.text.indent(d.text.offset(e.key))
		inner, b := d.text.indent(d.text.offset(e.value.Content[0]))
		if a && b && inner > outer {
			return inner - outer
		}
	}
	return usual
}
