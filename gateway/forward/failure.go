package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// StatusCallerLeft is recorded, and never sent, when the caller left before it
// was answered.
const StatusCallerLeft = 499

// ErrShutdown is the cause with which whoever serves ends the contexts of requests
// (context.WithCancelCause) that it will not wait for any longer. They are recorded
// as record.Shutdown, and not as their callers' doing.
var ErrShutdown = errors.New("the gateway stops")

// stopped reports whether the request is one of those.
func stopped(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrShutdown) }

// Failure is a request that the gateway answers itself.
type Failure struct {
	Status  int
	Outcome record.Outcome // empty means record.Error
	Kind    record.ErrorKind
	Message string // for the caller
	Err     error  // for the record; may be nil
	// RetryAfter is when the caller may try again, rounded up to seconds; 0: nothing
	// is known of that.
	RetryAfter time.Duration
	// Limit is the limit that is met, nil for any other failure.
	Limit *LimitError
}

// Refuse answers a request with f before any attempt is made, and returns the
// Result to record.
func Refuse(w http.ResponseWriter, r *http.Request, requestID string, f Failure) Result {
	started := time.Now()
	f.advise(w.Header())
	WriteError(w, r, f.Status, f.Message, requestID)
	result := Result{Committed: true}
	result.fail(f)
	result.Took = time.Since(started)
	return result
}

// advise tells the caller when to try again.
func (f *Failure) advise(h http.Header) {
	if f.Limit != nil {
		f.Limit.Advise(h)
		return
	}
	if f.RetryAfter > 0 {
		h["Retry-After"] = []string{seconds(f.RetryAfter)}
	}
}

func (r *Result) fail(f Failure) {
	r.Status, r.Outcome, r.Kind, r.Err = f.Status, f.Outcome, f.Kind, f.Err
	if r.Outcome == "" {
		r.Outcome = record.Error
	}
	if r.Err == nil {
		r.Err = errors.New(f.Message)
	}
}

// WriteError answers with one of the gateway's errors: the JSON of the contract,
// {"error": message, "requestId": requestID}, or OpenAI's to its clients. A caller
// that speaks gRPC gets the status of its own that the HTTP status amounts to.
func WriteError(w http.ResponseWriter, r *http.Request, status int, message, requestID string) {
	if IsGRPC(r) {
		writeGRPCError(w, status, message, requestID)
		return
	}
	writeError(w, r, status, errorBody(r, status, message, requestID), requestID)
}

// writeError answers with the body of an error.
func writeError(w http.ResponseWriter, r *http.Request, status int, body []byte, requestID string) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if _, ok := h[fieldRequestID]; !ok && requestID != "" {
		h[fieldRequestID] = []string{requestID}
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a caller that is gone needs no answer
	}
}

// atShutdown is what a request comes to that is cut off.
func atShutdown() Failure {
	return Failure{Status: http.StatusServiceUnavailable, Kind: record.Shutdown, Message: ErrShutdown.Error(), Err: ErrShutdown}
}

// LimitError is a limit of a caller or an endpoint that a request meets, or its body as
// it comes.
type LimitError struct {
	Message         string
	Most, Remaining int64
	After           time.Duration // until it is worth trying again; 0: it never is
}

// Error is the message.
func (e *LimitError) Error() string { return e.Message }

// Status is what the request is answered with.
func (e *LimitError) Status() int {
	if e.After == 0 {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusTooManyRequests
}

// Advise tells the caller of the limit, in the fields of
// draft-ietf-httpapi-ratelimit-headers-06, where it is worth trying again.
func (e *LimitError) Advise(h http.Header) {
	if e.After == 0 {
		return
	}
	after := seconds(e.After)
	h["Retry-After"] = []string{after}
	h["Ratelimit-Limit"] = []string{strconv.FormatInt(e.Most, 10)}
	h["Ratelimit-Remaining"] = []string{strconv.FormatInt(e.Remaining, 10)}
	h["Ratelimit-Reset"] = []string{after}
}

// seconds is a wait in whole seconds, 1 at least: who comes too early is refused again.
func seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// BodyError explains why the body of the request of that context could not be
// read.
func BodyError(ctx context.Context, err error) Failure {
	if stopped(ctx) {
		return atShutdown()
	}
	var panicked *panicError
	var tooLarge *http.MaxBytesError
	var timeout net.Error
	var limit *LimitError
	f := Failure{Status: http.StatusBadRequest, Kind: record.BadRequest, Message: "the request body is malformed", Err: err}
	switch {
	case errors.As(err, &panicked):
		f.Status, f.Kind, f.Message = http.StatusInternalServerError, record.Panic, "internal error"
	case errors.As(err, &tooLarge), errors.Is(err, errTooLarge):
		f.Status, f.Kind, f.Message = http.StatusRequestEntityTooLarge, record.TooLarge, "the request body is too large"
	case errors.As(err, &limit):
		f.Status, f.Kind, f.Message, f.Limit = limit.Status(), record.Limited, limit.Message, limit
	case errors.As(err, &timeout) && timeout.Timeout():
		f.Message = "the request body did not come in time"
	case errors.Is(err, io.ErrUnexpectedEOF), Broken(err):
		f.Status, f.Outcome, f.Kind, f.Message = StatusCallerLeft, record.Canceled, record.CallerLeft, "the request body is incomplete"
	}
	return f
}

// explain finds out why there is no answer, or no whole one. What the gateway
// and the caller did comes first: the deployment's side only echoes it. When the
// caller's time is over that is why, whoever was the first to notice.
func (t *attempt) explain(err error) Failure {
	ctx := t.in.Context()
	if withdrawn := t.whyWithdrawn(); withdrawn != nil {
		return *withdrawn
	}
	switch {
	case t.timedOut(), t.Late():
		return Failure{Status: http.StatusGatewayTimeout, Kind: record.Timeout, Message: "the deployment did not answer in time", Err: errTimeout}
	case stopped(ctx):
		return atShutdown()
	case t.sent.failure() != nil:
		f := BodyError(ctx, t.sent.failure())
		if f.Kind == record.TooLarge {
			return *t.tooLarge()
		}
		if f.Kind == record.BadRequest && t.in.ProtoMajor > 1 {
			f = BodyError(ctx, io.ErrUnexpectedEOF) // framing is HTTP/2's business: its bodies end early or not at all
		}
		return f
	case front.TooSlow(ctx):
		return BodyError(ctx, os.ErrDeadlineExceeded)
	case ctx.Err() != nil:
		return Failure{Status: StatusCallerLeft, Outcome: record.Canceled, Kind: record.CallerLeft, Message: "the caller left", Err: ctx.Err()}
	}
	return fault(err, t.heard.Load())
}

// fault explains an error that is the deployment's, or that of a request that could not
// be sent. heard tells whether a byte of an answer had come.
func fault(err error, heard bool) Failure {
	f := Failure{Status: http.StatusBadGateway, Kind: record.Reset, Message: "the deployment broke off its answer", Err: err}
	var timeout net.Error
	var malformed textproto.ProtocolError
	var wrong *protocolError
	var open *deployments.BreakerOpenError
	var own *upstream.Error
	var refused *deployments.UnprocessedError
	switch {
	case errors.As(err, &own) && own.Unsendable():
		f.Status, f.Kind, f.Message = http.StatusBadRequest, record.BadRequest, "the request cannot be passed on"
	case errors.As(err, &open):
		f.Status, f.Kind, f.Message, f.RetryAfter = http.StatusServiceUnavailable, record.BreakerOpen, err.Error(), open.RetryAfter
	case errors.Is(err, deployments.ErrNoReplica):
		f.Status, f.Kind, f.Message = http.StatusServiceUnavailable, record.Connect, err.Error()
	case errors.Is(err, deployments.ErrQueueFull):
		f.Status, f.Kind, f.Message, f.RetryAfter = http.StatusServiceUnavailable, record.QueueFull, err.Error(), time.Second
	case errors.Is(err, deployments.ErrQueueTimeout):
		f.Status, f.Kind, f.Message, f.RetryAfter = http.StatusServiceUnavailable, record.QueueTimeout, err.Error(), time.Second
	case errors.As(err, &refused):
		f.Message = "the deployment did not take the request"
	case deployments.ConnectFailed(err):
		f.Kind, f.Message = record.Connect, "the deployment cannot be reached"
	case errors.As(err, &timeout) && timeout.Timeout():
		f.Status, f.Kind, f.Message = http.StatusGatewayTimeout, record.Timeout, "the deployment did not answer in time"
	case errors.As(err, &malformed), errors.As(err, &wrong), heard && !Broken(err):
		f.Kind, f.Message = record.Protocol, "the deployment's answer is not valid HTTP"
	}
	return f
}

// protocolError is an answer that HTTP does not allow.
type protocolError struct{ what string }

func (e *protocolError) Error() string { return e.what }

// Broken reports whether err is the end of a connection, rather than something
// that came over it.
func Broken(err error) bool {
	var op *net.OpError
	var errno syscall.Errno
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &op) || errors.As(err, &errno)
}

// refuse answers with the gateway's error.
func (t *attempt) refuse(f Failure) {
	t.result.fail(f)
	t.guard.Lock()
	t.result.Committed = true
	t.guard.Unlock()
	if f.Status != StatusCallerLeft {
		if t.in.ProtoMajor == 1 && !t.bodyIsRead() {
			t.w.Header()[fieldConnection] = connectionClose
		}
		f.advise(t.w.Header())
		WriteError(t.w, t.in, f.Status, f.Message, t.spec.RequestID)
	} else {
		t.result.Abort = true
	}
	t.result.Took = time.Since(t.started)
}
