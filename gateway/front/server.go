package front

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// defaultMaxHead is also the size of net/http's read buffer.
const defaultMaxHead = 4 << 10

// Options says how a Server serves. Only Std is required.
type Options struct {
	// Std handles the connections that are handed over; its settings, as listed in the package comment, hold for the
	// fast lane too. It must not change once New has been called, and its Shutdown and Close are called by the
	// Server's own. It may serve other listeners besides, say one for TLS.
	Std *http.Server

	// StdOnly leaves all connections to Std. They are guarded, as those that are handed over.
	StdOnly bool

	// MaxHead is the number of bytes that a request's head may have in the fast lane, and the size of the read buffer
	// of each connection. Longer heads go to Std. 0 means 4096; Std.MaxHeaderBytes is an upper bound.
	MaxHead int

	// MaxConnections bounds the connections that are open at a time, upgraded ones included; others wait to be accepted.
	// 0: any number.
	MaxConnections int

	// MinBodyRate is at how many bytes per second the content of a request has to come, in the time that it is waited for
	// beyond the first BodyGrace (10 s); a slower one ends with an error that is a timeout. 0: it may take any time. It does
	// not hold for gRPC, in whose calls both sides may be silent.
	MinBodyRate int64
	BodyGrace   time.Duration

	// StallTimeout is for how long a client may take nothing of what it is sent before its connection ends, whoever serves
	// it. It is the system's to keep (TCP_USER_TIMEOUT, RFC 5482), on Linux and for a *net.TCPListener that is not one of
	// Multipath TCP, which has no such option. 0: 2 minutes.
	StallTimeout time.Duration

	// Seed, when set, is called once for each connection that starts in the fast lane, after Std.ConnContext. It returns
	// the context of the connection's requests and, if not nil, a function that is called before each of them. It is
	// for values that one request at a time uses, like a router's scratch space.
	Seed func(ctx context.Context) (seeded context.Context, reset func())
}

// Server serves plain HTTP/1.1 requests itself and leaves the rest to an http.Server. Its methods may be called
// concurrently.
type Server struct {
	std     *http.Server
	stdOnly bool
	handler http.Handler
	maxHead int
	seed    func(context.Context) (context.Context, func())

	headTimeout, idleTimeout time.Duration // 0: none

	places  *places // nil: any number
	stall   time.Duration
	minRate int64 // 0: none
	grace   time.Duration

	greetings
	out  sync.Pool // of *output
	date atomic.Pointer[dateLine]

	closing atomic.Bool // written under mu
	stopped bool        // nobody is served any more, under mu

	mu        sync.Mutex
	listeners map[*onceListener]struct{}
	conns     map[uint64]*conn // in the fast lane, by id
	lastID    uint64
	watch     *watch
	turns     *turns // of connections that are served
	crowds    *turns // of those that begin or time out, often many at once: nobody who is served waits behind them; Std's too
	watching  sync.WaitGroup
	drained   chan struct{} // closed when closing, and the last of listeners and conns is gone
}

// New returns a Server. It panics without Options.Std, whose ConnState and, with a MinBodyRate, Handler it sets to
// functions that call those that were there.
func New(o Options) *Server {
	if o.Std == nil {
		panic("front: Options.Std is nil")
	}
	s := &Server{
		std:         o.Std,
		stdOnly:     o.StdOnly || o.Std.ReadTimeout != 0 || o.Std.WriteTimeout != 0,
		handler:     o.Std.Handler,
		maxHead:     min(cmp.Or(o.MaxHead, defaultMaxHead), cmp.Or(o.Std.MaxHeaderBytes, http.DefaultMaxHeaderBytes)),
		seed:        o.Seed,
		headTimeout: max(o.Std.ReadHeaderTimeout, 0),
		idleTimeout: max(o.Std.IdleTimeout, 0),
		listeners:   make(map[*onceListener]struct{}),
		conns:       make(map[uint64]*conn),
		drained:     make(chan struct{}),
		greetings:   newGreetings(),
		places:      newPlaces(o.MaxConnections),
		stall:       cmp.Or(o.StallTimeout, defaultStall),
		minRate:     max(o.MinBodyRate, 0),
		grace:       cmp.Or(o.BodyGrace, defaultGrace),
	}
	if s.handler == nil {
		s.handler = http.DefaultServeMux
	}
	if s.minRate > 0 {
		o.Std.Handler = s.paced(s.handler)
	}
	s.out.New = func() any { return newOutput() }
	watchStates(o.Std)
	return s
}

// Serve accepts connections on l until the Server is shut down or closed, or l fails. It closes l and always returns an
// error, http.ErrServerClosed after Shutdown or Close. After any other error call Close.
func (s *Server) Serve(l net.Listener) error {
	once := newOnceListener(l)
	defer once.Close()
	s.limitStall(l)
	if err := s.openCrowds(); err != nil {
		return err
	}
	if s.stdOnly {
		return s.std.Serve(&guardedListener{onceListener: once, server: s})
	}
	err := s.open(once)
	if errors.Is(err, errors.ErrUnsupported) {
		return s.std.Serve(&guardedListener{onceListener: once, server: s})
	}
	if err != nil {
		return err
	}

	over := newHandover(l.Addr())
	stdErr := make(chan error, 1) // capacity 1: the one result never waits for its reader
	go func() {
		stdErr <- s.std.Serve(over)
		once.Close() // without the std server there is nobody to hand over to
	}()
	err = s.accept(once, over)
	if s.forget(once); !s.closing.Load() {
		over.Close() // Shutdown and Close do that through Std, when nobody hands over any more
	}
	if e := <-stdErr; !errors.Is(e, net.ErrClosed) {
		err = e // it ended first
	}
	if s.closing.Load() {
		return http.ErrServerClosed
	}
	return err
}

// openCrowds lets crowds of connections pass in turns, where the system can.
func (s *Server) openCrowds() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return http.ErrServerClosed
	}
	if s.crowds != nil {
		return nil
	}
	crowds, err := newTurns()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	s.crowds = crowds
	return nil
}

// open registers the listener and starts the watch with the first one.
func (s *Server) open(l *onceListener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return http.ErrServerClosed
	}
	if s.watch == nil {
		w, err := newWatch()
		if err != nil {
			return err
		}
		t, err := newTurns()
		if err != nil {
			w.close()
			return err
		}
		s.watch, s.turns = w, t
		s.watching.Go(func() { w.run(s.hangup) })
	}
	s.listeners[l] = struct{}{}
	return nil
}

func (s *Server) forget(l *onceListener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	s.checkDrainedLocked()
}

// accept starts a goroutine for each connection. They end by themselves, on Shutdown, or on Close.
func (s *Server) accept(l *onceListener, over *handover) error {
	base := context.Background()
	if s.std.BaseContext != nil {
		base = s.std.BaseContext(l.Listener)
	}
	base = context.WithValue(base, http.ServerContextKey, s.std)
	var pause time.Duration
	for n := 1; ; n++ {
		s.giveWay(n)
		if !s.places.take(s, l.closed) {
			return net.ErrClosed
		}
		nc, err := l.Accept()
		if err != nil {
			s.places.leave()
		}
		switch tcp, ok := nc.(*net.TCPConn); {
		case err != nil && temporary(err):
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.logf("http: Accept error: %v; retrying in %v", err, pause)
			l.wait(pause)
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		case !ok:
			over.give(s.guard(s.places.place(nc)))
		default:
			s.start(base, tcp, over)
		}
		pause = 0
	}
}

// defaultStall is longer than a client that is alive stops reading.
const defaultStall = 2 * time.Minute

// limitStall says so where the system cannot; the listener serves all the same.
func (s *Server) limitStall(l net.Listener) {
	if err := limitStall(l, s.stall); err != nil {
		s.logf("front: callers who take nothing of their answers are not left: TCP_USER_TIMEOUT: %v", err)
	}
}

// acceptsInARow is how many connections are accepted before whoever else has news gets its turn: when thousands come at
// once, the loop would not let go otherwise, and requests of those that are there wait.
const acceptsInARow = 2

// giveWay is called before the nth connection is accepted.
func (s *Server) giveWay(n int) {
	if n%acceptsInARow == 0 {
		s.crowds.pass()
	}
}

// start puts an accepted connection into the fast lane; one that cannot be watched is handed over.
func (s *Server) start(base context.Context, tcp *net.TCPConn, over *handover) {
	c := newConn(s, tcp, over)
	if !s.track(c) {
		tcp.Close()
		s.places.leave()
		return
	}
	if err := s.watch.add(tcp, c.id); err != nil {
		s.untrack(c)
		over.give(s.guardPlaced(tcp))
		return
	}
	ctx := base
	if s.std.ConnContext != nil {
		ctx = s.std.ConnContext(ctx, tcp)
	}
	go c.serve(ctx)
}

// temporary is net/http's question to an accept loop's error: too many open files, an aborted connection.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// track enters the connection and gives it its id; false after Close. One that was accepted while Shutdown closed the
// listener is served all the same: its caller could not know.
func (s *Server) track(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.lastID++
	c.id = s.lastID
	s.conns[c.id] = c
	return true
}

// untrack may be called more than once for a connection.
func (s *Server) untrack(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
	s.checkDrainedLocked()
}

// hangup is called by the watch.
func (s *Server) hangup(id uint64) {
	s.mu.Lock()
	c := s.conns[id]
	s.mu.Unlock()
	if c != nil {
		c.ctx.hangup()
	}
}

// logf writes where net/http would.
func (s *Server) logf(format string, args ...any) {
	cmp.Or(s.std.ErrorLog, log.Default()).Printf(format, args...)
}
