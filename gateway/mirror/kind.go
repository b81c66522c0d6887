package mirror

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// kindOf names the cause of an attempt's failure.
func kindOf(ctx context.Context, err error) record.ErrorKind {
	var timeout net.Error
	var alert tls.AlertError
	switch {
	case deployments.ConnectFailed(err), errors.As(err, &alert):
		return record.Connect
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return record.Timeout
	case broken(err):
		return record.Reset
	}
	return record.Protocol
}

// broken reports whether err is the end of a connection.
func broken(err error) bool {
	var op *net.OpError
	var errno syscall.Errno
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &op) || errors.As(err, &errno) ||
		// http.Transport does not export the error for a kept connection that
		// the server closed when the request was sent.
		err.Error() == "http: server closed idle connection"
}
