package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// ledger keeps the log's lines, so that traffic can be compared with its
// records. It is safe for concurrent use.
type ledger struct {
	mu      sync.Mutex
	entries []entry
	changed chan struct{} // closed and replaced with every line
}

func newLedger() *ledger {
	return &ledger{changed: make(chan struct{})}
}

func (l *ledger) add(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
	close(l.changed)
	l.changed = make(chan struct{})
}

// matching are the lines that match, in the order in which they were written,
// and a channel that is closed when there is one more line.
func (l *ledger) matching(match func(entry) bool) ([]entry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []entry
	for _, e := range l.entries {
		if match(e) {
			found = append(found, e)
		}
	}
	return slices.Clip(found), l.changed
}

// await waits until n lines match, what says what they are.
func (l *ledger) await(ctx context.Context, what string, n int, match func(entry) bool) ([]entry, error) {
	for {
		found, changed := l.matching(match)
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("expected %d %s in the log, got %d", n, what, len(found))
		}
	}
}
