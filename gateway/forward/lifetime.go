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
// Whoever holds it may ask it for ever whether it ended. It is used for another
// attempt only where finish knows that nobody can.
type lifetime struct {
	parent  context.Context
	hangup  *front.Hangup // of a parent in the fast lane
	unwatch func() bool   // takes back what was registered with any other parent
	leave   func()        // abandon, made once

	mu    sync.Mutex
	err   error // as Err returns it; nil while it lasts
	done  chan struct{}
	first *watcher
	slot  watcher
	more  map[*watcher]struct{}
}

// watcher is a function that wants to be called at the end.
type watcher struct {
	of       *lifetime
	call     func()
	withdraw func() bool // stop, made once for the one in the slot
}

// begin starts a life that ends with the parent's at the latest. Parents of the
// gateway's own server are watched without a derived context.
func (l *lifetime) begin(parent context.Context) {
	l.parent = parent
	if l.leave == nil {
		l.leave, l.slot.withdraw = l.abandon, l.slot.stop
	}
	if l.hangup = front.HangupOf(parent); l.hangup != nil {
		l.hangup.Set(l.leave)
		return
	}
	if parent.Done() != nil {
		l.unwatch = context.AfterFunc(parent, l.leave)
	}
}

// abandon ends a life because the caller left.
func (l *lifetime) abandon() { l.end(context.Canceled) }

// finish ends a life in good order. It reports whether nobody knows of it: it
// had not ended before, nobody asked for its channel, and all who were to be told
// of its end have withdrawn.
func (l *lifetime) finish() (unknown bool) {
	inTime := true
	switch {
	case l.hangup != nil:
		inTime = l.hangup.Clear()
	case l.unwatch != nil:
		inTime = l.unwatch()
	}
	l.mu.Lock()
	unknown = inTime && l.err == nil && l.done == nil && l.first == nil && len(l.more) == 0
	l.mu.Unlock()
	l.end(context.Canceled)
	return unknown
}

// renew makes a life of which nobody knows ready for another attempt.
func (l *lifetime) renew() {
	l.parent, l.hangup, l.unwatch = nil, nil, nil
	l.err, l.slot.of, l.slot.call, l.more = nil, nil, nil, nil
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
		l.slot.of, l.slot.call = l, f
		l.first = &l.slot
		return l.slot.withdraw
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
