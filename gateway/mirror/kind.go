package mirror

import (
	"context"
	"errors"
	"net"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// kindOf names the cause of an attempt's failure.
func kindOf(ctx context.Context, err error) record.ErrorKind {
	var timeout net.Error
	switch {
	case deployments.ConnectFailed(err):
		return record.Connect
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return record.Timeout
	case broken(err):
		return record.Reset
	}
	return record.Protocol
}

// broken reports whether err is the end of a connection. http.Transport does not
// export the error for a kept connection that the server closed when the request
// was sent.
func broken(err error) bool {
	return forward.Broken(err) || err.Error() == "http: server closed idle connection"
}
