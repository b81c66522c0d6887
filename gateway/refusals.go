package gateway

import (
	"sync/atomic"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// How many refused requests the log tells of: so many at once, and then so many in a
// second. A flood of them must not become one of lines.
const (
	refusalsAtOnce    = 100
	refusalsPerSecond = 10
)

// refusals tells the log of requests that were not let in. They made no attempt, so
// that there is no record of them.
type refusals struct {
	limit  *rate.Limiter
	untold atomic.Uint64 // since the last line
}

func newRefusals() *refusals {
	return &refusals{limit: rate.NewLimiter(refusalsPerSecond, refusalsAtOnce)}
}

// tell counts a request that was not let in, and tells of it.
func (g *Gateway) tell(at *refusedRequest, why *refused) {
	g.metrics.refused.WithLabelValues(at.endpoint, why.reason).Inc()
	if !g.refusals.limit.Allow() {
		g.refusals.untold.Add(1)
		return
	}
	g.logger.Info().Str(record.FieldEvent, eventRefused).Str(record.FieldRequestID, at.id).Func(at.who).
		Int(record.FieldStatus, why.status).Str(fieldReason, why.reason).
		Str(record.FieldMethod, at.method).Str(record.FieldPath, at.path).Str(fieldRemote, at.remote).
		Uint64(fieldUntold, g.refusals.untold.Swap(0)).Msg("a request was not let in: " + why.message)
}

// refusedRequest is what is told of one.
type refusedRequest struct {
	id, method, path, remote string
	endpoint                 string // empty: it was not looked for
	name                     string // of the key or the token, empty without a good one
}

// who tells what is known of the caller and of where he wanted to go.
func (at *refusedRequest) who(e *zerolog.Event) {
	if at.endpoint != "" {
		e.Str(record.FieldEndpoint, at.endpoint)
	}
	if at.name != "" {
		e.Str(record.FieldKeyName, at.name)
	}
}
