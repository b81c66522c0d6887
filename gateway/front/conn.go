package front

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync/atomic"
	"time"
)

// The life of a connection in the fast lane. Shutdown takes it from fresh or idle to closed; its own goroutine moves it
// otherwise, and whoever comes second finds out by take.
const (
	stateFresh  int32 = iota // nothing has been read
	stateIdle                // between requests
	stateHead                // bytes of a head have been read, but not all: the request may yet be Std's
	stateActive              // a head has been read and the answer is not complete
	stateClosed
)

// conn is one connection in the fast lane: a loop that reads a head, calls the handler and completes the answer.
type conn struct {
	srv    *Server
	id     uint64
	tcp    *net.TCPConn
	over   *handover
	source *source
	br     *bufio.Reader // of source

	state  atomic.Int32
	handed bool // the connection is Std's now
	first  bool // the request that is being read is the connection's first

	blankLeft int       // see skipBlank
	turnBegan time.Time // see share

	readBy       time.Time   // the read deadline that is armed, zero for none
	touchedRead  atomic.Bool // the handler has set another one
	touchedWrite atomic.Bool

	ctx   requestContext
	reset func()
	head  head
	blank http.Request // what every request starts from
	req   http.Request
	url   url.URL
	body  *body // of the request being served, nil without one
	pace  *pace // of bodies that are not there at once; made with the first one
	w     response
}

func newConn(s *Server, tcp *net.TCPConn, over *handover) *conn {
	c := &conn{srv: s, tcp: tcp, over: over, source: newSource(tcp), first: true}
	c.br = bufio.NewReaderSize(c.source, s.maxHead)
	c.head.header = make(http.Header, 8) // up to which a map is much faster
	c.w.conn, c.w.header = c, make(http.Header, 8)
	return c
}

// take moves the connection from one state to another and reports whether it was in the first.
func (c *conn) take(from, to int32) bool { return c.state.CompareAndSwap(from, to) }

// serve runs the connection until it ends or is handed over.
func (c *conn) serve(ctx context.Context) {
	defer c.end()
	c.prepare(context.WithValue(ctx, http.LocalAddrContextKey, c.tcp.LocalAddr()), c.tcp.RemoteAddr().String())
	for {
		switch c.next() {
		case over:
			c.handOver()
			return
		case ended:
			return
		case serve:
			c.begin()
			c.srv.handler.ServeHTTP(&c.w, &c.req)
			if !c.finish() {
				return
			}
		}
	}
}

// prepare makes what all requests of the connection have in common.
func (c *conn) prepare(ctx context.Context, remote string) {
	c.ctx.Context = ctx
	if c.srv.seed != nil {
		c.ctx.Context, c.reset = c.srv.seed(ctx)
	}
	blank := http.Request{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:     c.head.header,
		URL:        &c.url,
		RemoteAddr: remote,
	}
	c.blank = *blank.WithContext(&c.ctx) //nolint:contextcheck // &c.ctx is made of ctx
}

// begin makes the request out of the head.
func (c *conn) begin() {
	h := &c.head
	c.url = url.URL{Path: h.path, RawQuery: h.query}
	c.req = c.blank
	c.req.Method, c.req.Host, c.req.RequestURI = h.method, h.host, h.target
	c.req.ContentLength, c.req.Close = h.length, h.close
	c.req.Body, c.body = http.NoBody, nil
	if h.length > 0 {
		c.body = &body{conn: c, left: h.length}
		c.req.Body = c.body
	}
	if int64(c.br.Buffered()) < h.length {
		c.readUntil(time.Time{}) // how long a body may take is the handler's decision
		c.watchPace()
	}
	c.w.begin(h.method == http.MethodHead)
	if c.reset != nil {
		c.reset()
	}
}

// watchPace has the body of the request end if it comes too slowly.
func (c *conn) watchPace() {
	if c.srv.minRate == 0 || takesItsTime(&c.req) {
		return
	}
	if c.pace == nil {
		c.pace = c.srv.newPace(func() { _ = c.w.SetReadDeadline(longAgo) })
	}
	c.pace.start()
	c.body.pace = c.pace
}

// finish completes the answer, disposes of the rest of the body, and reports whether the connection goes on.
func (c *conn) finish() bool {
	c.ctx.end()
	c.pace.stop()
	if !c.body.retire() {
		c.w.closing = true // what the goroutine left behind has read of the rest is unknown
	}
	keep := c.w.finish() && c.body.drain()
	if c.req.MultipartForm != nil {
		_ = c.req.MultipartForm.RemoveAll() // temporary files; there is nobody to tell
	}
	clear(c.head.header)
	clear(c.w.header)
	c.first, c.blankLeft = false, 0
	if c.head.method == http.MethodPost {
		c.blankLeft = maxBlank
	}
	if c.touchedWrite.Swap(false) {
		c.tcp.SetWriteDeadline(time.Time{})
	}
	if keep && !c.srv.closing.Load() {
		return c.rest()
	}
	if !c.body.empty() || c.br.Buffered() > 0 {
		c.linger()
	}
	return false
}

// rest makes the connection idle unless the next request is there. Storing the state before asking for closing means
// that either Shutdown sees the idle connection or the connection sees Shutdown.
func (c *conn) rest() bool {
	if c.br.Buffered() > 0 {
		return true
	}
	c.state.Store(stateIdle)
	return !c.srv.closing.Load()
}

// end closes the connection, after a panic of the handler too: that hits this connection only.
func (c *conn) end() {
	v := recover()
	if err, _ := v.(error); v != nil && !errors.Is(err, http.ErrAbortHandler) {
		buf := make([]byte, 64<<10)
		buf = buf[:runtime.Stack(buf, false)]
		c.srv.logf("http: panic serving %v: %v\n%s", c.blank.RemoteAddr, v, buf)
	}
	if c.handed {
		return
	}
	c.ctx.end()
	c.pace.stop()
	c.w.abort()
	c.tcp.Close()
	c.body.retire()
	c.srv.untrack(c)
	c.srv.places.leave()
}

// handOver gives the connection to Std, which sees it from the first byte of the request that was not taken.
func (c *conn) handOver() {
	if c.srv.watch.remove(c.tcp) != nil {
		return // closed meanwhile
	}
	c.readUntil(time.Time{})
	c.handed = true
	pending, _ := c.br.Peek(c.br.Buffered())
	g := c.srv.guardPlaced(c.tcp)
	g.held = bytes.Clone(pending)
	g.follower.begun = !c.first // Std would believe that it begins here
	c.over.give(g)
	c.srv.untrack(c)
}

// readUntil sets the deadline of reads, zero for none.
func (c *conn) readUntil(t time.Time) {
	if c.touchedRead.Swap(false) || !c.readBy.Equal(t) {
		c.tcp.SetReadDeadline(t)
		c.readBy = t
	}
}
