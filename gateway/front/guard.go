package front

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

// guarded is a connection on its way to net/http that a follower reads along with. What the follower does not pass
// never reaches net/http; in its place come bytes that net/http must refuse, so the 400 and the end of the connection are
// net/http's own, and so is the error that a handler gets from a body whose chunks break the rules.
//
// One Read never returns bytes of two requests. So whatever follows a request that a handler may yet hijack waits here,
// not looked at, until net/http either asks for another request or reports StateHijacked; only a single byte is given
// out before, to the read with which net/http watches for the client to go away.
//
// It embeds the interface, not a *net.TCPConn: a promoted WriteTo or SyscallConn would pass by the guard.
type guarded struct {
	net.Conn
	server   *Server
	follower follower
	held     []byte      // has been read and not been given out
	refusal  string      // what is left of it
	refusing atomic.Bool // it has begun
	amid     atomic.Bool // the last Read ended inside a request's content

	places *places // one of which it has until it is closed; nil: none
	left   sync.Once
}

// refusal breaks whatever it continues, wherever it comes: the NUL a request line and a field line, in a head or a
// trailer; the CR before CRLF a chunk's size line, which in net/http may have any byte but that in an extension; either of
// them the end of a chunk's data. An error of reading, instead, would make net/http close without an answer.
const refusal = "\x00\r\r\n\r\n"

// guard puts a new connection under guard. TLS connections pass: net/http knows them by their type only.
func (s *Server) guard(c net.Conn) net.Conn {
	if _, ok := c.(*tls.Conn); ok {
		return c
	}
	return newGuarded(s, c)
}

// guardPlaced puts a connection under guard that has a place.
func (s *Server) guardPlaced(c net.Conn) *guarded {
	g := newGuarded(s, c)
	g.places = s.places
	return g
}

func newGuarded(s *Server, c net.Conn) *guarded {
	return &guarded{Conn: c, server: s, refusal: refusal}
}

// Read returns bytes of at most one request, those that the rules allow.
func (g *guarded) Read(p []byte) (n int, err error) {
	switch {
	case g.follower.place == refused:
		return g.refuse(p)
	case len(g.held) > 0:
		n = g.follower.follow(p[:copy(p, g.held)])
		if g.held = g.held[n:]; len(g.held) == 0 {
			g.held = nil
		}
	default:
		n, err = g.Conn.Read(p[:g.follower.limit(len(p))])
		all := p[:n]
		n = g.follower.follow(all)
		if n < len(all) {
			g.held, err = bytes.Clone(all[n:]), nil // the error, if any, will come again
		}
		if err != nil && g.follower.inHead() && errors.Is(err, os.ErrDeadlineExceeded) { // those that came together time out together
			g.server.crowds.pass()
		}
	}
	g.amid.Store(g.follower.inside())
	if n == 0 && g.follower.place == refused {
		return g.refuse(p)
	}
	return n, err
}

// refuse reads from the refusal, and then the end of the connection.
func (g *guarded) refuse(p []byte) (int, error) {
	g.refusing.Store(true)
	g.held = nil
	if len(g.refusal) == 0 {
		return 0, io.EOF
	}
	n := copy(p, g.refusal)
	g.refusal = g.refusal[n:]
	return n, nil
}

// Close closes the connection; after a refusal, or when a request has been answered that is still coming, in the lingering
// way: the client should learn what became of it, and would find the connection reset instead. net/http lingers only if it
// has given up reading by itself.
func (g *guarded) Close() error {
	refusing, amid := g.refusing.Swap(false), g.amid.Swap(false)
	if (refusing || amid) && !g.server.closing.Load() && g.CloseWrite() == nil {
		awaitSilence(g.Conn)
	}
	err := g.Conn.Close()
	g.left.Do(g.places.leave)
	return err
}

// ReadFrom keeps sendfile and splice for net/http's io.Copy to the client.
func (g *guarded) ReadFrom(src io.Reader) (int64, error) { return io.Copy(g.Conn, src) }

// CloseWrite lets net/http and tunnels half-close. A connection that cannot says so.
func (g *guarded) CloseWrite() error {
	if c, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return http.ErrNotSupported
}

// NetConn returns the connection below, as tls.Conn does, for its options; reading from it loses bytes.
func (g *guarded) NetConn() net.Conn { return g.Conn }

// guardedListener puts all that it accepts under guard.
type guardedListener struct {
	*onceListener
	server   *Server
	accepted int // Accept's alone, which one goroutine calls
}

// Accept implements net.Listener.
func (l *guardedListener) Accept() (net.Conn, error) {
	l.accepted++
	l.server.giveWay(l.accepted)
	places := l.server.places
	if !places.take(l.server, l.closed) {
		return nil, net.ErrClosed
	}
	c, err := l.onceListener.Accept()
	if err != nil {
		places.leave()
		return nil, err
	}
	if _, ok := c.(*tls.Conn); ok {
		return places.place(c), nil
	}
	return l.server.guardPlaced(c), nil
}

// watchStates adds to the server's ConnState what the guard must know. net/http calls it between two reads.
func watchStates(std *http.Server) {
	next := std.ConnState
	std.ConnState = func(c net.Conn, state http.ConnState) {
		switch g := c.(type) {
		case *guarded:
			g.note(state)
		case *guardedTLS:
			g.note(state)
		}
		if next != nil {
			next(c, state)
		}
	}
}

// note compares where net/http is with where the follower is. A hijacked connection is HTTP no more. An idle one should be
// between two requests; if it is in content, reading that has failed (at a deadline, say) in a handler that wanted full
// duplex, and net/http would take the rest for requests. There is an answer already, so the connection just ends.
func (g *guarded) note(state http.ConnState) {
	switch {
	case state == http.StateHijacked:
		g.follower.stepAside()
	case state == http.StateIdle && g.follower.inside():
		g.follower.place, g.refusal = refused, ""
	}
}
