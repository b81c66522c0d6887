package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// defaultHandshake bounds a TLS handshake where Std has no ReadHeaderTimeout.
const defaultHandshake = 10 * time.Second

// ServeTLS is Serve for connections over TLS. config decides about the protocol by its NextProtos: a connection that
// settles on "h2" is net/http's from there on, every other one speaks HTTP/1.1 under guard and is net/http's as well. A
// handshake takes Std.ReadHeaderTimeout at most.
func (s *Server) ServeTLS(l net.Listener, config *tls.Config) error {
	once := newOnceListener(l)
	defer once.Close()
	s.limitStall(l)
	if !s.register(once) {
		return http.ErrServerClosed
	}
	defer s.forget(once)
	over := newHandover(l.Addr())
	stdErr := make(chan error, 1) // capacity 1: the one result never waits for its reader
	go func() {
		stdErr <- s.std.Serve(over)
		once.Close() // without the std server there is nobody to hand over to
	}()
	err := s.acceptTLS(once, over, config)
	s.greeting.Wait()
	over.Close()
	if e := <-stdErr; !errors.Is(e, net.ErrClosed) {
		err = e // it ended first
	}
	if s.closing.Load() {
		return http.ErrServerClosed
	}
	return err
}

// register adds a listener that needs no watch; false once the server is closing.
func (s *Server) register(l *onceListener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

// acceptTLS starts a goroutine for each handshake; ServeTLS waits for them.
func (s *Server) acceptTLS(l *onceListener, over *handover, config *tls.Config) error {
	var pause time.Duration
	for {
		if !s.places.take(s, l.closed) {
			return net.ErrClosed
		}
		nc, err := l.Accept()
		if err != nil {
			s.places.leave()
		}
		if err != nil && temporary(err) {
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.logf("http: Accept error: %v; retrying in %v", err, pause)
			l.wait(pause)
			continue
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		pause = 0
		s.receive(s.places.place(nc), over, config)
	}
}

// receive starts a handshake, unless the server is closing.
func (s *Server) receive(nc net.Conn, over *handover, config *tls.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		nc.Close()
		return
	}
	s.greeting.Go(func() { s.greet(nc, over, config) })
}

// greet completes the handshake and hands the connection over.
func (s *Server) greet(nc net.Conn, over *handover, config *tls.Config) {
	limit := s.headTimeout
	if limit == 0 {
		limit = defaultHandshake
	}
	ctx, cancel := context.WithTimeout(s.greetUntil, limit)
	defer cancel()
	c := tls.Server(nc, config)
	if err := c.HandshakeContext(ctx); err != nil {
		s.failedGreeting(nc, err)
		return
	}
	switch c.ConnectionState().NegotiatedProtocol {
	case "h2":
		over.give(c) // net/http knows HTTP/2 over TLS by the connection's type
	case "", "http/1.1":
		over.give(&guardedTLS{guarded: newGuarded(s, c), tls: c})
	default:
		c.Close() // a protocol that is over with the handshake, like that of RFC 8737
	}
}

// failedGreeting ends a connection without a handshake, and says so unless it is one of a kind that comes every second,
// like that of a load balancer that only connects.
func (s *Server) failedGreeting(nc net.Conn, err error) {
	defer nc.Close()
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && looksLikeHTTP(plain.RecordHeader) {
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(nc, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nthis listener speaks HTTPS\n")
		return
	}
	if errors.Is(err, io.EOF) || s.closing.Load() {
		return
	}
	s.logf("http: TLS handshake error from %s: %v", nc.RemoteAddr(), err)
}

// looksLikeHTTP recognises the first five bytes of a plain request.
func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	}
	return false
}

// guardedTLS is HTTP/1.1 over TLS under guard. net/http asks it for what goes into Request.TLS.
type guardedTLS struct {
	*guarded
	tls *tls.Conn
}

// ConnectionState tells net/http how the connection is secured.
func (g *guardedTLS) ConnectionState() tls.ConnectionState { return g.tls.ConnectionState() }

// greetings are the handshakes under way.
type greetings struct {
	greeting   sync.WaitGroup // grows under Server.mu and not once the server is closing
	greetUntil context.Context
	stop       context.CancelFunc
}

func newGreetings() greetings {
	ctx, cancel := context.WithCancel(context.Background())
	return greetings{greetUntil: ctx, stop: cancel}
}

// endGreetings ends the handshakes under way: no request has come on their connections, and net/http, once it is
// shutting down, would not serve one that does.
func (g *greetings) endGreetings() {
	g.stop()
	g.greeting.Wait()
}
