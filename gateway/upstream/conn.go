package upstream

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	readBuffer = 4 << 10  // of a scratch; grows while a head needs more
	keepBuffer = 40 << 10 // a scratch with a larger buffer is left to the collector
	keepFields = 64       // and one with a larger header map

	checkedIdle = 10 * time.Millisecond // see alive
)

// scratch is what one exchange needs and the next may use again; idle connections hold none.
type scratch struct {
	in     []byte      // bytes received
	out    []byte      // request head, and body where it is small
	fields []field     // of the head being parsed
	header http.Header // of the answer, until its Body is closed
}

func (p *Pool) getScratch() *scratch {
	if s, ok := p.scratch.Get().(*scratch); ok {
		return s
	}
	return &scratch{in: make([]byte, readBuffer), out: make([]byte, 0, 2048), header: make(http.Header, 8)}
}

func (p *Pool) putScratch(s *scratch) {
	if cap(s.out) > keepBuffer || len(s.in) > keepBuffer || len(s.header) > keepFields {
		return
	}
	clear(s.header)
	p.scratch.Put(s)
}

// conn is one connection. It belongs to one exchange at a time, or to the idle list.
type conn struct {
	nc    net.Conn
	since time.Time // of the last release; zero on a fresh connection
	wary  bool      // the replica may send what it must not: look before the next use
	heard bool      // a byte came in this exchange
	dry   bool      // read only what is in the buffer

	in   []byte // scratch.in of the exchange
	r, w int    // in[r:w] is unread

	abort       func() // closes nc; made once, for context.AfterFunc
	read, write deadline

	raw   syscall.RawConn
	peek  func(fd uintptr) // see alive
	quiet bool             // result of peek
}

func newConn(nc net.Conn) *conn {
	c := &conn{nc: nc}
	c.abort = c.close
	c.read.set = nc.SetReadDeadline
	c.write.set = nc.SetWriteDeadline
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw, c.peek = raw, c.peekSocket
		}
	}
	return c
}

func (c *conn) close() { _ = c.nc.Close() } // nothing is lost: what was written is answered or not

func (c *conn) reused() bool { return !c.since.IsZero() }

// alive reports whether an idle connection is open and silent: neither closed by the replica nor holding bytes that nobody asked for,
// which would be taken for the answer to the next request (RFC 9112 9.3, 9.5). The system call costs some 0.4 us, so a connection that
// was idle for an instant only, as all are under load, is spared it unless there is reason for doubt.
func (c *conn) alive(now time.Time) bool {
	if c.peek == nil || !c.reused() || !c.wary && now.Sub(c.since) < checkedIdle {
		return true
	}
	c.quiet, c.wary = false, false
	return c.raw.Control(c.peek) == nil && c.quiet
}

var errDry = errors.New("nothing buffered")

// receive reads from the socket.
func (c *conn) receive(b []byte) (int, error) {
	if c.dry {
		return 0, errDry
	}
	for {
		n, err := c.nc.Read(b)
		if n > 0 {
			c.heard = true
			return n, nil // an error comes again with the next call
		}
		if err == nil {
			err = io.ErrNoProgress
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && c.read.early() {
			continue
		}
		return 0, err
	}
}

// send writes all of b and returns how much of it the kernel took.
func (c *conn) send(b []byte) (int, error) {
	sent := 0
	for {
		n, err := c.nc.Write(b[sent:])
		sent += n
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && c.write.early() {
			continue
		}
		return sent, err
	}
}

// sendBuffers is send for many pieces; it is an error when they are more than most bytes.
func (c *conn) sendBuffers(bs *net.Buffers, most int64) (sent int64, err error) {
	length := int64(0)
	for _, b := range *bs {
		length += int64(len(b))
	}
	if length > most {
		return 0, io.ErrShortWrite
	}
	for {
		n, err := bs.WriteTo(c.nc)
		sent += n
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && c.write.early() {
			continue
		}
		return sent, err
	}
}

func (c *conn) buffered() int { return c.w - c.r }

// fill receives at least one more byte into the buffer, which grows if it is full.
func (c *conn) fill() error {
	switch {
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.w < len(c.in):
	case c.r > 0:
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	default:
		c.in = append(c.in, make([]byte, len(c.in))...)
	}
	n, err := c.receive(c.in[c.w:])
	c.w += n
	return err
}

// take reads body bytes: those in the buffer first, then large pieces straight from the socket.
func (c *conn) take(b []byte) (int, error) {
	if c.buffered() == 0 {
		if len(b) >= len(c.in)/2 {
			return c.receive(b)
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.in[c.r:c.w])
	c.r += n
	return n, nil
}

// deadline is a time limit for one direction of a connection. Setting the socket's deadline anew for each request would cost more than
// all the rest of a pool's bookkeeping, so one that was set earlier, and therefore fires too early, is left in place; who runs into it asks early.
type deadline struct {
	set func(time.Time) error

	mu    sync.Mutex
	limit time.Time // zero: none
	armed time.Time // what the socket has; at most limit
	final bool      // shorten has no effect any more
}

// until replaces the limit. With final it is the last word of the exchange.
func (d *deadline) until(t time.Time, final bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit, d.final = t, final
	d.arm()
}

// shorten lowers the limit to t.
func (d *deadline) shorten(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.final && (d.limit.IsZero() || t.Before(d.limit)) {
		d.limit = t
		d.arm()
	}
}

func (d *deadline) arm() {
	if !d.limit.IsZero() && (d.armed.IsZero() || d.armed.After(d.limit)) {
		d.rearm()
	}
}

func (d *deadline) rearm() {
	d.armed = d.limit
	_ = d.set(d.limit) // fails on a closed connection only, and so will the next use
}

// early reports whether the socket's deadline passed before the limit, having set it right.
func (d *deadline) early() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.limit.IsZero() && !time.Now().Before(d.limit) {
		return false
	}
	d.rearm()
	return true
}
