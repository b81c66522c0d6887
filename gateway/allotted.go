package gateway

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// mostAllotted is further ahead than anybody waits; a caller that gives more has said
// nothing.
const mostAllotted = 1000 * time.Hour

// allotted is when the time is over that the caller gives the request: by gRPC's own
// field, or where the endpoint asks for it. It is zero if the caller has not said.
// It holds for all attempts together, and never lengthens what the author of the
// endpoint allows.
func (q *request) allotted() (time.Time, *forward.Failure) {
	if forward.IsGRPC(q.r) {
		if d, ok := forward.GRPCTimeout(q.r); ok {
			return q.tried.Add(d), nil
		}
	}
	if len(q.e.CallerTimeout) == 0 {
		return time.Time{}, nil
	}
	text, ok := q.e.CallerTimeout.Subject(q.r, q.keyed(), q.claims())
	if !ok {
		return time.Time{}, nil
	}
	d, ok := timeOf(text)
	switch {
	case !ok:
		return time.Time{}, &forward.Failure{
			Status: http.StatusBadRequest, Kind: record.BadRequest,
			Message: "the request gives itself " + quoted(text) + " seconds; that has to be a number above 0",
		}
	case d >= mostAllotted:
		return time.Time{}, nil
	}
	return q.tried.Add(d), nil
}

// timeOf reads a number of seconds above 0.
func timeOf(text string) (time.Duration, bool) {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(s) || s <= 0 {
		return 0, false
	}
	return max(time.Duration(min(s, mostAllotted.Seconds())*float64(time.Second)), 1), true
}
