package edit

import "gopkg.in/yaml.v3"

// place is where an entry of a mapping stands, with what belongs to it by the rule
// in the documentation of the package.
type place struct {
	before int // the end of the entry before it; 0: there is none
	key    int
	value  int // its end

	begin, end   int // of the entry with its comma, if that stands in the same line, and the comment behind it
	comma        int // its own, if that stands in another line; -1: there is none
	above, below int // its first and last line, with those of comments
}

// place finds what belongs to the entry i of a mapping.
func (d *Document) place(m *yaml.Node, all []entry, i int) (p place, err error) {
	t := d.text
	p.key = t.offset(all[i].key)
	if p.value, err = t.end(all[i].value); err != nil {
		return p, err
	}
	if i > 0 {
		p.before, err = t.end(all[i-1].value)
		if err != nil && m.Style&yaml.FlowStyle != 0 { // else there is no comma to look for
			return p, err
		}
	}
	if p.before > p.key || p.key > p.value {
		return p, errForm
	}
	p.begin, p.end, p.comma = p.key, p.value, -1
	p.takeComma(t)
	next := -1 // where the one behind it begins; there is none
	if i+1 < len(all) {
		next = t.start(t.offset(all[i+1].key), p.value)
	}
	p.takeComments(t, next)
	return p, nil
}

// takeComma finds the comma that goes with an entry: the one behind it, unless the
// one before it begins its line.
func (p *place) takeComma(t text) {
	behind, before := t.comma(p.value), -1
	if p.before > 0 {
		before = t.comma(p.before)
	}
	switch leading := t.start(p.key, p.before); {
	case behind >= 0 && t.line(behind) == t.line(p.value):
		p.end = behind + 1
	case p.before > 0 && leading < p.key:
		p.begin = leading
	case behind >= 0:
		p.comma = behind
	case before >= 0 && t.line(before) == t.line(p.key):
		p.begin = before
	case before >= 0 && t.data[before+1] != '#': // which would be none without it
		p.comma = before
	}
}

// takeComments finds the comments that belong to the entry alone; next is where the
// one behind it begins, -1 for none.
func (p *place) takeComments(t text, next int) {
	first, last := t.line(p.begin), t.line(max(p.key, p.value-1))
	p.above, p.below = first, last
	nextLine, nextComments := len(t.lines), len(t.lines)
	if next >= 0 {
		nextLine, nextComments = t.line(next), t.above(next, p.value)
	}
	indent, begins := t.indent(p.begin)
	if begins && nextLine != first {
		p.above = t.above(p.begin, p.before)
	}
	alone := p.before == 0 || t.line(p.before-1) != last // no other one ends there
	if at := t.skipSpaces(p.end); alone && at < len(t.data) && t.data[at] == '#' {
		p.end = t.lines[last] + len(t.content(last))
	}
	if begins && t.endsLine(p.end) {
		p.below = t.beneath(last, indent, nextComments)
	}
}

// ownLine reports whether an entry begins its line, be it with a comma, and nothing
// follows that is not its own but the brace that closes the mapping.
func (p *place) ownLine(t text) bool {
	_, begins := t.indent(p.begin)
	return begins && (t.endsLine(p.end) || t.closes(p.end))
}

// comma is where a comma stands behind an entry, -1 if there is none.
func (t text) comma(end int) int {
	if at := t.skipBlank(end); at < len(t.data) && t.data[at] == ',' {
		return at
	}
	return -1
}

// start is where an entry begins: at its key, or at the comma before it if that
// begins the line. before is the end of the entry before it.
func (t text) start(key, before int) int {
	at := t.comma(before)
	if at < 0 || at > key || t.line(at) != t.line(key) {
		return key
	}
	if _, begins := t.indent(at); begins {
		return at
	}
	return key
}

// above is the first line of the comments directly above what begins its line at an
// offset, indented as it is and behind the end of what is before; or else that line.
func (t text) above(at, before int) int {
	line := t.line(at)
	indent, begins := t.indent(at)
	for begins && line > 0 && t.lines[line-1] >= before {
		if in, ok := t.comment(line - 1); !ok || in != indent {
			break
		}
		line--
	}
	return line
}

// beneath is the last of the lines of comment directly below a line that are indented
// further, and stand before the line next; or else that line.
func (t text) beneath(line, indent, next int) int {
	for line+1 < next {
		if in, ok := t.comment(line + 1); !ok || in <= indent {
			break
		}
		line++
	}
	return line
}

// endsLine reports whether nothing but spaces follows in a line.
func (t text) endsLine(at int) bool {
	at = t.skipSpaces(at)
	return at == len(t.data) || breakAt(t.data[at:]) > 0
}

// closes reports whether a brace closes the mapping in the same line.
func (t text) closes(at int) bool {
	at = t.skipSpaces(at)
	return at < len(t.data) && t.data[at] == '}'
}
