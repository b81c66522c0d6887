package gateway

import (
	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/access/shared"
)

// claimed is a rate that a request takes from.
type claimed struct {
	meter *access.Meter
	whose string
}

// meterShared is meter where rates hold for several gateways together: what is in flight
// is this gateway's, and the rates are asked for when it has room.
func (q *request) meterShared(key, endpoint *access.Meter, length int64) *refused {
	var claims []shared.Claim
	var of []claimed
	add := func(m *access.Meter, name, whose string) *refused {
		if m == nil {
			return nil
		}
		if r, ok := m.Enter(length); !ok {
			return q.limited(r, whose)
		}
		if rate := m.Rate(); rate.Requests > 0 {
			claims = append(claims, shared.Claim{Name: name, Rate: rate})
			of = append(of, claimed{m, whose})
		}
		return nil
	}
	if k := q.caller.key; k != nil {
		if why := add(key, meterOfKey(k.Name), "the API key"); why != nil {
			return why
		}
	}
	if why := add(endpoint, meterOfEndpoint(q.e.Name), "the endpoint"); why != nil {
		if key != nil {
			key.Release(length)
		}
		return why
	}
	q.held = held{key, endpoint, length}
	if len(claims) == 0 {
		return nil
	}
	why := q.spend(claims, of)
	if why != nil {
		q.held.release()
		q.held = held{}
	}
	return why
}

// spend takes from the rates, those of this gateway if the shared ones are not known.
func (q *request) spend(claims []shared.Claim, of []claimed) *refused {
	answer := q.e.gateway.shared.Take(q.r.Context(), claims)
	if answer.Refused {
		return q.limited(answer.Refusal, of[answer.By].whose)
	}
	if answer.Known {
		return nil
	}
	for _, c := range of {
		if r, ok := c.meter.Spend(q.started); !ok {
			return q.limited(r, c.whose)
		}
	}
	return nil
}
