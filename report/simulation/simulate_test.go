package main

import (
	"testing"

	"github.com/switchyard-gateway/switchyard/report"
)

// A small part of what docs/report.md says: verdicts are rarely wrong, whatever the number
// of looks, and what is much worse is found.
func TestVerdictsAreRarelyWrong(t *testing.T) {
	const runs = 40
	for _, f := range simulate(options{runs: runs, powerRuns: 10, looks: 30}) {
		last := len(f.worse) - 1
		switch {
		case f.truth.alarm && f.same[last] > 0:
			t.Errorf("%s: %d of %d runs said that it may be promoted", f.truth.name, f.same[last], f.runs)
		case !f.truth.alarm && f.share(f.worse, last) > 2*report.Alpha: // 4 of 40 where 2 are expected at most
			t.Errorf("%s: %d of %d runs said WORSE", f.truth.name, f.worse[last], f.runs)
		}
		if f.truth.name == "agreement 90 %" && f.worse[last] != f.runs {
			t.Errorf("%s: only %d of %d runs said WORSE", f.truth.name, f.worse[last], f.runs)
		}
	}
}
