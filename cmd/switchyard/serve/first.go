package serve

import (
	"context"
	"sync"
	"time"
)

// holdCallers is how long callers wait at most, unaccepted, at a listener that
// outlives this process: those who come while it is restarted shall meet the first
// revision, and not an answer that there is none yet.
const holdCallers = 5 * time.Second

// firstRevision tells when the first revision serves.
type firstRevision struct {
	once *sync.Once
	is   chan struct{}
}

func newFirstRevision() firstRevision {
	return firstRevision{once: new(sync.Once), is: make(chan struct{})}
}

// begin may be called more than once.
func (f firstRevision) begin() { f.once.Do(func() { close(f.is) }) }

// await waits until a revision serves, for d at most, or until ctx ends.
func (f firstRevision) await(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-f.is:
	case <-timer.C:
	case <-ctx.Done():
	}
}
