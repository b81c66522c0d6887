package front

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxDrain      = 256 << 10              // unread body that is worth keeping the connection for, as in net/http
	drainTime     = 5 * time.Second        // how long the client may take to send it
	lingerTime    = 5 * time.Second        // how long a closing connection goes on reading
	lingerSilence = 500 * time.Millisecond // or until the client has been silent for so long
)

// body is the content of one request. Unlike everything else of a connection it is made anew for each request: a
// goroutine that the handler leaves behind, reading, must never get bytes of the next one.
type body struct {
	conn   *conn
	pace   *pace // nil: it may take its time
	closed atomic.Bool
	mu     sync.Mutex // held while reading
	left   int64      // bytes that have not been read, guarded by mu
}

// Read implements io.Reader. Like net/http's it returns io.EOF together with the last bytes.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.next(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if b.left == 0 {
		return n, io.EOF
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // RFC 9112 section 8: an incomplete message
	}
	return n, err
}

// next reads what is there, or waits for more.
func (b *body) next(p []byte) (int, error) {
	c := b.conn
	switch {
	case c.br.Buffered() > 0:
		n, err := c.br.Read(p)
		if n < len(p) && err == nil { // what came with the head is a small part of a large body
			var more int
			more, err = c.source.more(p[n:])
			n += more
		}
		if b.pace != nil {
			b.pace.count(n)
		}
		return n, err
	case b.pace == nil:
		return c.br.Read(p)
	}
	return b.pace.read(c.br, p)
}

// Close makes later reads fail. It neither reads nor waits for a read in progress: the connection does what is left to do
// when the handler has returned.
func (b *body) Close() error {
	b.closed.Store(true)
	return nil
}

// retire takes the body from whoever holds it and reports whether nobody was reading. A read in progress is cut short.
func (b *body) retire() bool {
	if b == nil {
		return true
	}
	b.closed.Store(true)
	free := b.mu.TryLock()
	if !free {
		b.conn.tcp.SetReadDeadline(time.Unix(1, 0))
		b.mu.Lock()
	}
	b.mu.Unlock()
	return free
}

// drain reads what the handler has left over and reports whether it got to the end, so that the next byte begins a
// request. It must be called when nobody else can read.
func (b *body) drain() bool {
	if b.empty() {
		return true
	}
	if b.left > maxDrain {
		return false
	}
	c := b.conn
	if int64(c.br.Buffered()) < b.left {
		c.readUntil(time.Now().Add(drainTime))
	}
	n, err := c.br.Discard(int(b.left))
	b.left -= int64(n)
	return err == nil
}

func (b *body) empty() bool { return b == nil || b.left == 0 }

// linger closes in stages (RFC 9112 section 9.6): the sending side first, the rest when the client has closed its own or
// has stopped sending. Closing with unread input makes TCP send a reset, which can destroy the answer at the client.
func (c *conn) linger() {
	if c.tcp.CloseWrite() != nil {
		return
	}
	c.state.Store(stateIdle) // Shutdown need not wait for it
	awaitSilence(c.tcp)
}

// awaitSilence reads until the client closes, has been silent or has sent for long enough.
func awaitSilence(c net.Conn) {
	buf := make([]byte, 16<<10)
	for end := time.Now().Add(lingerTime); ; {
		now := time.Now()
		if now.After(end) {
			return
		}
		c.SetReadDeadline(now.Add(lingerSilence))
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}
