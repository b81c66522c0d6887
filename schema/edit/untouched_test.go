package edit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// untouched fails unless what a change means is all that it does. What it means is
// taken out of both texts: a value, or an entry with all that belongs to it. What is
// left has to be the same, byte for byte. Comments whose writer says of what they are
// go with that, and never else.
func untouched(t *testing.T, words []string, before, after string) {
	t.Helper()
	was, is := see(t, before), see(t, after)
	was.means(words, is)
	is.means(words, was)
	a, b := was.rest(), is.rest()
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
	for _, c := range signed.FindAllStringSubmatch(before, -1) {
		want := 1
		if slices.Contains(was.gone, c[1]) {
			want = 0
		}
		if n := strings.Count(after, c[0]); n != want && c[1] != ofLine {
			t.Fatalf("%v: the comment %q is there %d times, not %d\nbefore:\n%s\nafter:\n%s", words, c[0], n, want, before, after)
		}
	}
}

// seen is a document as yaml.v3 finds it, and what of it is taken out.
type seen struct {
	text   string
	lines  []int // where they begin
	root   *yaml.Node
	values [][2]int
	parts  [][2]int // of entries
	gone   []string // what it has and the other one has not
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

// value takes out a value, and all of its entry if the other text has none.
func (s *seen) value(other *seen, path ...string) {
	n := at(s.root, path...)
	switch {
	case n == nil:
	case at(other.root, path...) != nil:
		s.cut(s.offset(n), s.end(n))
	default:
		s.takeOut(path...)
	}
}

// entry takes out an entry, or all of its section, that the other text has not.
func (s *seen) entry(other *seen, section, name string) {
	if at(s.root, section, name) == nil || at(other.root, section, name) != nil {
		return
	}
	s.gone = append(s.gone, name)
	if at(other.root, section) != nil {
		s.takeOut(section, name)
		return
	}
	s.gone = append(s.gone, section)
	s.takeOut(section)
}

func (s *seen) cut(begin, end int) { s.values = append(s.values, [2]int{begin, end}) }

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
