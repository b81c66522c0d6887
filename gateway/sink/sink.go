package sink

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Batch is records on their way to a receiver.
type Batch struct {
	ID    string // the same whenever the batch is sent again
	Lines []byte // of JSON, each with its newline; at most 1 MiB together
}

// Send gives a batch to a receiver. Any error but a [*RefusedError] means that it
// is to be sent again; a [*BusyError] says when. ctx bounds the call.
type Send func(ctx context.Context, b Batch) error

// RefusedError is the receiver's word that it will never take a batch, or some of
// its lines.
type RefusedError struct {
	Err   error
	Lines int64 // how many; 0: all
}

func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// BusyError is the receiver's word that it takes nothing for a while.
type BusyError struct {
	Err   error
	After time.Duration
}

func (e *BusyError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *BusyError) Unwrap() error { return e.Err }

// Options set a Sink up. What is zero gets its default.
type Options struct {
	Name      string
	Send      Send
	Spool     *Spool        // nil: nothing waits on disk
	Buffer    int           // bytes of lines that wait in memory; 8 MiB
	Every     time.Duration // at most so long a line waits for others to share a batch with; 1 s
	BatchSize int           // bytes after which a batch waits no longer; 128 KiB
	Timeout   time.Duration // of one call of Send; 10 s
	// Grace says how long the last lines have; it is asked at the end of Run's
	// context. Nil: record.DefaultGrace.
	Grace  func() time.Duration
	Logger zerolog.Logger
}

func (o Options) withDefaults() Options {
	o.Buffer = cmp.Or(max(o.Buffer, 0), 8<<20)
	o.Every = cmp.Or(max(o.Every, 0), time.Second)
	o.BatchSize = cmp.Or(max(o.BatchSize, 0), 128<<10)
	o.Timeout = cmp.Or(max(o.Timeout, 0), 10*time.Second)
	if o.Grace == nil {
		o.Grace = record.DefaultGrace
	}
	return o
}

// Sink brings records to one receiver. It is safe for concurrent use.
type Sink struct {
	name    string
	log     *record.Log
	courier *courier // nil: a writer's
	grace   func() time.Duration
}

// New makes a sink. It opens the spool and sends nothing until Run runs.
func New(o Options) (*Sink, error) {
	o = o.withDefaults()
	c, err := newCourier(o)
	if err != nil {
		return nil, err
	}
	s := &Sink{name: o.Name, courier: c, grace: o.Grace}
	s.log = record.NewLog(record.Options{
		Writer: c, MaxBuffered: o.Buffer, FlushEvery: o.Every, FlushSize: o.BatchSize, Grace: o.Grace,
	})
	c.lost = s.log.CountLost
	return s, nil
}

// NewWriter makes a sink of a writer, such as a file, to which lines are written
// as those of the process's log are. Of the options only Name, Buffer and Grace count.
func NewWriter(w io.Writer, o Options) *Sink {
	return &Sink{name: o.Name, log: record.NewLog(record.Options{Writer: w, MaxBuffered: o.Buffer, Grace: o.Grace})}
}

// Name is what the sink is called.
func (s *Sink) Name() string { return s.name }

// Append takes one record. It never blocks and keeps no part of r.
func (s *Sink) Append(r *record.Record) { s.log.Append(r) }

// Counts is what has become of lines so far.
type Counts struct {
	Lost    int64 // lines that found no room, or that the receiver refused
	Spooled int64 // bytes that wait on disk
	Sent    int64 // batches that the receiver took
	Failed  int64 // calls that failed
}

// Counts tells what has become of lines.
func (s *Sink) Counts() Counts {
	counts := Counts{Lost: s.log.Lost().Total()}
	if c := s.courier; c != nil {
		counts.Sent, counts.Failed, counts.Spooled = c.sent.Load(), c.failed.Load(), c.spool.held()
	}
	return counts
}

// Run brings lines to the receiver until ctx ends, and then for as long as
// Options.Grace what is in memory. What is on disk stays there for the next
// process. The error says what was left behind. Run must be called once.
func (s *Sink) Run(ctx context.Context) error {
	if s.courier == nil {
		return s.log.Run(ctx)
	}
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	// Half of the grace is for the receiver, the rest for the spool.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(s.grace()/2, stop) })()
	s.courier.begin(sending)
	var parts errgroup.Group
	parts.Go(func() error { return s.courier.empty(ctx) })
	err := s.log.Run(ctx)
	stop() // a call that hangs must not outlive Run
	return errors.Join(err, parts.Wait())
}
