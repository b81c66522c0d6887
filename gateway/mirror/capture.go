package mirror

import (
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Capture takes the body of one live request, once for all its copies. Offer,
// then Wrap or Share, are called by the goroutine of the request; Read, Close and
// Finish by any.
type Capture struct {
	engine *Engine
	length int64         // of the body, as announced; -1 unknown
	live   io.ReadCloser // nil before Wrap
	most   int64         // see Limit

	mu      sync.Mutex
	copies  []*Copy // admitted, and neither dispatched nor dropped
	few     [2]*Copy
	body    *body            // nil until a copy is admitted; apart from the Capture, which holds on to the live body
	refusal record.ErrorKind // why the body cannot be captured at all
}

// NewCapture begins with a request whose body has length bytes, as
// http.Request.ContentLength has it: 0 is none, -1 unknown. It captures nothing
// unless a copy is admitted.
func (e *Engine) NewCapture(length int64) *Capture {
	return &Capture{engine: e, length: max(length, -1)}
}

// Limit says above how many bytes of its body the live request will be refused; 0: it will
// not be for that. A copy of it is dropped then. It comes before Wrap.
func (c *Capture) Limit(most int64) { c.most = most }

// Offer admits a copy to q, for the caller to fill in, or drops it, with its
// record, and returns nil. The template has what the copy's record is to say
// about identity: RequestID, Endpoint, Backend, Role, the deployment, Commit,
// Subject, Method and Path. Nothing can be offered after Wrap or Share.
func (c *Capture) Offer(q *Queue, template *record.Record) *Copy {
	copied := q.newCopy(template)
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason := c.admit(copied); reason != record.None {
		copied.drop(reason)
		copied.end()
		return nil
	}
	if c.copies == nil {
		c.copies = c.few[:0]
	}
	c.copies = append(c.copies, copied)
	return copied
}

// admit decides about a copy before anything is captured for it.
func (c *Capture) admit(copied *Copy) (reason record.ErrorKind) {
	if !c.engine.admit() {
		c.engine.open.Add(1) // until the refusal is recorded
		return record.Shutdown
	}
	if reason = copied.queue.admit(); reason != record.None {
		return reason
	}
	if len(c.copies) == 0 && c.refusal == record.None {
		c.refusal = c.reserve()
	}
	return c.refusal
}

// reserve takes the budget for the body, as far as its length is known.
func (c *Capture) reserve() record.ErrorKind {
	if c.length > c.engine.opts.MaxBody {
		return record.TooLarge
	}
	var n int64
	if c.length > 0 {
		n = blocksFor(c.length)
	}
	if !c.engine.memory.reserve(n) {
		return record.Memory
	}
	c.body = c.engine.memory.body(c.length, n)
	return record.None
}

// Wrap returns the body for the live attempt to read, and captures what it reads.
// Without a body, the copies are dispatched at once. When no copy was admitted,
// it returns live as it is.
func (c *Capture) Wrap(live io.ReadCloser) io.ReadCloser {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.copies) == 0 {
		return live
	}
	if live == nil || live == http.NoBody || c.length == 0 {
		c.dispatch()
		return live
	}
	c.live = live
	return c
}

// Share dispatches the copies with a body that is whole and in memory already,
// without copying it. Nobody may change b any more, and it is held, with all of
// its capacity, until the last copy has ended.
func (c *Capture) Share(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.copies) == 0 {
		return
	}
	if int64(len(b)) > c.engine.opts.MaxBody {
		c.abandon(record.TooLarge)
		return
	}
	c.engine.memory.release(c.body.reserved)
	c.body.reserved = 0
	held := int64(cap(b))
	if !c.engine.memory.reserve(held) {
		c.abandon(record.Memory)
		return
	}
	c.body.reserved, c.body.size = held, int64(len(b))
	c.body.blocks = append(c.body.few[:0], &block{data: b, class: shared})
	c.dispatch()
}

// Lend is Read, but reads into the memory in which the body is captured, at most so many
// bytes: the live attempt can send from there what need not be copied. It must close
// the hold when it has, and not before. Where there is no such memory nothing is read,
// there is no hold, and Read is to be called instead.
func (c *Capture) Lend(most int64) (p []byte, hold io.Closer, err error) {
	b, p := c.room(most)
	if b == nil {
		return nil, nil, nil
	}
	done := false
	defer func() {
		if !done {
			b.unref() // for a panic of what reads the body
		}
	}()
	n, err := c.live.Read(p)
	if n > 0 || err != nil {
		c.keep(p[:n], err)
	}
	done = true
	return p[:n], b, err
}

// room returns the memory for what comes next of the body, and the body with one more
// hold; nil if nothing is captured, or not known how much.
func (c *Capture) room(most int64) (*body, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.copies) == 0 || c.body.size >= c.body.length {
		return nil, nil
	}
	b := c.body
	free := b.room(0).free()
	b.refs.Add(1)
	return b, free[:min(int64(len(free)), b.length-b.size, most)]
}

// Read reads the live body, and captures what was read before the caller gets
// to see it.
func (c *Capture) Read(p []byte) (int, error) {
	n, err := c.live.Read(p)
	if n > 0 || err != nil {
		c.keep(p[:n], err)
	}
	return n, err
}

// Close closes the live body. Copies whose body is not complete are dropped.
func (c *Capture) Close() error {
	c.Finish()
	return c.live.Close()
}

// Finish is to be called when the live request is over: copies that were not
// dispatched by then are dropped. It may be called more than once.
func (c *Capture) Finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	reason := record.Incomplete
	if c.live == nil {
		reason = record.Refused // there was no attempt to take the body from
	}
	if c.engine.base.Err() != nil {
		reason = record.Shutdown
	}
	c.abandon(reason)
}

// keep captures one piece of the body, or the end of it.
func (c *Capture) keep(p []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.copies) == 0 {
		return // dispatched or dropped: a late Read
	}
	defer c.rescue()
	b := c.body
	switch size := b.size + int64(len(p)); {
	case c.most > 0 && size > c.most:
		c.abandon(record.Refused)
	case size > c.engine.opts.MaxBody:
		c.abandon(record.TooLarge)
	case b.length >= 0 && size > b.length:
		c.abandon(record.Incomplete) // not what was announced
	case !b.add(p):
		c.abandon(record.Memory)
	case size == b.length, b.length < 0 && errors.Is(err, io.EOF):
		c.dispatch()
	case err != nil:
		c.abandon(record.Incomplete)
	}
}

// dispatch gives the copies to their queues, which may have become full since they
// were admitted. The body is complete.
func (c *Capture) dispatch() {
	b := c.body
	c.body = nil
	defer b.unref()
	if b.size > 0 {
		b.refs.Add(int32(len(c.copies)))
		for _, copied := range c.copies {
			copied.body = b
		}
	}
	for len(c.copies) > 0 {
		copied := c.copies[0]
		c.copies = c.copies[1:]
		if !copied.queue.dispatch(copied) {
			copied.drop(record.QueueFull)
			copied.end()
		}
	}
}

// abandon drops the copies, if there are any left, and frees the body.
func (c *Capture) abandon(reason record.ErrorKind) {
	if c.body != nil {
		c.body.unref()
		c.body = nil
	}
	for len(c.copies) > 0 {
		copied := c.copies[0]
		c.copies = c.copies[1:]
		copied.drop(reason)
		copied.end()
	}
}

// rescue keeps a panic from the live request. It must be deferred.
func (c *Capture) rescue() {
	if v := recover(); v != nil {
		c.engine.opts.Panicked(v, debug.Stack())
		c.abandon(record.Panic)
	}
}
