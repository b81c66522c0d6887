package edit_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// untouched fails unless what a change means is all that it does. What it means is
// taken out of both texts: a value, an entry with its lines and the comments that
// are its own. What is left has to be the same, byte for byte.
func untouched(t *testing.T, words []string, before, after string) {
	t.Helper()
	was, is := see(t, before), see(t, after)
	was.means(words, is)
	is.means(words, was)
	a, b := was.rest(was), is.rest(was)
	if was.braces() { // whose commas, blanks, line breaks and comments go with entries, or come with them; goldens say which
		a, b = lineEnds.ReplaceAllString(loose(comment.ReplaceAllString(a, "")), ""), lineEnds.ReplaceAllString(loose(comment.ReplaceAllString(b, "")), "")
	}
	if !strings.HasSuffix(before, "\n") { // what comes behind the last line ends it first
		a, b = strings.TrimRight(a, "\r\n"), strings.TrimRight(b, "\r\n")
	}
	if a != b {
		t.Fatalf("%v moved something else (-before +after):\n%s\nbefore:\n%s\nafter:\n%s", words, cmp.Diff(a, b), before, after)
	}
	if strings.Contains(before, "\r\n") && strings.Count(after, "\n") != strings.Count(after, "\r\n") {
		t.Fatalf("%v: lines end in two ways:\n%q", words, after)
	}
	if strings.HasSuffix(before, "\n") && !strings.HasSuffix(after, "\n") {
		t.Fatalf("%v: the last line has no end:\n%q", words, after)
	}
	for _, c := range comment.FindAllString(before, -1) {
		if strings.Count(after, c) != 1 && !was.own(c) && !was.braces() {
			t.Fatalf("%v: the comment %q is gone\nbefore:\n%s\nafter:\n%s", words, c, before, after)
		}
	}
}

// seen is a document as yaml.v3 finds it, and what of it is taken out.
type seen struct {
	text  string
	lines []int // where they begin
	root  *yaml.Node
	out   [][2]int
	gone  []string // what it has and the other one has not
}

func see(t *testing.T, text string) *seen {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	s := &seen{text: text, root: n.Content[0], lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// means takes out what a change means in this text; the other one is that before
// it, or after.
func (s *seen) means(words []string, other *seen) {
	name := words[1]
	switch words[0] {
	case "weight":
		s.value(other, "backends", name, "weight")
	case "percent", "enabled":
		s.value(other, "mirrors", name, words[0])
	case "mirror-deployment":
		s.ref("mirrors", name)
	case "backend-deployment":
		s.answer(other, name)
	case "add-backend", "remove-backend":
		s.entry(other, "backends", name)
	case "add-mirror", "remove-mirror":
		s.entry(other, "mirrors", name)
	case "promote":
		s.entry(other, "mirrors", name)
		s.entry(other, "backends", name)
	case "promote-into":
		s.answer(other, name)
		s.entry(other, "mirrors", words[2])
	}
}

// answer takes out what a backend is answered by.
func (s *seen) answer(other *seen, name string) {
	if at(s.root, "backends", name, "static") == nil && at(other.root, "backends", name, "static") == nil {
		s.ref("backends", name)
		return
	}
	for _, key := range []string{"static", "deployment"} {
		if key, value := keyed(at(s.root, "backends", name), key); key != nil {
			s.cut(s.offset(key), s.end(value))
		}
	}
}

// ref takes out the parts of a reference.
func (s *seen) ref(section, name string) {
	for _, part := range []string{"branch", "name", "version"} {
		n := at(s.root, section, name, "deployment", part)
		s.cut(s.offset(n), s.end(n))
	}
}

// value takes out a value, and with its key if the other text has none.
func (s *seen) value(other *seen, path ...string) {
	parent := at(s.root, path[:len(path)-1]...)
	key, value := keyed(parent, path[len(path)-1])
	switch {
	case value == nil:
	case at(other.root, path...) != nil:
		s.cut(s.offset(value), s.end(value))
	case parent.Style&yaml.FlowStyle != 0:
		s.cut(s.offset(key)-len(", "), s.end(value))
	default:
		s.cutLines(key.Line, s.last(value))
	}
}

// entry takes out an entry, or all of its section if the other text has none.
func (s *seen) entry(other *seen, section, name string) {
	path := []string{section, name}
	if at(other.root, section) == nil {
		path = path[:1]
	}
	key, value := keyed(at(s.root, path[:len(path)-1]...), path[len(path)-1])
	if value == nil || at(other.root, path...) != nil {
		return
	}
	if parent := at(s.root, path[:len(path)-1]...); parent.Style&yaml.FlowStyle != 0 {
		s.cut(s.offset(key), s.end(value))
	} else {
		s.cutLines(key.Line, s.last(value))
	}
	s.gone = append(s.gone, name)
	if len(path) == 1 {
		s.gone = append(s.gone, section)
	}
}

func (s *seen) cut(begin, end int)       { s.out = append(s.out, [2]int{begin, end}) }
func (s *seen) cutLines(first, last int) { s.cut(s.lines[first-1], s.line(last+1)) }

// line is where a line begins; behind the last one, the end.
func (s *seen) line(number int) int {
	if number > len(s.lines) {
		return len(s.text)
	}
	return s.lines[number-1]
}

func (s *seen) offset(n *yaml.Node) int { return s.lines[n.Line-1] + n.Column - 1 } // there are no other letters

var scalar = regexp.MustCompile(`^(?:&\S+ )?(?:"[^"]*"|'[^']*'|\{[^{}]*\}|[^\s,}]+)`)

// closing is what may stand between the last value in braces and the brace.
var closing = regexp.MustCompile(`^(?:[\s,]|#.*\n)*}`)

// end is behind a value in one line, or in braces.
func (s *seen) end(n *yaml.Node) int {
	begin := s.offset(n)
	if slices.ContainsFunc(n.Content, func(below *yaml.Node) bool { return below.Kind == yaml.MappingNode }) {
		last := s.end(n.Content[len(n.Content)-1])
		return last + len(closing.FindString(s.text[last:]))
	}
	return begin + len(scalar.FindString(s.text[begin:]))
}

// last is the last line of a value.
func (s *seen) last(n *yaml.Node) int {
	line := n.Line
	if n.Style&yaml.FlowStyle != 0 {
		return line + strings.Count(s.text[s.offset(n):s.end(n)], "\n")
	}
	if n.Kind == yaml.ScalarNode && n.Style&yaml.LiteralStyle != 0 {
		line += strings.Count(strings.TrimSuffix(n.Value, "\n"), "\n") + 1
	}
	for _, below := range n.Content {
		line = max(line, s.last(below))
	}
	return line
}

// own reports whether a comment is of something that is gone.
func (s *seen) own(c string) bool {
	return slices.ContainsFunc(s.gone, func(name string) bool { return strings.HasSuffix(c, " of "+name) })
}

// rest is the text without what is taken out, and without the lines that are
// nothing but comments of what is gone from the text before.
func (s *seen) rest(before *seen) string {
	slices.SortFunc(s.out, func(a, b [2]int) int { return a[0] - b[0] })
	var b strings.Builder
	from := 0
	for _, o := range s.out {
		b.WriteString(s.text[from:max(from, o[0])])
		from = max(from, o[1])
	}
	b.WriteString(s.text[from:])
	var kept strings.Builder
	for line := range strings.SplitAfterSeq(b.String(), "\n") {
		if c := strings.Trim(line, ", \r\n"); !comment.MatchString(c) || !strings.HasPrefix(c, "#") || !before.own(c) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// braces reports whether entries stand in braces.
func (s *seen) braces() bool {
	return slices.ContainsFunc(s.root.Content, func(n *yaml.Node) bool {
		return n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 && strings.HasPrefix(n.Content[1].ShortTag(), "!!map")
	})
}

var lineEnds = regexp.MustCompile(`(?:\r?\n)+`)

// loose is a text without commas, blanks and empty lines.
func loose(text string) string {
	return lineEnds.ReplaceAllString(strings.NewReplacer(",", "", " ", "").Replace(text), "\n")
}

// at is the value at a path; nil if there is none.
func at(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		if _, n = keyed(n, key); n == nil {
			return nil
		}
	}
	return n
}

func keyed(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}
