package testbed

import (
	"encoding/json"
	"fmt"
	"testing"
)

// MeasuredPrefix begins the line in a test's output that holds a Measurement as
// JSON.
const MeasuredPrefix = "measured "

// Measurement is what a test has measured or counted for a line of the
// requirements.
type Measurement struct {
	ID      string `json:"id"`                // of the line, such as M3
	Engines string `json:"engines,omitempty"` // as Engines.String has it; empty where they do not matter
	Figure  string `json:"figure"`
}

// Measured logs a figure for an id, for the page of guarantees: make guarantees
// and make soak write it there if the test passes.
func Measured(tb testing.TB, id, format string, args ...any) {
	tb.Helper()
	log(tb, Measurement{ID: id, Figure: fmt.Sprintf(format, args...)})
}

// Measured is the function Measured for a gateway with these engines.
func (e Engines) Measured(tb testing.TB, id, format string, args ...any) {
	tb.Helper()
	log(tb, Measurement{ID: id, Engines: e.String(), Figure: fmt.Sprintf(format, args...)})
}

func log(tb testing.TB, m Measurement) {
	tb.Helper()
	line, err := json.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("%s%s", MeasuredPrefix, line)
}
