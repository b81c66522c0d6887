package compare

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/switchyard-gateway/switchyard/gateway/pointer"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

const (
	// longestValue bounds a value that is told, in bytes of its text.
	longestValue = 200
	// before is how much of two texts that are cut is told of what is in front of
	// the place from which on they differ.
	before = 40
	// longestLabel bounds a label, in bytes.
	longestLabel = 128
)

// redacted stands for a value that must not be told.
var redacted = record.Value{Kind: record.Text, Text: record.Redaction}

// tell adds a difference to those that are told.
func (c *Comparer) tell(l, m int32, at state) {
	if len(c.out.Diff) >= record.MaxDifferences {
		return
	}
	d := record.Difference{Path: c.pointer()}
	switch {
	case c.hidden || at.hidden || c.rules.hides && at.follow && (c.live.holds(l) || c.mirror.holds(m)):
		d.Live, d.Mirror = c.redact(l), c.redact(m)
	case l != none && m != none && c.live.nodes[l].kind == text && c.mirror.nodes[m].kind == text:
		x, y := c.window(c.textOf(&c.live, l, 0), c.textOf(&c.mirror, m, 1))
		d.Live, d.Mirror = record.Value{Kind: record.Text, Text: string(x)}, record.Value{Kind: record.Text, Text: string(y)}
	default:
		d.Live, d.Mirror = c.value(&c.live, l), c.value(&c.mirror, m)
	}
	c.out.Diff = append(c.out.Diff, d)
}

func (c *Comparer) redact(i int32) record.Value {
	if i == none {
		return record.Value{}
	}
	return redacted
}

// holds reports whether a value has others in it.
func (t *tree) holds(i int32) bool {
	return i != none && (t.nodes[i].kind == array || t.nodes[i].kind == object)
}

// pointer is where values are being compared, as a JSON pointer.
func (c *Comparer) pointer() string {
	var b []byte
	for _, p := range c.path {
		if p.index >= 0 {
			b = strconv.AppendInt(append(b, '/'), int64(p.index), 10)
			continue
		}
		t := &c.live
		if p.other {
			t = &c.mirror
		}
		b = pointer.AppendToken(b, string(t.name(p.node)))
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// value is a value as it is told: JSON in its shortest form, or the beginning of
// that as a text.
func (c *Comparer) value(t *tree, i int32) record.Value {
	if i == none {
		return record.Value{}
	}
	if t.nodes[i].kind == text {
		return record.Value{Kind: record.Text, Text: cut(t.text(i), longestValue)}
	}
	c.shown = t.appendCompact(c.shown[:0], i, longestValue)
	if len(c.shown) > longestValue || !printable(c.shown) {
		return record.Value{Kind: record.Text, Text: cut(c.shown, longestValue)}
	}
	return record.Value{Kind: record.JSON, Text: string(c.shown)}
}

// printable reports whether JSON may stand in a line of a log as it is: the two
// line ends of Unicode are allowed in JSON, and some readers take them for ends.
func printable(b []byte) bool {
	return utf8.Valid(b) && !bytes.Contains(b, []byte("\u2028")) && !bytes.Contains(b, []byte("\u2029"))
}

// appendCompact appends a value as JSON without white space. It stops some time
// after dst has become longer than most.
func (t *tree) appendCompact(dst []byte, i int32, most int) []byte {
	n := &t.nodes[i]
	switch n.kind {
	case text:
		dst = append(append(append(dst, '"'), t.written(i)...), '"')
	case array, object:
		brackets := "[]"
		if n.kind == object {
			brackets = "{}"
		}
		dst = append(dst, brackets[0])
		for child := i + 1; child < n.next && len(dst) <= most; child = t.nodes[child].next {
			if child > i+1 {
				dst = append(dst, ',')
			}
			if n.kind == object {
				name := t.data[t.nodes[child].nameStart:t.nodes[child].nameEnd]
				dst = append(append(append(dst, '"'), name...), '"', ':')
			}
			dst = t.appendCompact(dst, child, most)
		}
		dst = append(dst, brackets[1])
	default:
		dst = append(dst, t.written(i)...)
	}
	return dst
}

// window is two texts, if they are long the part around where they begin to differ.
func (c *Comparer) window(x, y []byte) (shownX, shownY []byte) {
	if len(x) <= longestValue && len(y) <= longestValue {
		return x, y
	}
	same := 0
	for same < len(x) && same < len(y) && x[same] == y[same] {
		same++
	}
	from := max(0, same-before)
	for from > 0 && !utf8.RuneStart(x[from]) {
		from--
	}
	return windowOf(x, from), windowOf(y, from)
}

func windowOf(b []byte, from int) []byte {
	text := cut(b[from:], longestValue)
	if from > 0 {
		text = "…" + text
	}
	return []byte(text)
}

// cut is a text of at most so many bytes, and an ellipsis if there was more.
func cut(b []byte, most int) string {
	more := ""
	if len(b) > most {
		for most > 0 && !utf8.RuneStart(b[most]) {
			most--
		}
		b, more = b[:most], "…"
	}
	return string(b) + more
}

// note keeps a pair of labels or scores. Of several, the pair counts that differs,
// or differs most.
func (c *Comparer) note(l, m int32, marks pointer.Marks) {
	if marks&markLabel != 0 {
		x, isX := c.live.label(l)
		y, isY := c.mirror.label(m)
		if isX && isY && (!c.out.Labeled || c.out.LabelLive == c.out.LabelMirror && x != y) {
			c.out.Labeled, c.out.LabelLive, c.out.LabelMirror = true, x, y
		}
	}
	if marks&markScore != 0 {
		x, isX := c.live.score(l)
		y, isY := c.mirror.score(m)
		if isX && isY && (!c.out.Scored || distance(x, y) > distance(c.out.ScoreLive, c.out.ScoreMirror)) {
			c.out.Scored, c.out.ScoreLive, c.out.ScoreMirror = true, x, y
		}
	}
}

func distance(x, y float64) float64 { return max(x-y, y-x) }

// label is a value as a label: a text, or a number, boolean or null as it is written.
func (t *tree) label(i int32) (string, bool) {
	switch t.nodes[i].kind {
	case text:
		return cut(t.text(i), longestLabel), true
	case array, object, nothing:
		return "", false
	default:
		return cut(t.written(i), longestLabel), true
	}
}

// score is a number that a float64 holds.
func (t *tree) score(i int32) (float64, bool) {
	if t.nodes[i].kind != number {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(t.written(i)), 64)
	return v, err == nil
}
