package commitstatus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxTries   = 8
	firstRetry = time.Second
	lastRetry  = 2 * time.Minute
	longest    = 15 * time.Minute // that a Retry-After is obeyed for
)

// Reporter tells a forge what became of commits.
type Reporter struct {
	options Options
	client  *http.Client
	queue   queue
	journal journal
	counts  *prometheus.CounterVec
	// wake holds at most one signal that there is something to tell; further ones
	// are dropped, as all that waits is looked at then.
	wake chan struct{}
}

// New checks the options and makes a reporter. It calls nobody.
func New(o Options) (*Reporter, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	client, err := o.client()
	if err != nil {
		return nil, err
	}
	return &Reporter{
		options: o,
		client:  client,
		journal: journal{log: o.Logger},
		counts:  newCounts(),
		wake:    make(chan struct{}, 1),
	}, nil
}

// Collector gives the reporter's metrics for registration.
func (r *Reporter) Collector() prometheus.Collector { return r.counts }

// Report notes what became of a commit and returns at once. What was said of the
// commit before and not told yet is forgotten; what was said last is not told
// twice. Safe for concurrent use.
func (r *Reporter) Report(s Status) {
	s.Description = describe(s.Description)
	added, dropped := r.queue.add(s, time.Now())
	if dropped {
		r.count(resultDropped)
	}
	if !added {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run tells what is reported until ctx ends. What has not been told then never
// is. It can be called once.
func (r *Reporter) Run(ctx context.Context) {
	defer r.client.CloseIdleConnections()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		next, wait := r.queue.take(time.Now())
		if next != nil {
			r.tell(ctx, *next)
			continue
		}
		timer.Stop()
		if wait > 0 {
			timer.Reset(wait)
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		}
	}
}

// tell makes one try.
func (r *Reporter) tell(ctx context.Context, w waiting) {
	err := r.send(ctx, w.Status)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		r.journal.sent(w.Status)
		r.count(resultSent)
		return
	}
	w.tries++
	if !err.again || w.tries >= maxTries {
		r.journal.failed(w.Status, fmt.Errorf("gave up after try %d: %w", w.tries, err))
		r.count(resultFailed)
		return
	}
	r.count(resultRetried)
	w.due = time.Now().Add(backoff(w.tries))
	if err.after > 0 {
		r.queue.pause(time.Now().Add(min(err.after, longest)))
	}
	if r.queue.again(w) {
		r.count(resultDropped)
	}
}

// backoff is the time until the next try, half of it at random.
func backoff(tries int) time.Duration {
	most := min(firstRetry<<(tries-1), lastRetry)
	return most/2 + rand.N(most/2)
}
