package gateway

import (
	"time"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/schema"
)

// accessAnswer is what an endpoint asks of its callers.
type accessAnswer struct {
	Access     schema.Access `json:"access"` // what holds, also where the endpoint does not say
	ForwardKey bool          `json:"forwardKey"`
	Limits     string        `json:"limits"` // in words; none
	InFlight   int           `json:"inFlight"`
	Origins    []string      `json:"origins"` // of pages that browsers let call it
}

// keyAnswer is an API key, of which not even the hash is shown.
type keyAnswer struct {
	Name      string     `json:"name"`
	Endpoints []string   `json:"endpoints"`
	Expires   *time.Time `json:"expires"` // null: never
	Expired   bool       `json:"expired"`
	Limits    string     `json:"limits"` // in words; none
	InFlight  int        `json:"inFlight"`
}

func (d *door) describe(g *guard) accessAnswer {
	answer := accessAnswer{Access: d.asks(g), Limits: schema.Allowance{}.String(), Origins: []string{}}
	if g == nil {
		return answer
	}
	answer.ForwardKey, answer.Limits, answer.InFlight = g.ForwardKey, g.Limits.String(), inFlight(g.meter)
	if g.CORS != nil {
		answer.Origins = g.CORS.Origins
	}
	return answer
}

func (d *door) describeKeys(now time.Time) []keyAnswer {
	all := make([]keyAnswer, d.keys.Len())
	for i, k := range d.keys.Keys() {
		all[i] = keyAnswer{
			Name: k.Name, Endpoints: k.Endpoints, Expired: k.Expired(now),
			Limits: k.Limits.String(), InFlight: inFlight(d.meters[i]),
		}
		if !k.Expires.IsZero() {
			all[i].Expires = &k.Expires
		}
	}
	return all
}

// inFlight is how many requests a meter has let in, 0 without one.
func inFlight(m *access.Meter) int {
	if m == nil {
		return 0
	}
	n, _ := m.Used()
	return n
}
