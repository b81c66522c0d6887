package record_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
)

var errFull = errors.New("no space left")

// sink is a writer whose behaviour a test sets.
type sink struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	writes int
	write  func(p []byte) (take int, err error) // nil takes all
	gate   chan struct{}                        // writes wait until it is closed; nil: they do not
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	n, err := len(p), error(nil)
	if s.write != nil {
		n, err = s.write(p)
	}
	s.buf.Write(p[:n])
	return n, err
}

func (s *sink) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// lines decodes what was written; any line that is not whole fails the test.
func (s *sink) lines(t *testing.T) []map[string]any {
	t.Helper()
	return decodeLines(t, s.text())
}

func decodeLines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	if text != "" && !strings.HasSuffix(text, "\n") {
		t.Errorf("the last line is not whole: %q", text[max(0, len(text)-100):])
	}
	scan := bufio.NewScanner(strings.NewReader(text))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var m map[string]any
		if err := json.Unmarshal(scan.Bytes(), &m); err != nil {
			t.Fatalf("line %q: %v", scan.Text(), err)
		}
		all = append(all, m)
	}
	return all
}

// ofEvent returns the lines of one event.
func ofEvent(lines []map[string]any, event string) []map[string]any {
	var some []map[string]any
	for _, line := range lines {
		if line["event"] == event {
			some = append(some, line)
		}
	}
	return some
}
