package upstream

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the limits of a [Pool]; a zero field takes its default.
type Options struct {
	// Dial opens a connection; default a net.Dialer that gives up after 5 s.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxIdle is how many connections are kept for later; default 1024, negative keeps none.
	MaxIdle int
	// IdleTimeout is how long one is kept; default 90 s.
	IdleTimeout time.Duration
	// MaxConns bounds the open connections, those being dialed included. A request above it waits, first come first served, until a
	// connection is free or its context ends. 0 is no bound.
	MaxConns int
	// ResponseHeaderTimeout bounds the time from the last byte of the request to the end of the answer's head; 0 is no bound.
	ResponseHeaderTimeout time.Duration
	// MaxResponseHeaderBytes bounds an answer's head, each interim answer and the trailer section; default 64 KiB.
	MaxResponseHeaderBytes int
	// NoRetry forbids to send a request again once a byte of it may have arrived, though it be idempotent (for copies).
	NoRetry bool
	// Fallback takes the requests that the pool does not speak: schemes other than http, CONNECT, Upgrade, Expect. Without it they fail
	// with KindRequest. It is the caller's, to close as well.
	Fallback http.RoundTripper
}

// Stats are the figures of a [Pool]. Open includes connections being dialed; Open - Idle are in use.
type Stats struct {
	Open, Idle, Waiting int
	// Dialed, Reused and Retried count since New: dials begun, exchanges on a kept connection, requests sent a second time.
	Dialed, Reused, Retried uint64
}

// Pool is a set of connections to one replica. It is safe for concurrent use. It starts no goroutine of its own; one timer
// closes idle connections.
type Pool struct {
	addr    string
	opt     Options
	scratch sync.Pool // *scratch
	large   largePieces

	mu      sync.Mutex
	idle    []*conn      // last used last
	waiters []chan *conn // first come first; each of capacity 1, sent to once: a connection, or nil for leave to dial
	reaper  *time.Timer
	reaping bool // the timer runs
	closing bool // connections are not kept until the next request
	open    int  // places taken: idle, in use or being dialed

	dialed, reused, retried atomic.Uint64
}

// New returns a pool for the replica at addr, "host:port". It does not connect.
func New(addr string, opt Options) *Pool {
	if opt.Dial == nil {
		opt.Dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	}
	opt.MaxIdle = cmp.Or(opt.MaxIdle, 1024)
	opt.IdleTimeout = cmp.Or(opt.IdleTimeout, 90*time.Second)
	opt.MaxResponseHeaderBytes = cmp.Or(opt.MaxResponseHeaderBytes, 64<<10)
	return &Pool{addr: addr, opt: opt}
}

// Stats returns the figures of this moment.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{
		Open: p.open, Idle: len(p.idle), Waiting: len(p.waiters),
		Dialed: p.dialed.Load(), Reused: p.reused.Load(), Retried: p.retried.Load(),
	}
}

// CloseIdleConnections closes the connections that are not in use, and those in use when they become idle, up to the
// next request. A pool that gets no more requests is thereby closed.
func (p *Pool) CloseIdleConnections() {
	p.mu.Lock()
	p.closing = true
	idle := p.idle
	p.idle = nil
	if p.reaping {
		p.reaper.Stop()
		p.reaping = false
	}
	p.mu.Unlock()
	p.closeAll(idle)
}

// acquire returns an idle connection or a new one. ctx bounds the waiting and the dialing.
func (p *Pool) acquire(ctx context.Context) (*conn, error) {
	for {
		c, turn := p.reserve()
		if turn != nil {
			var err error
			if c, err = p.wait(ctx, turn); err != nil {
				return nil, err
			}
		}
		switch {
		case c == nil:
			return p.dial(ctx)
		case c.alive(time.Now()):
			p.reused.Add(1)
			return c, nil
		}
		p.discard(c)
	}
}

// reserve takes an idle connection; or leave to dial, which is (nil, nil); or a place in the queue.
func (p *Pool) reserve() (*conn, chan *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = false
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		return c, nil
	}
	if p.opt.MaxConns <= 0 || p.open < p.opt.MaxConns {
		p.open++
		return nil, nil
	}
	turn := make(chan *conn, 1)
	p.waiters = append(p.waiters, turn)
	return nil, turn
}

func (p *Pool) wait(ctx context.Context, turn chan *conn) (*conn, error) {
	ctx, cancel := timed(ctx)
	defer cancel()
	select {
	case c := <-turn:
		return c, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.waiters, turn)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // the turn came at the same moment: pass it on
		if c := <-turn; c != nil {
			p.release(c)
		} else {
			p.free()
		}
	}
	return nil, classify(ctx, p.addr, false, ctx.Err())
}

// timed is a context that is done at its deadline: one that is asked for it only when an exchange is over its own deadline need not be.
func timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if limit, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, limit)
	}
	return ctx, func() {}
}

// dial connects; the caller holds a place among the open connections, which is given up on failure.
func (p *Pool) dial(ctx context.Context) (*conn, error) {
	p.dialed.Add(1)
	ctx, cancel := timed(ctx) // a look-up of a name waits for nothing else
	defer cancel()
	nc, err := p.opt.Dial(ctx, "tcp", p.addr)
	if err == nil {
		return newConn(nc), nil
	}
	p.free()
	if ctx.Err() != nil {
		return nil, classify(ctx, p.addr, false, err)
	}
	return nil, &Error{Kind: KindConnect, Addr: p.addr, Err: err}
}

// release puts a connection back that is ready for another exchange.
func (p *Pool) release(c *conn) {
	c.since = time.Now()
	p.mu.Lock()
	if len(p.waiters) > 0 {
		p.next() <- c
		p.mu.Unlock()
		return
	}
	if p.closing || len(p.idle) >= p.opt.MaxIdle {
		p.mu.Unlock()
		p.discard(c)
		return
	}
	p.idle = append(p.idle, c)
	if !p.reaping {
		p.startReaper(p.opt.IdleTimeout)
	}
	p.mu.Unlock()
}

// discard closes a connection and gives up its place.
func (p *Pool) discard(c *conn) {
	c.close()
	p.free()
}

// free gives up one place among the open connections, to who waits longest.
func (p *Pool) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiters) > 0 {
		p.next() <- nil
		return
	}
	p.open--
}

// next takes the first waiter off the queue; p.mu is held.
func (p *Pool) next() chan *conn {
	turn := p.waiters[0]
	p.waiters[0] = nil
	p.waiters = p.waiters[1:]
	return turn
}

// startReaper lets reap run after d; p.mu is held.
func (p *Pool) startReaper(d time.Duration) {
	p.reaping = true
	if p.reaper == nil {
		p.reaper = time.AfterFunc(d, p.reap)
		return
	}
	p.reaper.Reset(d)
}

// reap closes what has been idle for too long: the list's head, for its order is that of the last use.
func (p *Pool) reap() {
	p.mu.Lock()
	now := time.Now()
	n := 0
	for n < len(p.idle) && now.Sub(p.idle[n].since) >= p.opt.IdleTimeout {
		n++
	}
	expired := slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	p.reaping = false
	if len(p.idle) > 0 {
		p.startReaper(p.opt.IdleTimeout - now.Sub(p.idle[0].since))
	}
	p.mu.Unlock()
	p.closeAll(expired)
}

func (p *Pool) closeAll(cs []*conn) {
	for _, c := range cs {
		p.discard(c)
	}
}
