package testbed

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

// Log keeps what is written to it. The zero value is empty. It is safe for
// concurrent use.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Lines decodes each line that was written so far as JSON into an L, a struct or
// a map. A line that is not JSON fails the test.
func Lines[L any](tb testing.TB, l *Log) []L {
	tb.Helper()
	var all []L
	for text := range strings.Lines(l.String()) {
		var line L
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			tb.Fatalf("the log has a line that is not JSON: %v\n%s", err, text)
		}
		all = append(all, line)
	}
	return all
}
