package upstream

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	pieceSize   = 64 << 10              // of a streamed body in one write
	largePiece  = 256 << 10             // of one that comes faster than that, see largePieces
	maxLarge    = 16                    // of them in use at a time
	answerGrace = time.Second           // how long an answer may still come after the replica stopped reading
	sentGrace   = 50 * time.Millisecond // how long Close waits for the last write to be accounted for
	chunkRoom   = len("10000\r\n")      // for the size line of a piece; pieceSize has five hexadecimal digits
	pieceBuffer = chunkRoom + pieceSize + len("\r\n")
)

// sender writes the rest of a request body while the answer is awaited, in a goroutine of its own.
type sender struct {
	conn  *conn
	req   *http.Request
	large *largePieces
	left  int64         // -1: unknown, chunked
	limit time.Duration // ResponseHeaderTimeout

	done chan struct{} // closed when nothing more will be written
	err  error         // valid then
}

var pieces = sync.Pool{New: func() any { return new([pieceBuffer]byte) }}

// largePieces are for bodies that come faster than pieces of pieceSize go. A write costs nearly as much for a small piece as for a
// large one, most of it the wake-up of a replica that then finds little. So many of them are in use that a few large bodies go fast, and
// so few that many slow ones hold little memory: maxLarge for each Pool, 4 MiB.
type largePieces struct {
	used   atomic.Int32
	unused sync.Pool // of *[largePiece]byte
}

// take returns nil when they are all in use.
func (l *largePieces) take() *[largePiece]byte {
	if l.used.Add(1) > maxLarge {
		l.used.Add(-1)
		return nil
	}
	if p, ok := l.unused.Get().(*[largePiece]byte); ok {
		return p
	}
	return new([largePiece]byte)
}

func (l *largePieces) put(p *[largePiece]byte) {
	if p != nil {
		l.unused.Put(p)
		l.used.Add(-1)
	}
}

// run ends when the body is sent, or when the connection is closed and the Read under way has returned.
func (s *sender) run() {
	defer s.req.Body.Close()
	if s.left < 0 {
		s.err = s.sendChunks()
	} else {
		s.err = s.sendLength()
	}
	if s.err == nil && s.limit > 0 {
		s.conn.read.shorten(time.Now().Add(s.limit))
	}
	// Before the connection is ended, so that whoever sees that end also sees why; and the last touch of one that is kept.
	close(s.done)
	switch s.err.(type) { //nolint:errorlint // our own type, never wrapped
	case nil:
	case *bodyError:
		s.conn.close() // the replica must not take what it has for the whole (RFC 9112 8)
	default:
		// The replica reads no more. It may have answered before: that answer counts (RFC 9112 9.5).
		s.conn.read.shorten(time.Now().Add(answerGrace))
	}
}

// failed reports whether sending has ended with an error.
func (s *sender) failed() bool {
	select {
	case <-s.done:
		return s.err != nil
	default:
		return false
	}
}

// finished reports whether the whole request was sent. The answer may overtake the return from the last write, hence the grace.
func (s *sender) finished(grace time.Duration) bool {
	select {
	case <-s.done:
		return s.err == nil
	default:
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-s.done:
		return s.err == nil
	case <-t.C:
		return false
	}
}

func (s *sender) sendLength() error {
	if wt, ok := s.req.Body.(io.WriterTo); ok {
		return s.sendAll(wt)
	}
	o := outgoing{left: s.left}
	if l, ok := s.req.Body.(lender); ok {
		if err := s.sendLent(l, &o); err != nil || o.left == 0 {
			return err
		}
	}
	return s.sendPieces(&o)
}

// sendPieces sends what is left of a body through memory of the pool's.
func (s *sender) sendPieces(o *outgoing) error {
	small := pieces.Get().(*[pieceBuffer]byte)
	defer pieces.Put(small)
	var large *[largePiece]byte
	defer func() { s.large.put(large) }()
	buf := small[:pieceSize]
	for o.left > 0 {
		n, err := readSome(s.req.Body, buf[:min(int64(len(buf)), o.left)])
		if err := s.pass(buf[:n], err, o); err != nil {
			return err
		}
		if n == pieceSize && o.left > pieceSize && large == nil { // there is more than fits
			if large = s.large.take(); large != nil {
				buf = large[:]
			}
		}
	}
	return nil
}

// pass sends a piece of the body whose Read ended with err.
func (s *sender) pass(p []byte, err error, o *outgoing) error {
	if len(p) > 0 {
		if _, werr := s.conn.send(p); werr != nil {
			return werr
		}
	}
	o.left -= int64(len(p))
	return o.bodyResult(err)
}

// lender is a body that reads into memory of its own, at most so many bytes, and lends it until the hold is closed. Without a hold
// nothing was read: it has no such memory, or has none any more, and is to be read.
type lender interface {
	Lend(most int64) (p []byte, hold io.Closer, err error)
}

// sendLent sends what a body lends, as long as it does.
func (s *sender) sendLent(body lender, o *outgoing) error {
	for o.left > 0 {
		p, hold, err := body.Lend(o.left)
		if hold == nil {
			return o.bodyResult(err)
		}
		err = s.pass(p, err, o)
		_ = hold.Close() // it only lets go
		if err != nil || len(p) == 0 {
			return err
		}
	}
	return nil
}

// sendAll lets a body that is in memory write itself, without copying it.
func (s *sender) sendAll(body io.WriterTo) error {
	w := &boundedWriter{conn: s.conn, left: s.left}
	_, err := body.WriteTo(w)
	switch {
	case w.err != nil:
		return w.err
	case w.left == 0:
		return nil
	case err == nil:
		err = io.ErrUnexpectedEOF
	}
	return &bodyError{err}
}

// boundedWriter sends no more than the announced length and remembers that it was the connection that failed.
type boundedWriter struct {
	conn *conn
	left int64
	err  error
}

// WriteBuffers writes them all in as few system calls as it takes, and consumes them; a body finds the method if it looks for it.
func (w *boundedWriter) WriteBuffers(bs *net.Buffers) (int64, error) {
	n, err := w.conn.sendBuffers(bs, w.left)
	w.left -= n
	w.err = err
	return n, err
}

func (w *boundedWriter) Write(b []byte) (int, error) {
	if int64(len(b)) > w.left {
		b = b[:w.left]
		if len(b) == 0 {
			return 0, io.ErrShortWrite
		}
	}
	n, err := w.conn.send(b)
	w.left -= int64(n)
	w.err = err
	return n, err
}

// sendChunks sends each piece as one chunk in one write, then the trailers (RFC 9112 7.1).
func (s *sender) sendChunks() error {
	buf := pieces.Get().(*[pieceBuffer]byte)
	defer pieces.Put(buf)
	for {
		n, err := readSome(s.req.Body, buf[chunkRoom:chunkRoom+pieceSize])
		if n > 0 {
			if _, werr := s.conn.send(asChunk(buf, n)); werr != nil {
				return werr
			}
		}
		if err == io.EOF { //nolint:errorlint // io.Reader's contract
			return s.sendTrailers()
		}
		if err != nil {
			return &bodyError{err}
		}
	}
}

// asChunk frames the n bytes that lie behind the room for the size line.
func asChunk(buf *[pieceBuffer]byte, n int) []byte {
	var size [chunkRoom]byte
	line := append(strconv.AppendInt(size[:0], int64(n), 16), '\r', '\n')
	start := chunkRoom - len(line)
	copy(buf[start:], line)
	end := chunkRoom + n
	end += copy(buf[end:], crlf)
	return buf[start:end]
}

func (s *sender) sendTrailers() error {
	b := []byte("0\r\n")
	for name, values := range s.req.Trailer {
		if isFraming(http.CanonicalHeaderKey(name)) {
			return &bodyError{requestError("malformed trailer name")}
		}
		var err error
		if b, err = appendField(b, name, values); err != nil {
			return &bodyError{err}
		}
	}
	_, err := s.conn.send(append(b, crlf...))
	return err
}
