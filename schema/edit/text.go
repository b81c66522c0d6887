package edit

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// text is a file and where its lines begin, as yaml.v3 counts them.
type text struct {
	data  []byte
	lines []int
}

func newText(data []byte) text {
	start := 0
	if bytes.HasPrefix(data, []byte(byteOrderMark)) {
		start = len(byteOrderMark)
	}
	t := text{data: data, lines: []int{start}}
	for i := start; i < len(data); {
		n := breakAt(data[i:])
		if n == 0 {
			i++
			continue
		}
		i += n
		t.lines = append(t.lines, i)
	}
	return t
}

// breakAt is the length of the line break that data begins with, 0 for none.
func breakAt(data []byte) int {
	switch {
	case len(data) == 0:
		return 0
	case data[0] == '\n':
		return 1
	case data[0] == '\r':
		if len(data) > 1 && data[1] == '\n' {
			return 2
		}
		return 1
	}
	for _, unicode := range []string{"\u0085", "\u2028", "\u2029"} {
		if bytes.HasPrefix(data, []byte(unicode)) {
			return len(unicode)
		}
	}
	return 0
}

// cut replaces the bytes from begin up to end.
type cut struct {
	begin, end int
	by         string
}

// with is the text with cuts made, which must be sorted and apart.
func (t text) with(cuts []cut) []byte {
	var out []byte
	at := 0
	for _, c := range cuts {
		out = append(append(out, t.data[at:c.begin]...), c.by...)
		at = c.end
	}
	return append(out, t.data[at:]...)
}

// offset is where a node begins. The text is that of the node, so that it is
// within.
func (t text) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(t.lines) {
		return len(t.data)
	}
	at := t.lines[n.Line-1]
	for range n.Column - 1 {
		if at >= len(t.data) {
			break
		}
		_, size := utf8.DecodeRune(t.data[at:])
		at += size
	}
	return at
}

// line is the line that an offset is in.
func (t text) line(at int) int {
	i, found := slices.BinarySearch(t.lines, at)
	if found {
		return i
	}
	return i - 1
}

// lineStart is where line i begins; behind the last one, the end of the text.
func (t text) lineStart(i int) int {
	if i >= len(t.lines) {
		return len(t.data)
	}
	return t.lines[i]
}

// content is line i without its break.
func (t text) content(i int) string {
	return strings.TrimRight(string(t.data[t.lines[i]:t.lineStart(i+1)]), "\r\n\u0085\u2028\u2029")
}

// newline is how the lines of the text end.
func (t text) newline() string {
	if bytes.Contains(t.data, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// comment is the indentation of line i if it is nothing but a comment.
func (t text) comment(i int) (indent int, ok bool) {
	content := t.content(i)
	rest := strings.TrimLeft(content, " ")
	return len(content) - len(rest), strings.HasPrefix(rest, "#")
}

// indent is how far the key at an offset is indented, false unless nothing else
// stands before it in its line.
func (t text) indent(at int) (int, bool) {
	before := t.data[t.lines[t.line(at)]:at]
	return len(before), len(bytes.Trim(before, " ")) == 0
}

var errForm = errors.New("the way in which it is written is not known")

// end is behind the last character of a node.
func (t text) end(n *yaml.Node) (int, error) {
	at := t.offset(n)
	if n.Kind == yaml.AliasNode {
		return t.expect(at, "*"+n.Value)
	}
	at = t.skipProperties(at)
	switch {
	case n.Kind == yaml.ScalarNode:
		return t.scalarEnd(n, at)
	case n.Style&yaml.FlowStyle != 0:
		return t.flowEnd(n, at)
	case len(n.Content) == 0:
		return 0, errForm
	}
	return t.end(n.Content[len(n.Content)-1])
}

func (t text) expect(at int, want string) (int, error) {
	if !bytes.HasPrefix(t.data[at:], []byte(want)) {
		return 0, errForm
	}
	return at + len(want), nil
}

// skipProperties is behind the anchor and the tag that may stand before a node.
func (t text) skipProperties(at int) int {
	for at < len(t.data) && (t.data[at] == '&' || t.data[at] == '!') {
		for at < len(t.data) && !isSpace(t.data[at]) {
			at++
		}
		at = t.skipBlank(at)
	}
	return at
}

// skipBlank is behind spaces, line breaks and comments.
func (t text) skipBlank(at int) int {
	for at < len(t.data) {
		switch {
		case isSpace(t.data[at]):
			at++
		case t.data[at] == '#' && (at == 0 || isSpace(t.data[at-1])):
			at = t.lineStart(t.line(at) + 1)
		default:
			return at
		}
	}
	return at
}

// skipSpaces is behind spaces within a line.
func (t text) skipSpaces(at int) int {
	for at < len(t.data) && (t.data[at] == ' ' || t.data[at] == '\t') {
		at++
	}
	return at
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// flowEnd is behind the bracket that closes a mapping or list in brackets.
func (t text) flowEnd(n *yaml.Node, at int) (int, error) {
	closing := "}"
	if n.Kind == yaml.SequenceNode {
		closing = "]"
	}
	at++
	if len(n.Content) > 0 {
		var err error
		if at, err = t.end(n.Content[len(n.Content)-1]); err != nil {
			return 0, err
		}
	}
	at = t.skipBlank(at)
	if at < len(t.data) && t.data[at] == ',' {
		at = t.skipBlank(at + 1)
	}
	return t.expect(at, closing)
}

// scalarEnd is behind a scalar that begins at an offset.
func (t text) scalarEnd(n *yaml.Node, at int) (int, error) {
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		return t.quotedEnd(at, '\'')
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return t.quotedEnd(at, '"')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return t.blockEnd(at)
	}
	return t.plainEnd(n.Value, at)
}

func (t text) quotedEnd(at int, quote byte) (int, error) {
	if at >= len(t.data) || t.data[at] != quote {
		return 0, errForm
	}
	for i := at + 1; i < len(t.data); i++ {
		switch {
		case t.data[i] == '\\' && quote == '"':
			i++
		case t.data[i] == quote && quote == '\'' && i+1 < len(t.data) && t.data[i+1] == quote:
			i++
		case t.data[i] == quote:
			return i + 1, nil
		}
	}
	return 0, errForm
}

// plainEnd follows a scalar without quotes, whose line breaks read as spaces.
func (t text) plainEnd(value string, at int) (int, error) {
	for len(value) > 0 {
		if value[0] != ' ' && value[0] != '\n' {
			if at >= len(t.data) || t.data[at] != value[0] {
				return 0, errForm
			}
			value, at = value[1:], at+1
			continue
		}
		value = strings.TrimLeft(value, " \n")
		for at < len(t.data) && isSpace(t.data[at]) {
			at++
		}
	}
	return at, nil
}

// blockEnd is behind the last line of a text that | or > begins: all lines that
// are indented as the first one is, or further.
func (t text) blockEnd(at int) (int, error) {
	header := t.line(at)
	last, indent := header, -1
	for i := header + 1; i < len(t.lines); i++ {
		content := t.content(i)
		rest := strings.TrimLeft(content, " ")
		if rest == "" {
			continue
		}
		if indent < 0 {
			indent = len(content) - len(rest)
		}
		if len(content)-len(rest) < indent {
			break
		}
		last = i
	}
	if indent <= 0 {
		return 0, errForm
	}
	return t.lines[last] + len(t.content(last)), nil
}
