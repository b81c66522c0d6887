package front

import (
	"context"
	"sync"
	"sync/atomic"
)

// Hangup tells one party that the client of the current request has gone away. It is what [context.AfterFunc] on the
// request's context would do, without an allocation: meant for the code that holds the connection to a deployment.
// It belongs to one request at a time and must not be used after the handler has returned.
type Hangup struct {
	mu   sync.Mutex
	gone bool
	call func()
}

// hangupKey finds the Hangup of a request in its context.
type hangupKey struct{}

// HangupOf returns the Hangup of the request that ctx was given to or derived from, or nil when that request is not
// served by the fast lane: then context.AfterFunc does the same.
func HangupOf(ctx context.Context) *Hangup {
	h, _ := ctx.Value(hangupKey{}).(*Hangup)
	return h
}

// Set arranges for f to be called once when the client goes away, at once when it has. One f at a time: the newest holds.
// f runs where all connections are watched, or in a Write that has failed, so it must not block; closing a socket is what
// it is for.
func (h *Hangup) Set(f func()) {
	h.mu.Lock()
	gone := h.gone
	if !gone {
		h.call = f
	}
	h.mu.Unlock()
	if gone {
		f()
	}
}

// Clear withdraws what Set arranged and reports whether it was still waiting: on false f has been called, or is being
// called now. What is not withdrawn when the handler returns is withdrawn then.
func (h *Hangup) Clear() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	waiting := h.call != nil
	h.call = nil
	return waiting
}

// requestContext is the context of every request of one connection, one after the other. A cancelable context is made
// only for a request that asks for Done, so a request that does not costs nothing.
type requestContext struct {
	context.Context // the connection's: values, and the cancellation of BaseContext
	Hangup
	live atomic.Pointer[cancelable] // written under Hangup.mu
}

// cancelable is the part of one request's context that ends with the request.
type cancelable struct {
	context.Context
	cancel context.CancelFunc
}

// Done makes the cancelable context on first use.
func (c *requestContext) Done() <-chan struct{} {
	if l := c.live.Load(); l != nil {
		return l.Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.live.Load()
	if l == nil {
		l = new(cancelable)
		l.Context, l.cancel = context.WithCancel(c.Context)
		if c.gone {
			l.cancel()
		}
		c.live.Store(l)
	}
	return l.Done()
}

// Err is context.Canceled once the client has gone away.
func (c *requestContext) Err() error {
	if l := c.live.Load(); l != nil {
		return l.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return context.Canceled
	}
	return c.Context.Err()
}

// Value passes on to the cancelable context, so that package context attaches derived contexts to it without a goroutine.
func (c *requestContext) Value(key any) any {
	if key == (hangupKey{}) {
		return &c.Hangup
	}
	if l := c.live.Load(); l != nil {
		return l.Value(key)
	}
	return c.Context.Value(key)
}

// hangup marks the client as gone for this and all later requests of the connection.
func (c *requestContext) hangup() {
	c.mu.Lock()
	c.gone = true
	f, l := c.call, c.live.Load()
	c.call = nil
	c.mu.Unlock()
	if f != nil {
		f()
	}
	if l != nil {
		l.cancel()
	}
}

// end cancels what was derived during the request that has just been served.
func (c *requestContext) end() {
	c.mu.Lock()
	l := c.live.Load()
	c.live.Store(nil)
	c.call = nil
	c.mu.Unlock()
	if l != nil {
		l.cancel()
	}
}
