package front

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// places are those that connections can have at a time. A connection that finds none
// waits in the system's queue, and is served when another one has ended.
type places struct {
	taken  chan struct{} // capacity: how many there are; taking one waits while it is full
	waited atomic.Uint64
	told   atomic.Int64 // when the log was told last that there is none, in Unix seconds
}

// newPlaces makes n places; nil, which has any number, for 0.
func newPlaces(n int) *places {
	if n <= 0 {
		return nil
	}
	return &places{taken: make(chan struct{}, n)}
}

// take takes a place for a connection to come, unless the listener is closed first.
func (p *places) take(s *Server, closed <-chan struct{}) bool {
	if p == nil {
		return true
	}
	select {
	case p.taken <- struct{}{}:
		return true
	default:
	}
	p.waited.Add(1)
	if now, told := time.Now().Unix(), p.told.Load(); now-told >= 60 && p.told.CompareAndSwap(told, now) {
		s.logf("http: %d connections are open, which is the limit; others wait for one of them to end", cap(p.taken))
	}
	select {
	case p.taken <- struct{}{}:
		return true
	case <-closed:
		return false
	}
}

// leave gives a place back.
func (p *places) leave() {
	if p != nil {
		<-p.taken
	}
}

// Connections tells how many connections are open, and how often others had to wait. Both are
// 0 without Options.MaxConnections.
func (s *Server) Connections() (open int, waited uint64) {
	if s.places == nil {
		return 0, 0
	}
	return len(s.places.taken), s.places.waited.Load()
}

// placed is a connection that has a place until it is closed.
type placed struct {
	net.Conn
	places *places
	once   sync.Once
}

// place has a connection give its place back when it is closed. One that is secured already
// has none: net/http knows it by its type.
func (p *places) place(c net.Conn) net.Conn {
	if p == nil {
		return c
	}
	if _, ok := c.(*tls.Conn); ok {
		p.leave()
		return c
	}
	return &placed{Conn: c, places: p}
}

// Close implements net.Conn.
func (p *placed) Close() error {
	err := p.Conn.Close()
	p.once.Do(p.places.leave)
	return err
}
