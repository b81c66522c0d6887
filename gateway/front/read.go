package front

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// verdict is what becomes of a connection that has been read from.
type verdict int

const (
	serve verdict = iota // c.head is a request for the fast lane
	over                 // net/http decides
	ended                // closed, timed out, or taken by Shutdown
)

// next waits for a request and reads its head.
func (c *conn) next() verdict {
	for {
		now := time.Now()
		c.share(now)
		if c.br.Buffered() == 0 {
			c.awaitFirstByte(now)
			if _, err := c.br.Peek(1); err != nil {
				return ended
			}
			if !c.take(stateIdle, stateHead) && !c.take(stateFresh, stateHead) {
				return ended
			}
		}
		if c.skipBlank(); c.br.Buffered() > 0 {
			c.state.Store(stateHead)
			return c.readHead()
		}
		if !c.rest() {
			return ended
		}
	}
}

// maxBlank is the number of CR and LF bytes that net/http forgives between the body of a POST and the next request, for
// clients that end their content with a line break which they did not count (RFC 9112 section 2.2).
const maxBlank = 4

// skipBlank is here and not left to Std because Std will not know that a POST came before.
func (c *conn) skipBlank() {
	for c.blankLeft > 0 && c.br.Buffered() > 0 {
		if p, _ := c.br.Peek(1); p[0] != '\r' && p[0] != '\n' {
			return
		}
		c.br.Discard(1)
		c.blankLeft--
	}
}

// awaitFirstByte arms the idle timeout or, before the first request, the head timeout. Arming is worth avoiding, so an
// idle timeout gets an eighth of grace and the deadline of an earlier wait is good enough while it is not too early.
func (c *conn) awaitFirstByte(now time.Time) {
	if c.first {
		c.armHeadTimeout()
		return
	}
	d := c.srv.idleTimeout
	if d == 0 {
		c.readUntil(time.Time{})
		return
	}
	if left := c.readBy.Sub(now); c.touchedRead.Load() || left < d || left > d+d/8 {
		c.readUntil(now.Add(d + d/8))
	}
}

// turn is for how long a connection may be served before others get a chance.
const turn = 100 * time.Microsecond

// share lets others run when requests have come one after the other, and no read had to wait, for the length of a turn.
func (c *conn) share(now time.Time) {
	switch {
	case c.source.waited || c.turnBegan.IsZero():
		c.source.waited, c.turnBegan = false, now
	case now.Sub(c.turnBegan) > turn:
		c.srv.turns.pass()
		c.turnBegan = time.Time{}
	}
}

func (c *conn) armHeadTimeout() {
	if c.srv.headTimeout == 0 {
		c.readUntil(time.Time{})
		return
	}
	c.readUntil(time.Now().Add(c.srv.headTimeout))
}

var (
	crlf    = []byte("\r\n")
	headEnd = []byte("\r\n\r\n")
)

// readHead reads until the head is complete or cannot be one for the fast lane. On over nothing has been consumed.
//
// What has come is judged line by line and not only at the end: a client whose head ends in net/http's eyes but not in
// ours (bare LF, RFC 9112 section 2.2) waits for an answer, not for the head timeout.
func (c *conn) readHead() verdict {
	for seen := 0; ; {
		if _, err := c.br.Peek(seen + 1); err != nil {
			return c.incomplete(err, seen)
		}
		p, _ := c.br.Peek(c.br.Buffered())
		if p[0] < 'A' || p[0] > 'Z' {
			return over
		}
		if end := bytes.Index(p[max(seen-3, 0):], headEnd); end >= 0 {
			end += max(seen-3, 0)
			if !c.head.parse(string(p[:end+2])) || !c.head.complete() {
				return over
			}
			c.br.Discard(end + 4)
			c.state.Store(stateActive)
			return serve
		}
		if line := bytes.LastIndexByte(p[seen:], '\n'); line >= 0 && !c.head.parse(string(p[:seen+line+1])) {
			return over
		}
		if seen == 0 && !c.first {
			c.armHeadTimeout()
		}
		seen = len(p)
	}
}

// incomplete judges a head that does not go on. A full buffer is for net/http's larger limit, and so is the end of a
// half-closed connection: net/http answers it with 400.
func (c *conn) incomplete(err error, seen int) verdict {
	if seen > 0 && errors.Is(err, io.EOF) || seen == c.br.Size() {
		return over
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // connections that came together time out together
		c.srv.crowds.pass()
	}
	return ended
}
