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
		return d.remove(parent)
	}
	cuts := d.blockRemoval
	if m.Style&yaml.FlowStyle != 0 {
		cuts = d.flowRemoval
	}
	c, err := cuts(all, i)
	if err != nil {
		return d.refuse(path, "%s", err)
	}
	return d.change(path, []cut{c}, func(t *tree) { t.at(parent).remove(key) })
}

// blockRemoval cuts the lines of an entry, with the comments that belong to it:
// those directly above, indented as it is, and those below that are indented
// further.
func (d *Document) blockRemoval(all []entry, i int) (cut, error) {
	begin := d.text.offset(all[i].key)
	indent, alone := d.text.indent(begin)
	if !alone {
		return cut{}, errForm
	}
	end, err := d.text.end(all[i].value)
	if err != nil {
		return cut{}, err
	}
	first, last := d.text.line(begin), d.text.line(max(begin, end-1))
	for first > 0 {
		if in, ok := d.text.comment(first - 1); !ok || in != indent {
			break
		}
		first--
	}
	for last+1 < len(d.text.lines) {
		if in, ok := d.text.comment(last + 1); !ok || in <= indent {
			break
		}
		last++
	}
	return cut{d.text.lines[first], d.text.lineStart(last + 1), ""}, nil
}

// flowRemoval cuts an entry in braces with one comma.
func (d *Document) flowRemoval(all []entry, i int) (cut, error) {
	begin := d.text.offset(all[i].key)
	if i+1 < len(all) {
		return cut{begin, d.text.offset(all[i+1].key), ""}, nil
	}
	end, err := d.text.end(all[i].value)
	if err != nil || i == 0 {
		return cut{begin, end, ""}, err
	}
	before, err := d.text.end(all[i-1].value)
	if err != nil {
		return cut{}, err
	}
	if bytes.ContainsRune(d.text.data[before:begin], '#') {
		before = begin // a comma before the brace does no harm, and the comment stays
		if at := d.text.skipBlank(end); d.text.data[at] == ',' && d.text.line(at) == d.text.line(end) {
			end = at + 1
		}
	}
	return cut{before, end, ""}, nil
}
