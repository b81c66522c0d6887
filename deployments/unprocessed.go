package deployments

import (
	"errors"
	"strings"
)

// UnprocessedError is a request of which a replica says, in HTTP/2, that it has not
// processed it and will not: it may be sent again whatever its method (RFC 9113, section
// 8.7).
type UnprocessedError struct {
	// Leaving tells that the connection ends in good order, by GOAWAY, and that the request came
	// too late for it: which is no fault of the replica, that takes it over another one. Else
	// the replica has refused it.
	Leaving bool
	// Err is what the transport says.
	Err error
}

// Error says what the replica did.
func (e *UnprocessedError) Error() string {
	if e.Leaving {
		return "the replica was ending the connection (GOAWAY) and has not processed the request"
	}
	return "the replica has refused the request unprocessed"
}

// Unwrap returns what the transport says.
func (e *UnprocessedError) Unwrap() error { return e.Err }

// Unprocessed reports whether err says that no server can have processed the request:
// ConnectFailed, or an UnprocessedError.
func Unprocessed(err error) bool {
	var refused *UnprocessedError
	return errors.As(err, &refused) || ConnectFailed(err)
}

// Leaving reports whether err says that a request was not processed because its
// connection was ending in good order.
func Leaving(err error) bool {
	var refused *UnprocessedError
	return errors.As(err, &refused) && refused.Leaving
}

// unprocessed finds out whether an error of net/http's transport for HTTP/2 is an
// UnprocessedError. The transport sends such a request again by itself if it has no body. Else it
// puts the cause into its error's text, and nowhere else; and the cause of a GOAWAY is a
// variable that is not exported. So the text is all there is to go by, as a whole: what a server
// may add of its own (the debug data of a GOAWAY) stands in other errors.
func unprocessed(err error) error {
	text := err.Error()
	if rest, ok := strings.CutPrefix(text, "http2: Transport: cannot retry err ["); ok {
		text, _ = strings.CutSuffix(rest, "] after Request.Body was written; define Request.GetBody to avoid this error")
	}
	switch {
	case text == "http2: Transport received Server's graceful shutdown GOAWAY":
		return &UnprocessedError{Leaving: true, Err: err}
	case strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:"), // for streams above the last that it names only
		strings.HasPrefix(text, "stream error: stream ID ") && strings.HasSuffix(text, "; REFUSED_STREAM; received from peer"):
		return &UnprocessedError{Err: err}
	}
	return err
}
