package forward

import (
	"cmp"
	"io"
	"log"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/schema"
)

// DefaultBufferSize is that of Options.
const DefaultBufferSize = 32 << 10

// Options are the settings of a Forwarder; the zero value holds for a gateway
// that callers reach directly.
type Options struct {
	// TrustedProxies are the networks of the proxies before the gateway. The
	// X-Forwarded-* fields of a peer within them are kept and added to; those of
	// anybody else are replaced.
	TrustedProxies Proxies
	// MaxRequestBytes bounds a request's body; a larger one is answered with
	// 413. 0 is no bound: a body is streamed, never held.
	MaxRequestBytes int64
	// BufferSize is what an answer is read with, in bytes; 0 means
	// DefaultBufferSize.
	BufferSize int
	// ErrorLog gets the panics of foreign code that would otherwise end the
	// process, with their stacks; nil means the standard logger.
	ErrorLog *log.Logger
}

// Forwarder makes live attempts. It is safe for concurrent use and holds nothing
// but its settings and memory for reuse.
type Forwarder struct {
	trusted    Proxies
	maxRequest int64
	errorLog   *log.Logger
	buffers    sync.Pool // *[]byte of the buffer size
	replays    sync.Pool // *[]byte of up to maxReplay
	attempts   sync.Pool // *attempt that nobody else knows of

	replayed atomic.Int64 // bytes that Replays hold above what each has anyway
	unkept   unkept
}

// New returns a Forwarder with these settings.
func New(o Options) *Forwarder {
	f := &Forwarder{trusted: o.TrustedProxies, maxRequest: o.MaxRequestBytes, errorLog: o.ErrorLog}
	if f.errorLog == nil {
		f.errorLog = log.Default()
	}
	size := cmp.Or(o.BufferSize, DefaultBufferSize)
	f.buffers.New = func() any { return new(make([]byte, size)) }
	f.replays.New = func() any { return new(make([]byte, 0, maxReplay)) }
	return f
}

// Attempt is what is to be done with a request, once its backend is known.
type Attempt struct {
	// Group is whom the request may be sent to.
	Group *deployments.Group
	// Subject is that of the assignment, for versions that balance by it; it may
	// be empty.
	Subject string
	// Path is the part of the caller's escaped path that is appended to the
	// replica's URL: empty, or beginning with a slash.
	Path string
	// Header is set on the request, over what the caller sent: that of the
	// deployment's version. It is only read.
	Header http.Header
	// Rules change the header further; nil: they do not.
	Rules *Rules
	// Timeout bounds the parts of the attempt; see schema.Timeout.OrDefault for what
	// is not said. A plain answer is one of known length that is no event stream. Of
	// others only the silences are bounded, unless there is a Total.
	Timeout schema.Timeout
	// Deadline bounds the whole attempt, streams included: it is what the caller has
	// said, and is not counted against the deployment. The zero time is none.
	Deadline time.Time
	// MaxRequestBytes bounds the request's body beside the Forwarder's bound, and
	// MaxResponseBytes that of the answer: a longer one is refused with 502 when its
	// length is known, else cut off. 0 is no bound.
	MaxRequestBytes, MaxResponseBytes int64
	// Tried are replicas that have failed the request in attempts before: others are
	// called as long as there are any.
	Tried []*deployments.Replica
	// Yield is asked, if it is not nil, about an attempt that has failed before anything
	// of an answer was passed on, and by no fault of the caller's. If it says true
	// nothing is written: w, the caller's body and what was not read of Body are fit for
	// another attempt, unless the body is Unread, for which whoever calls Serve has to make
	// the header as it was.
	// It must not keep what it is given.
	Yield func(Failed) bool
	// Withdrawn is asked, if it is not nil, every second while a stream is
	// passed on, whether its caller may go on: what it says is then how the stream ends;
	// nil: he may. Plain answers end by themselves. It is called by another goroutine, and
	// not any more when Serve returns.
	Withdrawn func(now time.Time) *Failure
	// Answering is called, if it is not nil, before the head of the deployment's answer is
	// written: there is no other attempt from then on, and Yield is not asked any more. read
	// tells that all of Body has been read, and that nothing holds on to it.
	Answering func(read bool)
	// Began is when the time of the attempt began, the zero time for now.
	Began time.Time
	// RequestID is what RequestID returned for the request; if empty, Serve calls
	// it.
	RequestID string
	// Trace is the traceparent that is sent; empty: that of the request.
	Trace string
	// Tap keeps the beginning of the deployment's answer, and not of one that the
	// gateway gives itself. It is written to until Serve returns. Nil: nothing is
	// kept.
	Tap *tap.Tap
	// Body replaces the request's Body if it is not nil: the same bytes, captured
	// on their way or read ahead, or others of a known Length. Serve never closes it. No Read of it is in
	// progress when Serve returns, and none begins after that. Do not replace
	// Request.Body instead: net/http's server judges by the identity of that
	// field whether a connection is fit for another request.
	Body io.Reader
	// Length is that of Body where it was changed on its way; 0: it is the one that
	// the request announces.
	Length int64
}

// Result is what came of an attempt.
type Result struct {
	// Status is the answer's, be it the deployment's or the gateway's own error;
	// 499 if the caller left before there was one.
	Status  int
	Outcome record.Outcome
	Kind    record.ErrorKind
	// Err tells more about an outcome that is not OK, for the record and not for
	// the caller. It is nil when the deployment answered, unless a status of gRPC is why
	// the outcome is not OK.
	Err error
	// TTFB is the time from the beginning to the head of the deployment's answer;
	// 0 when there was none.
	TTFB time.Duration
	// Took is the time from the beginning to the end of the answer. Serve may
	// return later, having awaited the rest of a request that was answered early.
	Took time.Duration
	// RequestBytes and ResponseBytes count the bodies as far as they were read
	// from the caller and written to it.
	RequestBytes, ResponseBytes int64
	// Rows is how many the answer to a batch has, 0 if it is none or not whole; see
	// package rows.
	Rows int
	// Replica is the one that was called last, empty if none was.
	Replica string
	// Committed reports whether the head of an answer has been written.
	Committed bool
	// Yielded reports that Attempt.Yield has said true.
	Yielded bool
	// Abort tells the caller of Serve to panic with http.ErrAbortHandler when it
	// is done with the Result: the answer is incomplete, and nothing but the end
	// of the connection or stream can tell.
	Abort bool
}

// Serve sends r to a replica and streams the answer to w. When it has nothing to
// pass on, it answers itself with one of the gateway's errors. Headers that are
// in w before Serve are the gateway's: they are in the answer, and in place of
// the deployment's of the same names.
//
// Serve rewrites r.Header in place into what it sends, so that nothing is copied
// for a plain request. Whoever needs it as it was looks before, as
// AppendCopyFields does. Nothing of r, w and a is in use any more when Serve returns.
func (f *Forwarder) Serve(w http.ResponseWriter, r *http.Request, a Attempt) Result {
	t := f.attempt()
	t.f, t.w, t.in, t.spec, t.started = f, w, r, a, a.Began
	if t.started.IsZero() {
		t.started = time.Now()
	}
	if t.spec.RequestID == "" {
		t.spec.RequestID = RequestID(r)
	}
	returned := false
	defer func() {
		if !returned {
			t.end() // for a panic, of w or of what reads the body
		}
	}()
	t.serve()
	t.end()
	returned = true
	result := t.result
	f.recycle(t)
	return result
}
