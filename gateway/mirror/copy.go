package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/edit"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/rows"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// Copy is one live request as it goes to one mirror. Whoever offered it fills in
// the exported fields but Record before Capture.Wrap or Share, with values that
// nobody else changes, and does not look at it afterwards: it is used again.
type Copy struct {
	Method string
	Path   string             // what is appended to the replica's URL, escaped
	Query  string             // raw, without the question mark
	Host   string             // instead of the replica's; empty: none
	Fields []byte             // the header, complete, each line with its CRLF, with the version's own fields and the mark of copies
	Group  *deployments.Group // of the snapshot that serves the live request
	Edits  []*edit.Edit       // of the body, one after the other
	// Allotted is how long the caller lets the request take; 0: it has not said. The copy
	// gets no more of Options.Timeout than that.
	Allotted time.Duration
	Tap      *tap.Tap      // keeps the beginning of the answer; nil: nothing is kept. Options.Done is given it
	Note     any           // whatever Options.Done wants to know again; the engine does not look at it
	Record   record.Record // the template given to Offer; the engine's until Options.Done

	queue  *Queue
	place  place        // in the queue
	probe  bool         // of the breaker
	sent   bool         // given to a replica
	proves bool         // its outcome tells the breaker something:
	failed bool         // that the mirror fails
	body   *body        // nil when there is none
	read   int64        // of it, by who sent it
	rows   rows.Counter // of the answer
}

// maxFields is the memory for a header that is kept for the next copy.
const maxFields = 8 << 10

// newCopy returns a copy for q. Its end gives it back.
func (q *Queue) newCopy(template *record.Record) *Copy {
	c, ok := q.engine.copies.Get().(*Copy)
	if !ok {
		c = new(Copy)
	}
	c.Record, c.queue = *template, q
	return c
}

// recycle keeps the memory of a copy that has ended.
func (c *Copy) recycle() {
	fields, copies := c.Fields[:0], &c.queue.engine.copies
	if cap(fields) > maxFields {
		return
	}
	*c = Copy{Fields: fields}
	copies.Put(c)
}

// place is where a copy is counted.
type place uint8

const (
	nowhere place = iota // not ready
	waiting              // it has a slot of its queue
	sending              // a worker has it
)

// errNoReplica is recorded when none of the mirror's replicas may be called.
var errNoReplica = errors.New("no replica of the deployment is up")

// send makes the one attempt, in a worker.
func (c *Copy) send(w *worker) {
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
	replica := c.Group.PickFor(c.Record.Subject)
	if replica == nil {
		c.drop(record.Connect)
		c.Record.Error = errNoReplica.Error()
		c.proves, c.failed = true, true
		return
	}
	defer replica.Release()
	if err := c.url(&w.url, replica); err != nil {
		c.drop(record.BadRequest)
		c.Record.Error = err.Error()
		return
	}
	c.Record.Replica = replica.String()
	c.edit(w)
	c.sent = true
	if !w.post(c, replica) {
		c.roundTrip(w, replica)
	}
}

// url is where the copy goes: below the replica's URL, whatever its path says.
func (c *Copy) url(u *url.URL, replica *deployments.Replica) error {
	if err := forward.CheckPath(c.Path); err != nil {
		return err
	}
	if err := forward.CheckQuery(c.Query); err != nil {
		return err
	}
	return forward.Join(u, replica.URL(), c.Path, c.Query)
}

// floodTime is how soon an answer must have gone beyond the limit for the breaker
// to take it for a fault: one that trickles, as streams do, costs little.
const floodTime = time.Second

// answered notes what came of the copy: n bytes of an answer, which are more than
// the limit if there is more than that, and what it counts as.
func (c *Copy) answered(n, most int64, v deployments.Verdict) {
	c.proves = true
	c.Record.Outcome, c.Record.ResponseBytes = record.OK, min(n, most)
	switch {
	case v.Failed():
		c.Record.Outcome, c.Record.ErrorKind = record.Error, record.Status
		c.Record.Error = fmt.Sprintf("the deployment answered %d", c.Record.Status)
		if err := v.Err(); err != nil {
			c.Record.Error = err.Error()
		}
	case n > most:
		c.Record.Outcome, c.Record.ErrorKind = record.Error, record.TooLarge
		c.Record.Error = fmt.Sprintf("the answer was read up to %d bytes only", most)
	}
	if n <= most {
		c.Record.ResultCount = c.rows.Rows()
		if c.Tap != nil {
			c.Tap.End()
		}
	}
	c.failed = n > most && time.Since(c.Record.Start)-c.Record.TTFB < floodTime
}

// fail notes why there is no answer, or no whole one.
func (c *Copy) fail(ctx context.Context, err error) {
	if errors.Is(context.Cause(ctx), errShutdown) {
		c.drop(record.Shutdown)
		return
	}
	var own *upstream.Error
	if errors.As(err, &own) && own.Unsendable() {
		c.drop(record.BadRequest)
		c.Record.Error = err.Error()
		return
	}
	c.proves, c.failed = true, true
	c.Record.Outcome, c.Record.ErrorKind, c.Record.Error = record.Error, kindOf(ctx, err), err.Error()
	if c.hurried() { // no reason to leave the mirror alone
		c.proves, c.failed, c.Record.ErrorKind = false, false, record.Timeout
	}
}

// hurried reports whether the caller's time is over, before the engine's is. A
// deployment that was told of it may end a moment earlier.
func (c *Copy) hurried() bool {
	limit := c.timeout()
	return limit < c.queue.engine.opts.Timeout && time.Since(c.Record.Start) >= limit-forward.Slack(limit)
}

// timeout is how long the copy may take.
func (c *Copy) timeout() time.Duration {
	most := c.queue.engine.opts.Timeout
	if c.Allotted > 0 {
		return min(c.Allotted, most)
	}
	return most
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
	record.Overload:    "the gateway has too much to do",
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
	if c.body != nil {
		c.body.unref()
	}
	c.Record.RequestBytes = c.read
	c.Record.End = time.Now()
	if c.Record.Start.IsZero() {
		c.Record.Start = c.Record.End
	}
	c.queue.settle(c)
	if c.queue.count != nil {
		c.queue.count(&c.Record)
	}
	e.opts.Done(c)
	c.recycle()
}
