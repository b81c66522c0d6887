package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The example of docs/review.md is done as a reader would do it, and prints what
// the page shows.
func TestDocumentedPlanIsThatOfItsExample(t *testing.T) {
	review, r := newReviewer(t)
	console := review.blocks("console")[0]
	commit := regexp.MustCompile(`\([0-9a-f]{12}\)`)
	review.shows(t, console, commit.ReplaceAllString(r.session(console.text), "(1f3a5c7e9b0d)"))
}

// Every call of docs/review.md can be made: in a clone on a merged branch, as in
// the pipelines that it shows.
func TestDocumentedReviewCommandsWork(t *testing.T) {
	review, r := newReviewer(t)
	r.git("git commit -q --allow-empty -m Second && git init -q --bare origin.git && git remote add origin ./origin.git && git push -q origin main && git fetch -q origin")
	call := regexp.MustCompile(`switchyard ((?:check|plan)\b[^#>\n` + "`" + `]*)`)
	variable := regexp.MustCompile(`"\$[A-Z_]+"`)
	found := 0
	for _, language := range []string{"sh", "yaml"} {
		for _, b := range review.blocks(language) {
			for _, m := range call.FindAllStringSubmatch(b.text, -1) {
				if strings.Contains(m[1], "git.example.com") {
					continue
				}
				found++
				r.switchyard(variable.ReplaceAllString(m[1], "main"))
			}
		}
	}
	if found < 8 {
		t.Errorf("%d calls found: they are not where the test looks", found)
	}
}

// newReviewer has the documents of docs/review.md, committed to main.
func newReviewer(t *testing.T) (*page, *reader) {
	t.Helper()
	for _, program := range []string{"git", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the page commits with git and edits with sed, and this machine lacks %s", program)
		}
	}
	review, r := readPage(t, "docs/review.md"), newReader(t)
	for path, file := range review.documents()["main"] {
		r.write(path, string(file.Data))
	}
	r.git("git init -q -b main && git add --all && git commit -qm First")
	t.Chdir(r.dir)
	return review, r
}

// switchyard runs a command that must succeed, and gives what it prints, on stdout first.
func (r *reader) switchyard(arguments string) string {
	r.t.Helper()
	var out, said bytes.Buffer
	if code := run(process{args: strings.Fields(arguments), stdout: &out, stderr: &said}); code != exitClean {
		r.t.Errorf("switchyard %s exits with %d:\n%s%s", arguments, code, out.String(), said.String())
	}
	return out.String() + said.String()
}
