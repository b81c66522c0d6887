package gateway

import (
	"net/http"
	"strings"
	"time"

	"github.com/rs/cors"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Header fields that callers show their keys in, in the form of the keys of
// http.Header.
const (
	headerAuthorization = "Authorization"
	headerAPIKey        = "X-Api-Key"
)

// door is what a snapshot asks of all callers.
type door struct {
	keys   *access.Set
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
// one as soon as there is one, unless the process was told otherwise.
func (g *Gateway) newDoor(keys *access.Set) door {
	d := door{keys: keys, mode: g.access, meters: make([]*access.Meter, keys.Len())}
	switch {
	case d.mode != "":
	case keys.Len() > 0:
		d.mode = schema.AccessRequired
	default:
		d.mode = schema.AccessPublic
	}
	for i, k := range keys.Keys() {
		d.meters[i] = g.meters.Meter(meterOfKey(k.Name), k.Limits)
	}
	return d
}

// open reports whether the door asks for nothing and has nothing to look up.
func (d *door) open() bool { return d.mode == schema.AccessPublic && d.keys.Len() == 0 }

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

// credentials is what a request shows of who sends it.
type credentials struct {
	key    string // the text of a key; empty: there is none
	field  string // the header field that it stands in
	keys   int    // how many there are
	others bool   // there is what is no key
}

// shown finds the credentials in the header of a request.
func shown(h http.Header) credentials {
	var c credentials
	for _, field := range [...]string{headerAuthorization, headerAPIKey} {
		values := h[field]
		for _, v := range values {
			switch text := bare(v); {
			case access.IsKey(text):
				c.key, c.field = text, field
				c.keys += len(values) // one of two lines is the second one's word against the first one's
			case text != "":
				c.others = true
			}
		}
	}
	return c
}

// bare is a credential without the scheme Bearer (RFC 6750, section 2.1).
func bare(v string) string {
	v = strings.Trim(v, " \t")
	const scheme = "Bearer "
	if len(v) > len(scheme) && strings.EqualFold(v[:len(scheme)], scheme) {
		return strings.TrimLeft(v[len(scheme):], " ")
	}
	return v
}
