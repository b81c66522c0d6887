//go:build linux

package deployment

import (
	"bytes"
	"strconv"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/epoll"
)

const maxHead = 16 << 10

// connection is a proxy's connection and the request that comes on it.
type connection struct {
	deployment *served // nil: there is no connection
	generation uint32
	head       []byte // that came in parts
	left       int    // bytes of the body still to come
	length     int
	body       bool // the head is read
}

// take consumes what came and answers a request that is whole. It tells whether
// the connection goes on.
func (s *Server) take(fd int, p []byte) bool {
	c := &s.connections[fd]
	for len(p) > 0 {
		if !c.body {
			rest, ok := c.readHead(p)
			if !ok {
				c.deployment.malformed.Add(1)
				return false
			}
			if p = rest; !c.body {
				return true
			}
		}
		n := min(len(p), c.left)
		c.left -= n
		p = p[n:]
		if c.left == 0 {
			c.body = false
			if !s.finish(fd) {
				return false
			}
		}
	}
	return true
}

// readHead returns what follows the head. Proxies pass the length of a body on;
// another framing is malformed.
func (c *connection) readHead(p []byte) (rest []byte, ok bool) {
	before := len(c.head)
	if before > 0 {
		c.head = append(c.head, p...)
		p = c.head
	}
	end := bytes.Index(p, []byte("\r\n\r\n"))
	switch {
	case end < 0 && len(p) > maxHead:
		return nil, false
	case end < 0:
		if before == 0 {
			c.head = append(c.head, p...)
		}
		return nil, true
	}
	c.length, ok = length(p[:end])
	c.left, c.body = c.length, true
	c.head = c.head[:0]
	return p[end+4:], ok
}

// length is that of the body; false if the head does not tell it.
func length(head []byte) (int, bool) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	get := bytes.HasPrefix(line, []byte("GET "))
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		const name = "content-length:"
		if len(line) > len(name) && line[len(name)-1] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			n, err := strconv.Atoi(string(bytes.TrimSpace(line[len(name):])))
			return n, err == nil && n >= 0
		}
	}
	return 0, get
}

// finish counts a request and answers it, now, later or never.
func (s *Server) finish(fd int) bool {
	c := &s.connections[fd]
	d := c.deployment
	d.requests.Add(1)
	d.bytes.Add(int64(c.length))
	switch d.spec.Behavior {
	case Slow:
		s.late = append(s.late, late{due: time.Since(s.began) + d.spec.Delay, fd: fd, generation: c.generation})
		return true
	case Hole, Dead:
		return true
	case Fast:
	}
	return s.send(fd)
}

// send answers. The answer is small and the proxy asks for one at a time, so
// that it always fits; where it does not, the connection is over.
func (s *Server) send(fd int) bool {
	p := s.connections[fd].deployment.reply
	n, errno := epoll.Send(fd, p, false)
	return errno == 0 && n == len(p)
}
