package forward

import (
	"context"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/front"
)

// lifetime is the context of what one attempt sends: it ends when the caller
// leaves, when the attempt's time is over, or when the attempt returns. It does
// what context.WithCancelCause does at a fraction of the cost, because nearly
// every attempt is watched by one party, its connection, and ends in good order:
// a channel is made only for who asks for one, and the first who registers with
// AfterFunc finds room in place.
//
// It is never used again: whoever holds it may ask it for ever whether it ended.
type lifetime struct {
	parent  context.Context
	release func() bool // takes back what was registered with parent

	mu    sync.Mutex
	err   error // as Err returns it; nil while it lasts
	done  chan struct{}
	first *watcher
	slot  watcher
	more  map[*watcher]struct{}
}

// watcher is a function that wants to be called at the end.
type watcher struct {
	of   *lifetime
	call func()
}

// begin starts a life that ends with the parent's at the latest. Parents of the
// gateway's own server are watched without a derived context.
func (l *lifetime) begin(parent context.Context) {
	l.parent = parent
	if hangup := front.HangupOf(parent); hangup != nil {
		l.release = hangup.Clear
		hangup.Set(l.abandon)
		return
	}
	if parent.Done() != nil {
		l.release = context.AfterFunc(parent, l.abandon)
	}
}

// abandon ends a life because the caller left.
func (l *lifetime) abandon() { l.end(context.Canceled) }

// finish ends a life in good order.
func (l *lifetime) finish() {
	if l.release != nil {
		l.release()
	}
	l.end(context.Canceled)
}

// end ends a life, for the reason given; the first reason holds.
func (l *lifetime) end(reason error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = reason
	first, more := l.first, l.more
	l.first, l.more = nil, nil
	if l.done != nil {
		close(l.done)
	}
	l.mu.Unlock()
	if first != nil {
		go first.call()
	}
	for w := range more {
		go w.call()
	}
}

// Deadline implements context.Context: there is none that is known beforehand,
// for the time of a stream begins anew with each of its parts.
func (l *lifetime) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements context.Context.
func (l *lifetime) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Value implements context.Context.
func (l *lifetime) Value(key any) any { return l.parent.Value(key) }

// closed is the channel of lives that end before anybody asks for it.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done implements context.Context.
func (l *lifetime) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.done != nil:
	case l.err != nil:
		l.done = closed
	default:
		l.done = make(chan struct{})
	}
	return l.done
}

// AfterFunc has f called in a goroutine of its own when the life ends, as
// context.AfterFunc does, which finds this method; so do contexts derived from
// it.
func (l *lifetime) AfterFunc(f func()) (stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		go f()
		return func() bool { return false }
	}
	if l.slot.of == nil {
		l.slot = watcher{of: l, call: f}
		l.first = &l.slot
		return l.slot.stop
	}
	w := &watcher{of: l, call: f}
	if l.more == nil {
		l.more = map[*watcher]struct{}{}
	}
	l.more[w] = struct{}{}
	return w.stop
}

// stop withdraws the watcher, and reports whether it was in time.
func (w *watcher) stop() bool {
	l := w.of
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == w {
		l.first = nil
		return true
	}
	_, ok := l.more[w]
	delete(l.more, w)
	return ok
}
