package front

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// newConnGrace is how long Shutdown waits for the first request of a connection, as net/http does.
	newConnGrace = 5 * time.Second
	settlePoll   = 5 * time.Millisecond // between two looks at whether all heads have been read
)

// Shutdown closes the listeners and the idle connections, lets the requests in flight end with "Connection: close", and
// waits for them and for Std's until ctx is done, whose error it then returns. Connections that have not sent a request yet
// get five seconds for it; until then Std takes what is not for the fast lane. Call Close after an error.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.stopListening()
	s.std.SetKeepAlivesEnabled(false)
	s.closeWaiting(false)
	late := time.AfterFunc(newConnGrace, func() { s.closeWaiting(true) })
	defer late.Stop()
	s.endGreetings()
	s.settle(ctx)
	if stdErr := s.std.Shutdown(ctx); stdErr != nil {
		return stdErr
	}
	select {
	case <-s.drained:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.stopWatching()
	return err
}

// Close closes the listeners and every connection at once, Std's too. It does not wait for handlers, whose contexts are
// canceled.
func (s *Server) Close() error {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	err := s.stopListening()
	s.stop()
	s.stopWatching()
	s.mu.Lock()
	open := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		open = append(open, c)
	}
	s.mu.Unlock()
	for _, c := range open {
		c.tcp.Close()
		c.ctx.hangup()
	}
	return errors.Join(err, s.std.Close())
}

// stopListening makes Serve return, and every connection close after its current request.
func (s *Server) stopListening() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.Store(true)
	var errs []error
	for l := range s.listeners {
		errs = append(errs, l.Close())
	}
	s.checkDrainedLocked()
	return errors.Join(errs...)
}

// settle waits, for newConnGrace at most, until every connection has either been handed over to Std or never will be.
func (s *Server) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, newConnGrace)
	defer cancel()
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for !s.settled() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.listeners) > 0 { // what one has accepted may not be among the connections yet
		return false
	}
	for _, c := range s.conns {
		if state := c.state.Load(); state == stateFresh || state == stateHead {
			return false
		}
	}
	return true
}

// closeWaiting closes the connections that wait for a request, fresh ones only if told.
func (s *Server) closeWaiting(fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.take(stateIdle, stateClosed) || fresh && c.take(stateFresh, stateClosed) {
			c.tcp.Close()
		}
	}
}

func (s *Server) stopWatching() {
	s.mu.Lock()
	w, t, crowds := s.watch, s.turns, s.crowds
	s.mu.Unlock()
	if crowds != nil {
		crowds.close()
	}
	if w == nil {
		return
	}
	w.close()
	t.close()
	s.watching.Wait()
}

// checkDrainedLocked waits for the listeners too: what one has accepted may not be among the connections yet.
func (s *Server) checkDrainedLocked() {
	if !s.closing.Load() || len(s.listeners) > 0 || len(s.conns) > 0 {
		return
	}
	select {
	case <-s.drained:
	default:
		close(s.drained)
	}
}

// onceListener is a listener that may be closed more than once and that can be waited on with a limit.
type onceListener struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
	err    error
}

func newOnceListener(l net.Listener) *onceListener {
	return &onceListener{Listener: l, closed: make(chan struct{})}
}

// Close closes the listener the first time and repeats that result.
func (l *onceListener) Close() error {
	l.once.Do(func() {
		l.err = l.Listener.Close()
		close(l.closed)
	})
	return l.err
}

// wait returns after d, or earlier when the listener is closed.
func (l *onceListener) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.closed:
	}
}
