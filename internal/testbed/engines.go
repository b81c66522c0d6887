package testbed

import (
	"fmt"
	"io"
)

// Engines are the two HTTP engines of a gateway: whether its own take the place of
// net/http's towards callers (Front) and towards replicas (Upstream).
type Engines struct{ Front, Upstream bool }

// AllEngines are all combinations, the standard library's first.
func AllEngines() []Engines {
	return []Engines{{}, {Front: true}, {Upstream: true}, {Front: true, Upstream: true}}
}

// String is as in "front=own upstream=std".
func (e Engines) String() string {
	name := map[bool]string{false: "std", true: "own"}
	return "front=" + name[e.Front] + " upstream=" + name[e.Upstream]
}

// EnginesPrefix begins the line with which Announce tells of engines.
const EnginesPrefix = "engines "

// Announce writes on a line of its own that the tests which follow run with these
// engines, so that the page of guarantees can say with which ones a test failed. It
// is for a TestMain that runs all tests with several, and writes to its stdout.
func (e Engines) Announce(to io.Writer) { _, _ = fmt.Fprintln(to, EnginesPrefix+e.String()) }
