package gateway

import (
	"net/http"
	"time"

	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

// noMore says why the caller may have no more of a stream, nil if he may.
func (q *request) noMore(now time.Time) *forward.Failure {
	why := q.e.gateway.Current().door.withdrawn(&q.caller, q.e.Name, now)
	if why == nil {
		return nil
	}
	return &forward.Failure{Status: why.status, Outcome: record.Canceled, Kind: record.Revoked, Message: why.message}
}

// withdrawn says why a caller who was let in may not go on calling an endpoint, nil if he
// may: his key or token has expired, or the keys are others by now.
func (d *door) withdrawn(c *caller, endpoint string, now time.Time) *refused {
	switch {
	case c.token != nil && c.token.Expired(now):
		return &refused{http.StatusUnauthorized, string(token.Expired), token.Expired.Message()}
	case c.key == nil:
		return nil
	}
	k := d.keys.Again(c.key)
	if why := notGood(k, now); why != nil {
		return why
	}
	return (&caller{key: k}).allowed(endpoint, schema.AccessRequired)
}
