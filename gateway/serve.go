package gateway

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Header fields of answers, in the form of the keys of http.Header.
const (
	headerRequestID = "X-Request-Id"
	headerBackend   = "X-Switchyard-Backend"
)

// request is one request to one endpoint on its way through the gateway.
type request struct {
	s       *Snapshot
	e       *endpoint
	w       http.ResponseWriter
	r       *http.Request
	id      string
	path    string // the caller's, escaped
	rest    string // what of path comes below the endpoint's, escaped
	started time.Time
	tried   time.Time // when the attempt began, after what was read ahead

	backend   *backend
	subject   string    // of the assignment; empty without
	subjectID string    // the same as records have it
	deadline  time.Time // when the time is over that the caller has given; zero: it has not said

	read    []byte          // the whole body, when a key asked for it and it could be read ahead
	body    io.Reader       // the whole body, when its beginning was read ahead; else nil
	room    *room           // what read takes of the budget for large ones
	entered bool            // counted by the overload already
	capture *mirror.Capture // nil without mirrors

	captured bool // body is captured as it is read

	edited *editedBody // what the backend gets instead of the body; nil: the body
	kept   kept        // for its records

	number       int    // of the attempt, where there is more than one; else 0
	superseded   bool   // the attempt that is being recorded is not answered for
	fallbackFrom string // the backend that was assigned, once its fallback answers

	meeting *pair.Meeting // nil without a copy whose answer is compared with this one's
	answer  *tap.Tap      // of the answer, for the meeting

	spans spans // the zero value: none are kept

	caller     caller
	identified bool                             // caller is known from before the endpoint was
	withdrawn  func(time.Time) *forward.Failure // noMore, made once
	held       held                             // of the limits

	identity forward.Identity
	result   forward.Result
	record   record.Record // of the attempt that ended last
}

// requests is memory for requests that are done: their header values lie in it,
// which must last until the head of the answer is written.
var requests = sync.Pool{New: func() any { return new(request) }}

// serve answers the request: assign, offer copies, attempt, record.
func (q *request) serve() {
	q.started = time.Now()
	q.tried = q.started
	q.id = q.identity.Of(q.r)
	if q.e.gateway.traces != nil {
		q.beginSpans()
	}
	header := q.w.Header()
	header[headerRequestID] = q.identity.Values()
	if (q.e.guard != nil || !q.s.open) && !q.admitted() {
		return
	}
	served := q.entered
	if !served {
		served = q.e.gateway.overload.enter()
		defer q.e.gateway.overload.leave()
	}
	var err error
	if served {
		err = q.readAhead()
	}
	q.assign() // by what is known of it, where it is not read
	header[headerBackend] = q.backend.header
	q.backend.series.inFlight.Add(1)
	q.result = crashed // unless something better comes of it
	defer q.end()
	if !served {
		q.result = q.refuse(overloaded())
		return
	}
	if err != nil {
		q.result = q.refuse(forward.BodyError(q.r.Context(), err))
		return
	}
	q.result = q.attempt()
}

// end accounts for the request, also for one that ended in a panic.
func (q *request) end() {
	if q.result.Kind == record.Panic {
		q.e.gateway.crashed(q, recover())
		q.result.Abort = true
	}
	q.finish(&q.result)
	if q.result.Abort {
		panic(http.ErrAbortHandler)
	}
}

// crashed is the result of an attempt that ended in a panic.
var crashed = forward.Result{
	Status: http.StatusInternalServerError, Outcome: record.Error, Kind: record.Panic, Err: errors.New("internal error"),
}

// crashed logs a panic. The answer may have begun, so the connection is cut;
// other requests are not concerned.
func (g *Gateway) crashed(q *request, reason any) {
	g.logger.Error().Str(record.FieldEvent, eventPanic).Str(record.FieldRequestID, q.id).Str(record.FieldEndpoint, q.e.Name).
		Any(fieldReason, reason).Bytes(fieldStack, debug.Stack()).Msg("a request ended in a panic; this is a bug in the gateway")
}

// readAhead reads as much of the body as keys may ask for.
func (q *request) readAhead() (err error) {
	if !q.e.readBody || q.read != nil || forward.IsGRPC(q.r) { // whose streams may wait for an answer
		return nil
	}
	// A body that trickles in must not hold the request for ever. Writers that know
	// no deadline have none of their own either.
	control := http.NewResponseController(q.w)
	_ = control.SetReadDeadline(q.started.Add(cmp.Or(q.e.Timeout.Total, q.e.Timeout.Plain, schema.DefaultTimeout)))
	var body io.Reader
	if q.read, body, err = readBody(q.live(), q.r.ContentLength); body != nil {
		q.body = body
	}
	_ = control.SetReadDeadline(time.Time{})
	return err
}

// live is the caller's body as far as it was not read.
func (q *request) live() io.Reader {
	if q.body != nil {
		return q.body
	}
	return q.r.Body
}

// attempt answers the request from its backend.
func (q *request) attempt() forward.Result {
	b := q.backend
	if q.e.readBody {
		q.tried = time.Now()
	}
	if refused := forward.Check(q.r, q.rest); refused != nil {
		return q.refuse(*refused)
	}
	if b.group != nil && !allows(b.Deployment.Methods, q.r.Method) {
		q.w.Header()["Allow"] = b.methods
		return q.refuse(forward.Failure{
			Status: http.StatusMethodNotAllowed, Kind: record.Method,
			Message: "the deployment does not take " + q.r.Method,
		})
	}
	var refused *forward.Failure
	if q.edited, refused = q.edit(); refused != nil {
		return q.refuse(*refused)
	}
	if q.deadline, refused = q.allotted(); refused != nil {
		return q.refuse(*refused)
	}
	q.keep()
	q.offer()
	if b.group == nil {
		return q.static()
	}
	if b.perseveres {
		return q.persevere()
	}
	return q.e.gateway.live.Serve(q.w, q.r, q.spec())
}

// spec is what an attempt at the backend is to do.
func (q *request) spec() forward.Attempt {
	b := q.backend
	a := forward.Attempt{
		Group: b.group, Subject: q.subject, Path: b.Deployment.Rules.Path.Of(q.rest), Header: b.Deployment.Header, Rules: b.rules,
		Timeout: b.timeout, Deadline: q.deadline, Began: q.tried, RequestID: q.id, Body: q.body, Tap: cmp.Or(q.answer, q.kept.answer),
		MaxRequestBytes: b.Deployment.Serving.Limits.MaxRequestBytes, MaxResponseBytes: b.Deployment.Serving.Limits.MaxResponseBytes,
	}
	if q.spans.request != nil {
		a.Trace = q.nextSpan()
	}
	if q.caller.known() {
		if q.withdrawn == nil {
			q.withdrawn = q.noMore
		}
		a.Withdrawn = q.withdrawn
	}
	if q.edited != nil {
		a.Body, a.Length = q.edited.again(), q.edited.length
	}
	if q.room != nil {
		a.Answering = q.answering
	}
	return a
}

// answering lets go of a large body that has been sent: its answer may go on for hours.
func (q *request) answering(read bool) {
	if read {
		q.read, q.body, q.edited = nil, nil, nil
		q.room.release()
	}
}

// refuse answers the request without an attempt. Its copies are accounted for,
// but not sent: there would be no answer to compare theirs with.
func (q *request) refuse(f forward.Failure) forward.Result {
	q.eachSampled(func(m *mirrored) {
		template := q.mirrorRecord(m)
		m.queue.Drop(&template, record.Refused)
	})
	return forward.Refuse(q.w, q.r, q.id, f)
}

// allows reports whether a version takes a method.
func allows(methods []string, method string) bool {
	return len(methods) == 0 || slices.Contains(methods, method)
}

// finish writes the record of the attempt that is answered for, and lets go of the
// copies.
func (q *request) finish(result *forward.Result) {
	if q.capture != nil {
		q.capture.Finish()
	}
	q.held.Release(q.held.bytes)
	q.room.release()
	q.backend.series.inFlight.Add(-1)
	q.write(result)
	if q.spans.request != nil {
		q.endSpans()
	}
}

// write writes the record of an attempt.
func (q *request) write(result *forward.Result) {
	b := q.backend
	rec := &q.record
	*rec = b.template
	rec.Attempt, rec.Superseded, rec.FallbackFrom = q.number, q.superseded, q.fallbackFrom
	rec.RequestID, rec.Subject, rec.Method, rec.Path = q.id, q.subjectID, q.r.Method, q.path
	rec.Commit, rec.KeyName, rec.HasQuery = q.s.commit, q.caller.name(), q.r.URL.RawQuery != ""
	rec.Start, rec.End = q.started, q.tried.Add(result.Took)
	if result.TTFB > 0 {
		rec.TTFB = q.tried.Sub(q.started) + result.TTFB
	}
	rec.Status, rec.Outcome, rec.ErrorKind = result.Status, result.Outcome, result.Kind
	rec.RequestBytes, rec.ResponseBytes, rec.Replica = result.RequestBytes, result.ResponseBytes, result.Replica
	rec.ResultCount = result.Rows
	if result.Err != nil {
		rec.Error = result.Err.Error()
	}
	if q.spans.request != nil {
		q.traceAttempt(rec)
	}
	b.series.count(rec)
	if q.superseded {
		q.e.gateway.write(rec)
		return
	}
	q.writeLive(rec)
	if q.meeting != nil {
		q.meet(rec)
	}
}
