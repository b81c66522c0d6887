package soak_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	root = "../.."
	page = root + "/docs/guarantees.md"
	// requirementsPath has the requirements, each on a line after its id.
	requirementsPath = "testdata/requirements.txt"
)

// ids is how many there are of each letter.
var ids = []struct {
	letter string
	title  string
	n      int
}{
	{"M", "A mirror never touches the live request", 21},
	{"S", "Splitting", 6},
	{"W", "Swapping", 5},
	{"H", "HTTP", 15},
}

// TestThePageListsEveryGuarantee fails when an id has no test, when the page
// names a test that is gone, and when requirements or figures of the page are not
// those of testdata. Tests that the page does not name yet are no failure: make
// soak, or go test ./gateway/soak -update, adds them.
func TestThePageListsEveryGuarantee(t *testing.T) {
	if *soaking {
		t.Skip("the figures change while they are measured")
	}
	p := newPage(t)
	if *update {
		if err := os.WriteFile(page, []byte(p.render(t, p.tests)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string][]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		id, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok {
			continue
		}
		for _, test := range testName.FindAllString(line, -1) {
			if !slices.Contains(p.tests[id], test) {
				t.Errorf("%s names %s, which does not exist", id, test)
			}
			named[id] = append(named[id], test)
		}
	}
	if diff := cmp.Diff(p.render(t, named), string(text)); diff != "" {
		t.Errorf("docs/guarantees.md is not up to date (go test ./gateway/soak -update):\n%s", diff)
	}
}

// testName is a test or benchmark whose name begins with an id.
var testName = regexp.MustCompile(`\b(Test|Benchmark|Fuzz)([MSWH])(\d\d)[A-Za-z0-9]*\b`)

type guarantees struct {
	requirements map[string]string
	tests        map[string][]string
	figures      figures
}

func newPage(t *testing.T) *guarantees {
	t.Helper()
	text, err := os.ReadFile(requirementsPath)
	if err != nil {
		t.Fatal(err)
	}
	p := &guarantees{requirements: map[string]string{}, tests: map[string][]string{}}
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		p.requirements[id] = rest
	}
	if p.figures, err = readFigures(); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(root, p.scan); err != nil {
		t.Fatal(err)
	}
	return p
}

// scan collects the tests of a file.
func (p *guarantees) scan(path string, d fs.DirEntry, err error) error {
	if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		declared, ok := bytes.CutPrefix(line, []byte("func "))
		m := testName.FindSubmatchIndex(declared)
		if !ok || m == nil || m[0] != 0 {
			continue
		}
		id := string(declared[m[4]:m[5]]) + strings.TrimPrefix(string(declared[m[6]:m[7]]), "0")
		if name := string(declared[m[0]:m[1]]); !slices.Contains(p.tests[id], name) {
			p.tests[id] = append(p.tests[id], name)
		}
	}
	return nil
}

// soaked are the lines that have figures.
var soaked = []string{
	"M1", "M2", "M3", "M4", "M5", "M6", "M12", "M16", "S1", "S4", "W1", "W2", "H6", "H8", "H9", "H10", "H11", "H13",
}

// otherwise tells how the lines are decided that no test in Go can decide.
var otherwise = map[string]string{
	"H15": "`make race`, `make fuzz` and govulncheck, in `.ci/run`",
}

// render writes the page with these tests.
func (p *guarantees) render(t *testing.T, tests map[string][]string) string {
	t.Helper()
	intro, err := os.ReadFile("testdata/guarantees_intro.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.Write(intro)
	for _, section := range ids {
		fmt.Fprintf(&b, "\n## %s: %s\n\n| id | requirement | decided by | measured last |\n|---|---|---|---|\n", section.letter, section.title)
		for i := range section.n {
			id := fmt.Sprint(section.letter, i+1)
			requirement, ok := p.requirements[id]
			if !ok {
				t.Errorf("%s has no requirement", id)
			}
			decided := "`" + strings.Join(slices.Sorted(slices.Values(tests[id])), "` `") + "`"
			if other, ok := otherwise[id]; ok {
				decided = other
			} else if len(tests[id]) == 0 {
				t.Errorf("%s has no test", id)
			}
			last, ok := p.figures.newest(id)
			switch {
			case ok:
			case slices.Contains(soaked, id):
				last = "not yet"
			default:
				last = "nothing: the tests count or compare exactly"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", id, requirement, decided, last)
		}
	}
	return b.String()
}
