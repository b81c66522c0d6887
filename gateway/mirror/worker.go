package mirror

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// worker sends copies of one queue, one after the other. What it needs for that
// it makes once.
type worker struct {
	queue   *Queue
	span    span
	url     url.URL
	message upstream.Message
	pieces  [][]byte                          // of the body that is edited
	call    func(deployments.Transport) error // w.through, made once
}

func newWorker(q *Queue) *worker {
	w := &worker{queue: q}
	w.call = w.through
	w.span.Context = q.engine.base
	w.message.Request = (&http.Request{URL: &w.url}).WithContext(&w.span)
	w.message.MaxAnswer = q.engine.opts.MaxAnswer
	return w
}

// work sends copies until there have been none for a while. The queue's engine
// waits for it.
func (w *worker) work() {
	stop := w.span.begin()
	defer stop()
	patience := time.NewTimer(w.queue.engine.opts.Idle)
	defer patience.Stop()
	for {
		c := w.queue.next(patience)
		if c == nil {
			return
		}
		c.send(w)
	}
}

// poster is a transport that has a short way for small copies.
type poster interface {
	Post(m *upstream.Message) error
}

func (w *worker) through(t deployments.Transport) error {
	if p, ok := t.(poster); ok {
		return p.Post(&w.message)
	}
	return upstream.ErrUnusual
}

// post sends a small copy the short way, if there is one.
func (w *worker) post(c *Copy, replica *deployments.Replica) bool {
	m := &w.message
	m.Body = m.Body[:0]
	if c.body != nil {
		if c.body.size > upstream.MaxMessage {
			return false
		}
		for _, block := range c.body.blocks {
			m.Body = append(m.Body, block.data)
		}
	}
	defer clear(m.Body)
	if c.Tap != nil {
		m.Keep = c.Tap
	}
	m.Rows = &c.rows
	defer func() { m.Keep, m.Rows = nil, nil }()
	m.Request.Method, m.Request.Host, m.Fields = c.Method, c.host(&w.url), c.Fields
	w.span.until(c.Record.Start.Add(c.timeout()))
	w.span.dial = c.connectTimeout()
	called, err := replica.Try(w.call)
	if !called || errors.Is(err, upstream.ErrUnusual) {
		return false
	}
	if c.body != nil && sent(err) {
		c.read = c.body.size
	}
	if !m.Heard.IsZero() {
		c.Record.Status, c.Record.TTFB = m.Status, m.Heard.Sub(c.Record.Start)
	}
	if err != nil {
		c.Record.ResponseBytes = min(m.Received, m.MaxAnswer)
		c.fail(&w.span, err)
		return true
	}
	c.answered(m.Received, m.MaxAnswer, deployments.Verdict{Status: m.Status})
	return true
}

// sent reports whether a small copy has left, which it does as a whole.
func sent(err error) bool {
	var failed *upstream.Error
	return !errors.As(err, &failed) || failed.Sent
}

// span is the context of what a worker sends: it ends with the engine, and at a
// time that is set anew for each copy. Of that time its Done does not tell: the
// connection that it is spent on has a deadline of its own.
type span struct {
	context.Context

	limit time.Time   // written between copies only
	dial  any         // the time.Duration for connecting, or nil; likewise
	stop  func() bool // withdraw, made once

	mu  sync.Mutex
	cut func() // what is to be called at the end, by one party at a time
}

// begin has the end of the engine told to who asks for it; stop ends that.
func (s *span) begin() (stop func() bool) {
	s.stop = s.withdraw
	return context.AfterFunc(s.Context, s.end)
}

func (s *span) until(limit time.Time) { s.limit = limit }

// Value implements context.Context.
func (s *span) Value(key any) any {
	if _, ok := key.(deployments.ConnectTimeoutKey); ok {
		return s.dial
	}
	return s.Context.Value(key)
}

func (s *span) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut != nil {
		s.cut()
	}
}

// Deadline implements context.Context.
func (s *span) Deadline() (time.Time, bool) { return s.limit, true }

// Err implements context.Context.
func (s *span) Err() error {
	if err := s.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(s.limit) {
		return context.DeadlineExceeded
	}
	return nil
}

// AfterFunc has f called when the engine ends; package upstream looks for it.
func (s *span) AfterFunc(f func()) (stop func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = f
	if s.Context.Err() != nil {
		f()
	}
	return s.stop
}

// withdraw takes back what was registered, and reports whether it was in time.
func (s *span) withdraw() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = nil
	return s.Context.Err() == nil
}
