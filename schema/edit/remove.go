package edit

import (
	"bytes"
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
	removal := d.blockRemoval
	if m.Style&yaml.FlowStyle != 0 {
		removal = d.flowRemoval
	}
	cuts, err := removal(all, i)
	if err != nil {
		return d.refuse(path, "%s", err)
	}
	return d.change(path, cuts, func(t *tree) { t.at(parent).remove(key) })
}

// blockRemoval cuts the lines of an entry, with the comments that belong to it:
// those directly above, indented as it is, and those below that are indented
// further.
func (d *Document) blockRemoval(all []entry, i int) ([]cut, error) {
	begin := d.text.offset(all[i].key)
	indent, alone := d.text.indent(begin)
	if !alone {
		return nil, errForm
	}
	end, err := d.text.end(all[i].value)
	if err != nil {
		return nil, err
	}
	last := d.text.line(max(begin, end-1))
	for last+1 < len(d.text.lines) {
		if in, ok := d.text.comment(last + 1); !ok || in <= indent {
			break
		}
		last++
	}
	return []cut{{d.text.lines[d.above(begin)], d.text.lineStart(last + 1), ""}}, nil
}

// above is the first line of the comments that belong to the entry whose key
// begins its line, or else that line.
func (d *Document) above(key int) int {
	line := d.text.line(key)
	indent, alone := d.text.indent(key)
	for alone && line > 0 {
		if in, ok := d.text.comment(line - 1); !ok || in != indent {
			break
		}
		line--
	}
	return line
}

// flowRemoval cuts an entry in braces with one comma. If nothing else stands in
// its lines they go as a whole, with the comments directly above. All comments of
// others stay.
func (d *Document) flowRemoval(all []entry, i int) ([]cut, error) {
	begin := d.text.offset(all[i].key)
	end, err := d.text.end(all[i].value)
	if err != nil {
		return nil, err
	}
	comma := d.text.skipBlank(end)
	ended := comma < len(d.text.data) && d.text.data[comma] == ','
	last := end // of the entry with its comma, if that stands in the same line
	if ended && d.text.line(comma) == d.text.line(end) {
		last = comma + 1
	}
	_, alone := d.text.indent(begin)
	switch {
	case ended && last == end:
		return []cut{{begin, end, ""}, {comma, comma + 1, ""}}, nil
	case alone && d.text.bare(last):
		lines := cut{d.text.lines[d.above(begin)], d.text.lineStart(d.text.line(last) + 1), ""}
		if ended || i == 0 {
			return []cut{lines}, nil
		}
		before, err := d.commaBefore(all[i-1])
		return append(before, lines), err
	case ended:
		return []cut{{begin, d.text.skipSpaces(last), ""}}, nil
	}
	return d.lastRemoval(all, i, begin, end)
}

// lastRemoval cuts the last entry in braces where something else stands in its
// lines.
func (d *Document) lastRemoval(all []entry, i, begin, end int) ([]cut, error) {
	if i == 0 {
		return []cut{{begin, end, ""}}, nil
	}
	before, err := d.text.end(all[i-1].value)
	if err != nil {
		return nil, err
	}
	if !bytes.ContainsRune(d.text.data[before:begin], '#') {
		return []cut{{before, end, ""}}, nil
	}
	// The comma of the one before does no harm before the brace.
	cuts := []cut{{begin, end, ""}}
	if first, key := d.above(begin), d.text.line(begin); first < key {
		cuts = append([]cut{{d.text.lines[first], d.text.lines[key], ""}}, cuts...)
	}
	return cuts, nil
}

// commaBefore cuts the comma behind an entry, unless a comment follows it at once,
// which would not be one any more.
func (d *Document) commaBefore(e entry) ([]cut, error) {
	end, err := d.text.end(e.value)
	if err != nil {
		return nil, err
	}
	at, err := d.text.expect(d.text.skipBlank(end), ",")
	if err != nil || !isSpace(d.text.data[at]) {
		return nil, err
	}
	return []cut{{at - 1, at, ""}}, nil
}
