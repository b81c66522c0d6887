package testbed

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main runs the tests of a package for its TestMain, and fails when goroutines are
// left that do not end within Patience. goleak by itself gives them less than half a
// second, which is little for the last connections of a busy machine.
func Main(m goleak.TestingM) { goleak.VerifyTestMain(settling{m}) }

// settling waits behind the tests for what is about to end.
type settling struct{ goleak.TestingM }

func (s settling) Run() int {
	code := s.TestingM.Run()
	if code == 0 {
		for end := time.Now().Add(Patience); goleak.Find() != nil && time.Now().Before(end); {
			continue // Find waits by itself
		}
	}
	return code
}

// Allocs is testing.AllocsPerRun, the least of several counts: it counts what the
// whole process allocates, and goroutines of earlier tests may still be about their
// end.
func Allocs(runs int, f func()) float64 {
	least := testing.AllocsPerRun(runs, f)
	for range 4 {
		least = min(least, testing.AllocsPerRun(runs, f))
	}
	return least
}
