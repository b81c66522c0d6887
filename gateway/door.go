package gateway

import (
	"time"

	"github.com/rs/cors"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// door is what a snapshot asks of all callers.
type door struct {
	keys   *access.Set
	tokens *token.Verifier // nil: there are none
	meters []*access.Meter // by Key.Index; nil for a key without limits
	mode   schema.Access   // of endpoints that do not say
}

// guard is what an endpoint asks of its callers.
type guard struct {
	schema.Guard
	meter *access.Meter // nil without limits
	cors  *cors.Cors    // nil: pages of other origins are told nothing
}

// newDoor binds the keys of a revision. An endpoint that does not say asks for
// one as soon as there is one, or tokens are trusted, unless the process was told
// otherwise.
func (g *Gateway) newDoor(keys *access.Set) door {
	d := door{keys: keys, tokens: g.tokens, mode: g.access, meters: make([]*access.Meter, keys.Len())}
	switch {
	case d.mode != "":
	case d.looks():
		d.mode = schema.AccessRequired
	default:
		d.mode = schema.AccessPublic
	}
	for i, k := range keys.Keys() {
		d.meters[i] = g.meters.Meter(meterOfKey(k.Name), k.Limits)
	}
	return d
}

// looks reports whether the door has something to look up.
func (d *door) looks() bool { return d.keys.Len() > 0 || d.tokens != nil }

// open reports whether the door asks for nothing and has nothing to look up.
func (d *door) open() bool { return d.mode == schema.AccessPublic && !d.looks() }

// asks is what an endpoint asks of callers; its guard may be nil.
func (d *door) asks(g *guard) schema.Access {
	if g != nil && g.Access != "" {
		return g.Access
	}
	return d.mode
}

// newGuard binds what an endpoint asks; it is nil for one that asks nothing.
func (g *Gateway) newGuard(e *endpoints.Endpoint) *guard {
	if e.Guard == (schema.Guard{}) {
		return nil
	}
	bound := &guard{Guard: e.Guard, meter: g.meters.Meter(meterOfEndpoint(e.Name), e.Guard.Limits)}
	if c := e.Guard.CORS; c != nil {
		bound.cors = cors.New(cors.Options{
			AllowedOrigins:   c.Origins,
			AllowedMethods:   c.Methods,
			AllowedHeaders:   c.Headers,
			ExposedHeaders:   c.Expose,
			AllowCredentials: c.Credentials,
			MaxAge:           maxAge(c.MaxAge),
		})
	}
	return bound
}

// maxAge is a time in whole seconds, as the library takes it: 0 would say nothing.
func maxAge(d time.Duration) int {
	if d < time.Second {
		return -1
	}
	return int(d.Seconds())
}

// Names of meters: those of keys and of endpoints must not meet.
func meterOfKey(name string) string      { return "key " + name }
func meterOfEndpoint(name string) string { return "endpoint " + name }

// limits are those of all keys and endpoints of the snapshot, by meter.
func (s *Snapshot) limits() map[string]schema.Allowance {
	all := map[string]schema.Allowance{}
	for _, k := range s.door.keys.Keys() {
		if k.Limits != (schema.Allowance{}) {
			all[meterOfKey(k.Name)] = k.Limits
		}
	}
	for _, e := range s.endpoints {
		if e.guard != nil && e.guard.Limits != (schema.Allowance{}) {
			all[meterOfEndpoint(e.Name)] = e.guard.Limits
		}
	}
	return all
}
