package edit_test

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// The rule of what belongs to an entry, read from the other side than the package
// does: each comment looks for the entries that it is of, and each line for what is
// left of it.

var (
	signed  = regexp.MustCompile(`# c[0-9]+ of ([a-z0-9]+)`)
	comment = regexp.MustCompile(`(?:# text *)?# c[0-9]+ of [a-z0-9]+|# text`)
)

// written is an entry of a mapping as it is written.
type written struct {
	key, end    int
	first, last int // lines
	indent      int // of what begins its line, it or its comma; -1: that is something else
}

// takeOut takes an entry out, with all that belongs to it.
func (s *seen) takeOut(path ...string) {
	parent, name := at(s.root, path[:len(path)-1]...), path[len(path)-1]
	var all []written
	mine := -1
	for i := 0; i+1 < len(parent.Content); i += 2 {
		if parent.Content[i].Value == name {
			mine = i / 2
		}
		all = append(all, s.written(parent.Content[i], parent.Content[i+1]))
	}
	s.part(all[mine].key, all[mine].end)
	if c := s.comma(all, mine); c >= 0 {
		s.part(c, c+1)
	}
	for _, c := range comment.FindAllStringIndex(s.text, -1) {
		if slices.Equal(s.of(all, c), []int{mine}) {
			s.part(c[0], c[1])
		}
	}
}

func (s *seen) written(key, value *yaml.Node) written {
	w := written{key: s.offset(key), end: s.end(value), indent: -1}
	w.first, w.last = s.lineOf(w.key), s.lineOf(w.end-1)
	before := s.text[s.lines[w.first]:w.key]
	if blank := strings.TrimLeft(before, " "); strings.TrimLeft(blank, ", ") == "" {
		w.indent = len(before) - len(blank)
	}
	return w
}

var comma = regexp.MustCompile(`^(?:\s|# c[0-9]+ of [a-z0-9]+)*,`)

// comma is where the comma stands that goes with an entry; -1 for none.
func (s *seen) comma(all []written, i int) int {
	behind, before := -1, -1
	if found := comma.FindString(s.text[all[i].end:]); found != "" {
		behind = all[i].end + len(found) - 1
	}
	if i > 0 {
		before = all[i-1].end + len(comma.FindString(s.text[all[i-1].end:])) - 1
	}
	leading := before >= s.lines[all[i].first] && strings.Trim(s.text[s.lines[all[i].first]:before], " ") == ""
	switch {
	case i > 0 && s.text[before] != ',': // in lines
		return -1
	case behind >= 0 && (s.lineOf(behind) == all[i].last || !leading):
		return behind
	}
	return before
}

// of are the entries that a comment is of.
func (s *seen) of(all []written, c []int) (owners []int) {
	line := s.lineOf(c[0])
	if strings.Trim(s.text[s.lines[line]:c[0]], " ") != "" {
		return s.behind(all, line, c[0])
	}
	indent := c[0] - s.lines[line]
	below := line + 1
	for s.isComment(below) == indent {
		below++
	}
	for i, w := range all {
		if w.first == below && (w.indent == indent || len(owners) > 0) {
			owners = append(owners, i)
		}
	}
	if len(owners) > 0 {
		return owners
	}
	above := line
	for ; s.isComment(above) >= 0; above-- {
		indent = min(indent, s.isComment(above))
	}
	for i, w := range all {
		if w.last == above && w.indent >= 0 && w.indent < indent && s.nothingBehind(w) {
			owners = append(owners, i)
		}
	}
	return owners
}

// behind are the entries that end in a line before a comment that ends it.
func (s *seen) behind(all []written, line, c int) (owners []int) {
	end := 0
	for i, w := range all {
		if w.last == line && w.end <= c {
			owners, end = append(owners, i), w.end
		}
	}
	if strings.Trim(s.text[end:c], ", ") != "" {
		return nil
	}
	return owners
}

// nothingBehind reports whether an entry ends its line, but for a comma and a comment.
func (s *seen) nothingBehind(w written) bool {
	line, _, _ := strings.Cut(s.text[w.end:], "\n")
	return strings.Trim(comment.ReplaceAllString(line, ""), ", \r") == ""
}

// isComment is how far a line of comment is indented, -1 for other lines.
func (s *seen) isComment(line int) int {
	if line < 0 || line >= len(s.lines) {
		return -1
	}
	text, _, _ := strings.Cut(s.text[s.lines[line]:], "\n")
	indent := len(text) - len(strings.TrimLeft(text, " "))
	if c := signed.FindStringIndex(text); c == nil || c[0] != indent {
		return -1
	}
	return indent
}

func (s *seen) part(begin, end int) { s.parts = append(s.parts, [2]int{begin, end}) }

// Marks of what is taken out: parts of entries, and values.
const (
	partGone  = "\x00"
	valueGone = "\x01"
)

var (
	beforeBrace = regexp.MustCompile(`(,?)[\s\x00]*\x00( *})`)
	wholeLines  = regexp.MustCompile(`(?m)^ *\x00[ \x00]*\r?(?:\n|\z)`)
	lineBegins  = regexp.MustCompile(`(?m)^( *)\x00[ \x00]*`)
	braceOpens  = regexp.MustCompile(`{\x00[ \x00]*`)
	within      = regexp.MustCompile(` *\x00`)
)

// rest is the text without what is taken out.
func (s *seen) rest() string {
	type gone struct {
		from, to int
		mark     string
	}
	var all []gone
	for _, p := range s.parts {
		all = append(all, gone{p[0], p[1], partGone})
	}
	for _, v := range s.values {
		all = append(all, gone{v[0], v[1], valueGone})
	}
	slices.SortFunc(all, func(a, b gone) int { return a.from - b.from })
	var b strings.Builder
	from := 0
	for _, g := range all {
		if g.from >= from { // else it is within another one
			b.WriteString(s.text[from:g.from] + g.mark)
		}
		from = max(from, g.to)
	}
	text := b.String() + s.text[from:]
	if at := beforeBrace.FindStringIndex(text); at != nil && !comment.MatchString(lineUpTo(text, at[0])) {
		text = beforeBrace.ReplaceAllString(text, "$1$2")
	}
	text = wholeLines.ReplaceAllString(text, "")
	text = lineBegins.ReplaceAllString(text, "$1")
	text = braceOpens.ReplaceAllString(text, "{")
	return within.ReplaceAllString(text, "")
}

// lineUpTo is a line up to a place in it.
func lineUpTo(text string, at int) string { return text[strings.LastIndex(text[:at], "\n")+1 : at] }

func (s *seen) offset(n *yaml.Node) int { return s.lines[n.Line-1] + n.Column - 1 } // there are no other letters

// lineOf is the line of a place.
func (s *seen) lineOf(at int) int {
	i, found := slices.BinarySearch(s.lines, at)
	if found {
		return i
	}
	return i - 1
}

var scalar = regexp.MustCompile(`^(?:&\S+ )?(?:"[^"]*"|'[^']*'|\{[^{}]*\}|[^\s,}]+)`)

// closing is what may stand between the last value in braces and the brace.
var closing = regexp.MustCompile(`^(?:[\s,]|#.*\n)*}`)

// end is behind a value.
func (s *seen) end(n *yaml.Node) int {
	begin := s.offset(n)
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		lines := strings.SplitAfter(s.text[begin:], "\n")[:strings.Count(strings.TrimSuffix(n.Value, "\n"), "\n")+2]
		return begin + len(strings.TrimRight(strings.Join(lines, ""), "\r\n"))
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0:
		return s.end(n.Content[len(n.Content)-1])
	case slices.ContainsFunc(n.Content, func(below *yaml.Node) bool { return below.Kind == yaml.MappingNode }):
		last := s.end(n.Content[len(n.Content)-1])
		return last + len(closing.FindString(s.text[last:]))
	}
	return begin + len(scalar.FindString(s.text[begin:]))
}
