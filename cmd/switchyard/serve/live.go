package serve

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// live knows how many requests its handler has not come back from. Servers do
// not: they forget connections that were upgraded, and those that they close.
type live struct {
	handler http.Handler
	open    atomic.Int64
}

// ServeHTTP implements http.Handler.
func (l *live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.open.Add(1)
	defer l.open.Add(-1)
	l.handler.ServeHTTP(w, r)
}

// ended waits until there are none, or until ctx ends.
func (l *live) ended(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for l.open.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
