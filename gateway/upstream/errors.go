package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"time"
)

// Kind says what ended an exchange, so that a caller need not read the error's text.
type Kind uint8

// The kinds of failure.
const (
	// KindRequest: the request cannot be written as HTTP/1.1. Nothing was sent; the caller's fault.
	KindRequest Kind = iota + 1
	// KindConnect: no connection could be made. Nothing was sent.
	KindConnect
	// KindReset: the connection ended before the answer was complete.
	KindReset
	// KindTimeout: the context's deadline or Options.ResponseHeaderTimeout passed.
	KindTimeout
	// KindMalformed: the replica's answer is not HTTP/1.1 or above a limit.
	KindMalformed
	// KindCanceled: the context was canceled, or the caller's Got1xxResponse returned an error.
	KindCanceled
	// KindRequestBody: reading Request.Body failed or it ended early; the client's fault, not the replica's.
	KindRequestBody
)

var kindNames = [...]string{
	KindRequest: "request", KindConnect: "connect", KindReset: "reset", KindTimeout: "timeout",
	KindMalformed: "malformed", KindCanceled: "canceled", KindRequestBody: "request_body",
}

// String returns the kind in one lower-case word, as it stands in records.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Error is the error of every exchange that failed. It wraps its cause: an answer that was cut short is
// [io.ErrUnexpectedEOF], an exchange that its context ended is the context's cause.
type Error struct {
	Kind Kind
	Addr string // the replica's address
	// Sent is whether a byte of the request may have reached the replica. Where it is false, the request may be given to
	// another replica whatever its method.
	Sent bool
	Err  error
}

// Error names the replica, the kind and the cause.
func (e *Error) Error() string { return fmt.Sprintf("replica %s: %s: %v", e.Addr, e.Kind, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Unsendable reports whether the request cannot be written, which is not the replica's fault; package deployments asks.
func (e *Error) Unsendable() bool { return e.Kind == KindRequest }

// Timeout reports whether a time limit ended the exchange, that of the dialer included, as in [net.Error].
func (e *Error) Timeout() bool {
	var t net.Error
	return e.Kind == KindTimeout || errors.As(e.Err, &t) && t.Timeout()
}

// malformedError is a violation of the protocol by the replica, of the type that net/http's own parsers return.
type malformedError = textproto.ProtocolError

// requestError is a request that cannot be written.
type requestError string

func (e requestError) Error() string { return string(e) }

// bodyError is a failure of Request.Body, kept apart from a failure to write to the replica.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read request body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// classify gives a failure its kind. The context comes first: when it ends, the connection is closed under whoever uses it,
// and the error of that use is only an echo.
func classify(ctx context.Context, addr string, sent bool, err error) *Error {
	e := &Error{Kind: KindReset, Addr: addr, Sent: sent, Err: err}
	var (
		done      *Error
		malformed malformedError
		request   requestError
		body      *bodyError
	)
	switch {
	case errors.As(err, &done):
		return done
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Kind, e.Err = KindTimeout, context.Cause(ctx)
	case ctx.Err() != nil:
		e.Kind, e.Err = KindCanceled, context.Cause(ctx)
	case errors.As(err, &body):
		e.Kind = KindRequestBody
	case errors.As(err, &malformed):
		e.Kind = KindMalformed
	case errors.As(err, &request):
		e.Kind = KindRequest
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.Kind = KindTimeout
		if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) { // the socket's clock was faster than the context's
			e.Err = context.DeadlineExceeded
		}
	}
	return e
}
