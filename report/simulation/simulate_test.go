package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/report"
)

// A small part of what docs/report.md says: verdicts are rarely wrong, whatever the number
// of looks, and what is much worse or better is found.
func TestVerdictsAreRarelyWrong(t *testing.T) {
	const runs = 40
	for _, f := range simulate(options{runs: runs, powerRuns: 10, looks: 30}) {
		said := func(v report.Verdict) int { return f.said[v][29] }
		worse, same, better := said(report.Worse), said(report.Same), said(report.Better)
		wrong := map[report.Verdict]int{report.Worse: same + better, report.Same: worse + better, report.Better: worse}
		switch {
		case f.truth.right != "" && wrong[f.truth.right] > 0:
			t.Errorf("%s: %d of %d runs did not say %s", f.truth.name, wrong[f.truth.right], f.runs, f.truth.right)
		case f.truth.right == "" && float64(worse+better) > 2*report.Alpha*runs: // 4 of 40 where 2 are expected at most
			t.Errorf("%s: %d of %d runs said WORSE, %d BETTER", f.truth.name, worse, f.runs, better)
		}
		if strings.HasPrefix(f.truth.name, "agreement 90 %") && worse != f.runs {
			t.Errorf("%s: only %d of %d runs said WORSE", f.truth.name, worse, f.runs)
		}
		if strings.HasPrefix(f.truth.name, "p99 half") && better != f.runs {
			t.Errorf("%s: only %d of %d runs said BETTER", f.truth.name, better, f.runs)
		}
	}
}

// What stands on the page is what the program simulates, and it finds its place there.
func TestThePageTellsOfWhatIsSimulated(t *testing.T) {
	const source = "../../docs/report.md"
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	findings := simulate(options{runs: 1, powerRuns: 1, looks: 1})
	rows := page(findings)
	_, block, _ := strings.Cut(string(text), blockBegin)
	block, after, _ := strings.Cut(block, blockEnd)
	for line := range strings.Lines(block) {
		name, _, isRow := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if isRow && !strings.HasPrefix(name, "the mirror") && !strings.Contains(rows, "| "+name+" |") {
			t.Errorf("%s says %q, which is not simulated", source, name)
		}
	}
	path := filepath.Join(t.TempDir(), "report.md")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writePage(path, findings); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(written), blockBegin+rows+blockEnd+after) {
		t.Errorf("the page is written as\n%s", written)
	}
}
