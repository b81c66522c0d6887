package testbed

import (
	"testing"
	"time"
)

// Patience bounds what comes soon unless something is broken. It is long, for
// slow machines that do other things.
const Patience = time.Minute

// Eventually waits until ok holds, and ends the test when it does not within
// Patience. what says what is awaited.
func Eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(Patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			tb.Fatalf("it does not come true: %s", what)
		}
	}
}

// LongEnough calls try with one limit after the other, each twice as long as the one
// before, until it says that what is well has kept to it, and ends the test when not
// even Patience is enough. It is for limits that a test waits for: how short they may be
// depends on how busy the machine is. try says false only where something was late.
func LongEnough(tb testing.TB, first time.Duration, try func(limit time.Duration) (enough bool)) {
	tb.Helper()
	for limit := first; !try(limit); limit = min(2*limit, Patience) {
		if limit >= Patience {
			tb.Fatalf("%v is not long enough", limit)
		}
		tb.Logf("%v is not long enough", limit)
	}
}

// Receive takes one value, and ends the test when none comes within Patience.
func Receive[T any](tb testing.TB, what string, from <-chan T) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(Patience):
		tb.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}
