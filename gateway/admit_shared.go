package gateway

import (
	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/access/shared"
)

// admitShared lets a request in where rates hold for several gateways together: what is
// in flight is this gateway's, and the rates are asked for when it has room.
func (q *request) admitShared(meters *access.Metered, length int64) (by int, why access.Refusal, ok bool) {
	if by, why, ok = meters.Enter(length); !ok {
		return by, why, false
	}
	by, why, ok = q.spend(meters)
	if !ok {
		meters.Release(length)
	}
	return by, why, ok
}

// spend takes from the rates, those of this gateway if the shared ones are not known.
func (q *request) spend(meters *access.Metered) (by int, why access.Refusal, ok bool) {
	var claims []shared.Claim
	var of []int // whose they are
	for i, m := range meters {
		if m == nil {
			continue
		}
		if rate := m.Rate(); rate.Requests > 0 {
			claims, of = append(claims, shared.Claim{Name: q.meterName(i), Rate: rate}), append(of, i)
		}
	}
	if len(claims) == 0 {
		return 0, access.Refusal{}, true
	}
	answer := q.e.gateway.shared.Take(q.r.Context(), claims)
	switch {
	case answer.Refused:
		return of[answer.By], answer.Refusal, false
	case answer.Known:
		_, _, _ = meters.Spend(q.started) // of what this gateway would go by without the server
		return 0, access.Refusal{}, true
	}
	return meters.Spend(q.started)
}

// meterName is the name of one of the request's meters.
func (q *request) meterName(i int) string {
	if i == access.OfKey {
		return meterOfKey(q.caller.key.Name)
	}
	return meterOfEndpoint(q.e.Name)
}
