package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Copy is one live request as it goes to one mirror. Whoever offered it fills in
// the exported fields but Record before Capture.Wrap or Share, with values that
// nobody else changes.
type Copy struct {
	Method string
	Path   string             // what is appended to the replica's URL, escaped
	Query  string             // raw, without the question mark
	Header http.Header        // complete, with the version's own fields and the mark of copies; the map is the copy's own
	Group  *deployments.Group // of the snapshot that serves the live request
	Remove *Removal           // what is left out of the body; nil: nothing
	Record record.Record      // the template given to Offer; the engine's from then on

	queue  *Queue
	place  place  // in the queue
	probe  bool   // of the breaker
	sent   bool   // given to a replica
	proves bool   // its outcome tells the breaker something:
	failed bool   // that the mirror fails
	body   reader // without a body when there is none
}

// place is where a copy is counted.
type place uint8

const (
	nowhere place = iota // not admitted
	waiting              // it has a slot of its queue
	sending              // a worker has it
)

// errNoReplica is recorded when none of the mirror's replicas may be called.
var errNoReplica = errors.New("no replica of the deployment is up")

// send makes the one attempt, in a worker.
func (c *Copy) send() {
	defer c.end()
	defer c.rescue()
	if c.queue.engine.base.Err() != nil {
		c.drop(record.Shutdown)
		return
	}
	if !c.probe && c.queue.closed() {
		c.drop(record.BreakerOpen) // it opened while the copy waited
		return
	}
	c.Record.Start = time.Now()
	replica := c.Group.Pick()
	if replica == nil {
		c.drop(record.Connect)
		c.Record.Error = errNoReplica.Error()
		c.proves, c.failed = true, true
		return
	}
	defer replica.Release()
	c.attempt(replica)
}

func (c *Copy) attempt(replica *deployments.Replica) {
	opts := &c.queue.engine.opts
	ctx, cancel := context.WithTimeout(c.queue.engine.base, opts.Timeout)
	defer cancel()
	u, err := c.url(replica)
	if err != nil {
		c.drop(record.BadRequest)
		c.Record.Error = err.Error()
		return
	}
	req := &http.Request{
		Method: c.Method, URL: u, Host: u.Host, Header: c.Header, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	c.remove()
	if c.body.body != nil {
		// There is no GetBody: a transport must not be able to send it twice.
		req.Body, req.ContentLength = &c.body, c.body.body.size
	}
	c.Record.Replica = replica.String()
	c.sent = true
	res, err := replica.RoundTrip(req.WithContext(ctx))
	if err != nil {
		c.fail(ctx, err)
		return
	}
	defer res.Body.Close()
	c.Record.TTFB = time.Since(c.Record.Start)
	c.Record.Status = res.StatusCode
	c.read(ctx, res.Body, opts.MaxAnswer)
}

// url is where the copy goes: below the replica's URL, whatever its path says.
func (c *Copy) url(replica *deployments.Replica) (*url.URL, error) {
	if err := forward.CheckPath(c.Path); err != nil {
		return nil, err
	}
	u := new(url.URL)
	return u, forward.Join(u, replica.URL(), c.Path, c.Query)
}

// read reads the answer to its end, or as much of it as is allowed.
func (c *Copy) read(ctx context.Context, answer io.Reader, most int64) {
	n, err := io.CopyN(io.Discard, answer, most+1)
	c.Record.ResponseBytes = min(n, most)
	if err != nil && !errors.Is(err, io.EOF) {
		c.fail(ctx, err)
		return
	}
	c.proves = true
	c.Record.Outcome = record.OK
	if n > most {
		c.Record.Error = fmt.Sprintf("the answer was read up to %d bytes only", most)
	}
	if c.Record.Status >= http.StatusInternalServerError {
		c.Record.Outcome, c.Record.ErrorKind = record.Error, record.Status
		c.Record.Error = fmt.Sprintf("the deployment answered %d", c.Record.Status)
	}
}

// fail notes why there is no answer, or no whole one.
func (c *Copy) fail(ctx context.Context, err error) {
	if errors.Is(context.Cause(ctx), errShutdown) {
		c.drop(record.Shutdown)
		return
	}
	c.proves, c.failed = true, true
	c.Record.Outcome, c.Record.ErrorKind, c.Record.Error = record.Error, kindOf(ctx, err), err.Error()
}

// drop notes why the copy is not sent, or not to its end.
func (c *Copy) drop(reason record.ErrorKind) {
	c.Record.Outcome, c.Record.ErrorKind, c.Record.Error = record.Dropped, reason, reasons[reason]
}

// reasons are the messages of dropped copies.
var reasons = map[record.ErrorKind]string{
	record.BreakerOpen: "the mirror failed too often lately",
	record.QueueFull:   "the mirror's queue is full",
	record.Memory:      "the budget for captured bodies is used up",
	record.TooLarge:    "the request body is above the limit for copies",
	record.Incomplete:  "the request body did not become complete",
	record.Refused:     "the live request was refused",
	record.Shutdown:    errShutdown.Error(),
	record.Loop:        "the request is itself a copy",
	record.Upgrade:     "upgraded connections are not copied",
	record.Method:      "the mirror's deployment does not take the method",
}

// rescue turns a panic into an outcome. It must be deferred.
func (c *Copy) rescue() {
	v := recover()
	if v == nil {
		return
	}
	c.drop(record.Panic)
	if c.sent { // so that the mirror is left alone: each panic costs the time of a stack trace
		c.Record.Outcome = record.Error
		c.proves, c.failed = true, true
	}
	c.Record.Error = fmt.Sprint("panic: ", v)
	c.queue.engine.opts.Panicked(v, debug.Stack())
}

// end is the last thing that happens to a copy: memory, ledger, record.
func (c *Copy) end() {
	e := c.queue.engine
	defer e.leave()
	defer func() {
		if v := recover(); v != nil {
			e.opts.Panicked(v, debug.Stack())
		}
	}()
	c.Record.RequestBytes = c.body.finish() // the transport may not be done with it
	c.Record.End = time.Now()
	if c.Record.Start.IsZero() {
		c.Record.Start = c.Record.End
	}
	c.queue.settle(c)
	e.opts.Done(&c.Record)
}
