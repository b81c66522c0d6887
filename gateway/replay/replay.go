package replay

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Options say what is sent where. What is zero gets its default, if it says one.
type Options struct {
	Endpoint string // whose requests were captured
	Path     string // that the endpoint declares; empty: none
	Branch   string // of the endpoints
	Commit   string // of that branch, for records; empty for a work tree

	Name    string               // of the mirror, for records and the mark of copies
	Target  deployments.Resolved // that copies are sent to
	Header  http.Header          // set on copies after the version's
	Rules   deployments.Rules    // after the version's
	Compare *schema.Compare      // schema.DefaultCompare
	Redact  []string             // pointer patterns to what records must not tell

	Rate        float64       // copies begun in a second; 0: as many as Concurrency allows
	Concurrency int           // copies under way; 16
	Timeout     time.Duration // of a copy, from its sending to the end of its answer; 1 min

	// Done gets a record for each that was offered, and must not keep it. It is called
	// by several goroutines at a time.
	Done func(*record.Record)
	// Panicked, if set, is told of panics, which are bugs.
	Panicked func(value any, stack []byte)
}

func (o Options) withDefaults() Options {
	if o.Compare == nil {
		o.Compare = schema.DefaultCompare()
	}
	o.Concurrency = cmp.Or(max(o.Concurrency, 0), 16)
	o.Timeout = cmp.Or(max(o.Timeout, 0), time.Minute)
	return o
}

// Replay sends what it is offered. Offer and Close are for one goroutine.
type Replay struct {
	opts    Options
	pool    *deployments.Pool
	group   *deployments.Group
	forward *forward.Forwarder
	changes mirror.Changes
	rules   *compare.Rules
	engine  *mirror.Engine
	queue   *mirror.Queue
	pairs   *pair.Matcher
	pace    *rate.Limiter
	turns   chan struct{} // capacity Options.Concurrency: one for each copy that has no record yet
}

// New makes a Replay, which opens no connection yet. It must be closed.
func New(o Options) *Replay {
	o = o.withDefaults()
	r := &Replay{
		opts:    o,
		pool:    deployments.NewPool(deployments.PoolOptions{Transport: gateway.OwnTransport, MirrorConns: o.Concurrency}),
		forward: forward.New(forward.Options{}),
		changes: mirror.NewChanges(o.Name, o.Target.Version, unforwarded(o.Header), o.Rules),
		rules:   compare.NewRules(o.Compare, o.Redact),
		pace:    rate.NewLimiter(rate.Inf, 1),
		turns:   make(chan struct{}, o.Concurrency),
	}
	if o.Rate > 0 {
		r.pace.SetLimit(rate.Limit(o.Rate))
	}
	r.group = r.pool.Bind(o.Target.Version, deployments.Use{Endpoint: o.Endpoint, Mirror: o.Name})
	r.engine = mirror.NewEngine(mirror.Options{
		Queue: o.Concurrency, Workers: o.Concurrency, Budget: int64(o.Concurrency) * 2 * tap.MaxBody, Timeout: o.Timeout,
		BreakerFailures: math.MaxInt, // each request is to be tried
		Done:            r.copyDone, Panicked: o.Panicked,
	})
	r.queue = r.engine.Queue(o.Endpoint, o.Name, nil)
	r.pairs = pair.NewMatcher(pair.Options{
		Budget: int64(o.Concurrency) * 4 * tap.MaxBody, Queue: o.Concurrency, Done: r.pairDone, Panicked: o.Panicked,
	})
	return r
}

// unforwarded is a header that has copies say nothing of how the caller was reached,
// which is not known.
func unforwarded(own http.Header) http.Header {
	h := http.Header{"X-Forwarded-Host": nil, "X-Forwarded-Proto": nil}
	maps.Copy(h, own)
	return h
}

// Reason says why the request of a live record cannot be sent; record.None: it can.
func (r *Replay) Reason(live *records.Record) record.ErrorKind {
	_, reason := r.read(live)
	return reason
}

// Offer sends a copy of the request of a live record when its turn has come, or records
// why it cannot be sent. It does not wait for the answer. The error is that of ctx, which
// has ended before; then there is no record.
func (r *Replay) Offer(ctx context.Context, live *records.Record) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	template := r.template(live)
	captured, reason := r.read(live)
	if reason != record.None {
		now := time.Now()
		template.Start, template.End = now, now
		template.Outcome, template.ErrorKind, template.Error = record.Dropped, reason, reasons[reason]
		r.opts.Done(&template)
		return nil
	}
	if err := r.pace.Wait(ctx); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	select {
	case r.turns <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.send(&template, captured, live) //nolint:contextcheck // copies have the context of their engine, which Close ends
	return nil
}

// send gives a copy to the engine. Its turn ends with its record.
func (r *Replay) send(template *record.Record, captured request, live *records.Record) {
	capture := r.engine.NewCapture(int64(len(captured.body)))
	defer capture.Finish()
	copied := capture.Offer(r.queue, template)
	if copied == nil {
		return // it has its record
	}
	meeting := r.pairs.Meet()
	expected := meeting.Expect()
	answer := r.answer(live)
	expected.Rules = answer.rules
	r.changes.Fill(copied, r.forward, captured.request, captured.rest)
	copied.Group, copied.Tap, copied.Note = r.group, r.pairs.Tap(nil), expected
	meeting.Live(answer.Live)
	if len(captured.body) == 0 {
		capture.Wrap(http.NoBody)
		return
	}
	capture.Share(captured.body)
}

// template is what is known of a copy's record before it is sent.
func (r *Replay) template(live *records.Record) record.Record {
	to := &r.opts.Target
	return record.Record{
		RequestID: live.RequestID, Endpoint: r.opts.Endpoint, Backend: r.opts.Name, Role: record.Mirror,
		DeploymentName: to.Name, DeploymentVersion: to.Number, Alias: to.Alias, Branch: to.Branch,
		Subject: live.Subject, Commit: r.opts.Commit, Method: live.Method, Path: live.Path, KeyName: live.KeyName,
	}
}

// copyDone is where copies end that were given to the engine.
func (r *Replay) copyDone(c *mirror.Copy) {
	if expected, ok := c.Note.(*pair.Copy); ok && expected.End(&c.Record, c.Tap) {
		return
	}
	c.Tap.Release()
	r.done(&c.Record)
}

func (r *Replay) pairDone(c *pair.Copy) {
	r.done(&c.Record)
	c.Tap.Release()
}

func (r *Replay) done(rec *record.Record) {
	r.opts.Done(rec)
	<-r.turns
}

// Close waits for the copies that are under way until ctx ends, has the rest recorded as
// dropped, and closes all connections. The error counts what was cut off.
func (r *Replay) Close(ctx context.Context) error {
	err := errors.Join(r.engine.Drain(ctx), r.pairs.Drain(ctx))
	r.pool.Close()
	return err
}
