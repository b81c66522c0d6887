package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// exchange is one request and its answer; it is the answer's Body as well. It is never used again, so that a late Read or
// a second Close of a forgotten Body cannot touch another request.
type exchange struct {
	pool     *Pool
	request  *http.Request
	response http.Response
	values   [8]string // of the header, where they suffice
	encoding [1]string
	out      outgoing
	scratch  *scratch
	conn     *conn
	once     bool        // it is never sent again once a byte of it may have arrived
	terse    bool        // of the answer only status and framing are wanted
	sent     bool        // a byte of the request was taken by the kernel
	sender   *sender     // nil if the request left in one write
	unwatch  func() bool // nil if the context cannot end

	mu      sync.Mutex // held while reading the body
	closed  atomic.Bool
	framing framing
	chunk   chunkPart
	left    uint64 // bytes of the body, or of the chunk
	end     error  // of the body; io.EOF is the clean one
}

// RoundTrip sends a request to the replica and returns its answer; see the package's description for what the caller owes.
// Every error is an [*Error], but for those of Options.Fallback.
func (p *Pool) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{pool: p, request: req, scratch: p.getScratch()}
	x.response.Header = x.scratch.header
	var err error
	if x.out, err = newOutgoing(req, &x.scratch.out); err == nil && x.out.unusual {
		return x.handOver()
	}
	ctx := req.Context()
	if err == nil {
		err = x.open(ctx)
	}
	if x.sender == nil && req.Body != nil {
		_ = req.Body.Close() // what it had to say it said in Read
	}
	if err == nil {
		x.response.Body, x.response.Request = x, req
		return &x.response, nil
	}
	e := classify(ctx, p.addr, x.sent, err)
	x.finish(false)
	return nil, e
}

// handOver gives the request to the fallback, which also closes its body.
func (x *exchange) handOver() (*http.Response, error) {
	p := x.pool
	p.putScratch(x.scratch)
	if p.opt.Fallback != nil {
		return p.opt.Fallback.RoundTrip(x.request)
	}
	if x.request.Body != nil {
		_ = x.request.Body.Close()
	}
	return nil, &Error{Kind: KindRequest, Addr: p.addr, Err: errors.ErrUnsupported}
}

// open carries the exchange up to the end of the answer's head.
func (x *exchange) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The body comes before the connection: a slow caller must not hold one.
	if err := x.out.readSmall(&x.scratch.out); err != nil {
		return err
	}
	c, err := x.pool.acquire(ctx)
	if err != nil {
		return err
	}
	again, err := x.try(ctx, c)
	if !again {
		return err
	}
	x.pool.retried.Add(1)
	x.detach()
	c.close() // its place passes to the new one
	if c, err = x.pool.dial(ctx); err != nil {
		return err
	}
	_, err = x.try(ctx, c)
	return err
}

// try sends the request on c and awaits the answer's head. With again, c was stale, and the request may be sent once more.
func (x *exchange) try(ctx context.Context, c *conn) (again bool, err error) {
	limit := x.attach(ctx, c)
	n, err := c.send(x.scratch.out)
	x.sent = x.sent || n > 0
	switch {
	case err != nil && n == 0 && c.reused() && died(ctx, err):
		return true, err
	case err != nil:
		return false, x.salvage(ctx, err)
	case x.out.left != 0:
		x.startSender(c)
	case x.pool.opt.ResponseHeaderTimeout > 0:
		c.read.shorten(time.Now().Add(x.pool.opt.ResponseHeaderTimeout))
	}
	if err = x.awaitHead(ctx); err != nil {
		return x.mayRepeat(ctx, err), x.cause(err)
	}
	c.read.until(limit, true)
	return false, nil
}

// salvage looks for an answer after the request could not be written: a replica may refuse a request that it has not read
// (RFC 9112 9.5). err is the write's.
func (x *exchange) salvage(ctx context.Context, err error) error {
	x.conn.read.shorten(time.Now().Add(answerGrace))
	if x.awaitHead(ctx) != nil {
		return err
	}
	limit, _ := ctx.Deadline()
	x.conn.read.until(limit, true)
	x.response.Close = true
	return nil
}

// mayRepeat reports whether the request may be sent a second time after err ended the wait for its answer: RFC 9110 9.2.2,
// RFC 9112 9.3.1.
func (x *exchange) mayRepeat(ctx context.Context, err error) bool {
	if !x.conn.reused() || x.conn.heard || x.out.body != nil || x.once || x.pool.opt.NoRetry || !died(ctx, err) {
		return false
	}
	switch x.request.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// died reports whether err is the end of the connection and not that of our patience.
func died(ctx context.Context, err error) bool {
	return ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// cause finds the reason behind a failed read: the sender ended the connection, or the time left for an answer after it failed.
func (x *exchange) cause(err error) error {
	if s := x.sender; s != nil && s.failed() {
		if errors.As(s.err, new(*bodyError)) || errors.Is(err, os.ErrDeadlineExceeded) {
			return s.err
		}
	}
	if err == io.EOF { //nolint:errorlint // from a net.Conn
		return io.ErrUnexpectedEOF
	}
	return err
}

// attach makes c the exchange's connection for the time that the context allows. It returns the context's deadline.
func (x *exchange) attach(ctx context.Context, c *conn) time.Time {
	x.conn = c
	c.in, c.r, c.w, c.heard = x.scratch.in, 0, 0, false
	limit, _ := ctx.Deadline()
	c.read.until(limit, false)
	c.write.until(limit, true)
	x.unwatch = watch(ctx, c.abort)
	return limit
}

// watch is context.AfterFunc, but asks a context that has such a method itself (see there) directly: a forwarder's own contexts can
// then be watched without the five allocations that the function costs. It is nil for a context that does not end.
func watch(ctx context.Context, f func()) func() bool {
	if own, ok := ctx.(interface{ AfterFunc(f func()) func() bool }); ok {
		return own.AfterFunc(f)
	}
	if ctx.Done() == nil {
		return nil
	}
	return context.AfterFunc(ctx, f)
}

// detach ends that and reports whether the context left the connection alone.
func (x *exchange) detach() bool {
	c := x.conn
	x.conn, x.scratch.in, c.in = nil, c.in, nil
	return x.unwatch == nil || x.unwatch()
}

func (x *exchange) startSender(c *conn) {
	x.sender = &sender{
		conn: c, req: x.request, large: &x.pool.large, left: x.out.left,
		limit: x.pool.opt.ResponseHeaderTimeout, done: make(chan struct{}),
	}
	go x.sender.run()
}

// finish gives everything back. The connection is kept if the exchange was whole: the answer read to its end with nothing
// behind it, the request sent to its end, and neither side nor the context against it.
func (x *exchange) finish(whole bool) {
	if c := x.conn; c != nil {
		whole = whole && c.buffered() == 0 && !x.out.close && (x.sender == nil || x.sender.finished(sentGrace))
		if x.detach() && whole {
			x.pool.release(c)
		} else {
			x.pool.discard(c)
		}
	}
	x.response.Header = nil
	x.pool.putScratch(x.scratch)
}
