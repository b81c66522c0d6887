package guarantees

import (
	"bytes"
	"cmp"
	_ "embed" // for the requirements and the page's beginning
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The places of the page and of the figures, from the root of the repository.
const (
	PagePath    = "docs/guarantees.md"
	FiguresPath = "internal/guarantees/figures.json"
)

//go:embed requirements.txt
var requirements string // each on a line, after its id

//go:embed intro.md
var intro []byte

// sections are the letters of ids.
var sections = []struct{ letter, title string }{
	{"M", "A mirror never touches the live request"},
	{"S", "Splitting"},
	{"W", "Swapping"},
	{"H", "HTTP"},
}

// otherwise tells how the lines are decided that no test in Go can decide.
var otherwise = map[string]string{
	"H15": "`make race`, `make fuzz` and govulncheck, in `.ci/run`",
}

// Tests finds the tests below root that are named after ids, and returns them by
// id, sorted by name.
func Tests(root string) (map[string][]Test, error) {
	tests := map[string][]Test{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
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
			tests[id] = append(tests[id], Test{filepath.ToSlash(folder), string(declared[m[0]:m[1]])})
		}
		return nil
	})
	for _, all := range tests {
		slices.SortFunc(all, func(a, b Test) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Folder, b.Folder)) })
	}
	return tests, err
}

// Named finds the tests that a page names, by id.
func Named(page string) map[string][]string {
	named := map[string][]string{}
	for line := range strings.Lines(page) {
		if id, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.HasPrefix(line, "| ") {
			named[id] = append(named[id], testName.FindAllString(rest, -1)...)
		}
	}
	return named
}

// Render writes the page with these tests and figures. The error lists the lines
// of the requirements that nothing decides.
func Render(tests map[string][]Test, figures Figures) (string, error) {
	var b strings.Builder
	b.Write(intro)
	machines := figures.machines(tests)
	if len(machines) > 0 {
		b.WriteString("\nThe figures are those of both own engines unless they say otherwise, measured on\n")
	}
	for i, m := range machines {
		fmt.Fprintf(&b, "%s%d. %s\n", map[bool]string{true: "\n"}[i == 0], i+1, m)
	}
	var undecided []error
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s: %s\n\n| id | requirement | decided by | last |\n|---|---|---|---|\n", s.letter, s.title)
		for line := range strings.Lines(requirements) {
			id, requirement, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !strings.HasPrefix(id, s.letter) {
				continue
			}
			row := row{id: id, tests: tests[id], figures: figures, machines: machines}
			if len(row.tests) == 0 && otherwise[id] == "" {
				undecided = append(undecided, fmt.Errorf("%s has no test", id))
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", id, requirement, row.decided(), row.last())
		}
	}
	return b.String(), errors.Join(undecided...)
}

// row is a line of the requirements.
type row struct {
	id       string
	tests    []Test // sorted by name
	figures  Figures
	machines []string
}

func (r row) decided() string {
	if how := otherwise[r.id]; how != "" {
		return how
	}
	var names []string
	for _, t := range r.tests {
		names = append(names, "`"+t.Name+"`")
	}
	return strings.Join(slices.Compact(names), " ")
}

// last is how the tests ended last and what they measured.
func (r row) last() string {
	var parts, failed []string
	ran, runs, date := 0, 0, ""
	for _, t := range r.tests {
		run, ok := r.figures[t.String()]
		if !ok {
			continue
		}
		ran, runs, date = ran+1, runs+run.Passed+run.Failed, max(date, run.Date)
		if run.Failed > 0 {
			failed = append(failed, fmt.Sprintf("**%s failed%s** %s", t.Name, run.with(), r.when(run, "")))
		}
		if text, engines, ok := run.shown(); ok {
			parts = append(parts, strings.ReplaceAll(text, "|", `\|`)+" "+r.when(run, engines))
		}
	}
	if ran == 0 {
		return map[bool]string{true: "each run of CI", false: "not yet"}[otherwise[r.id] != ""]
	}
	if len(failed) == 0 {
		parts = append(parts, fmt.Sprintf("%s passed, %s in all (%s)", counted(ran, "test"), counted(runs, "run"), date))
	}
	return strings.Join(append(failed, parts...), "; ")
}

// when says when and where, and with which engines if it is not the own ones.
func (r row) when(run Run, engines string) string {
	text := fmt.Sprintf("(%s [%d]", run.Date, slices.Index(r.machines, run.Machine)+1)
	if engines != "" && engines != preferred[0] {
		text += ", " + engines
	}
	return text + ")"
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
