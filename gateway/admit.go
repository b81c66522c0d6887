package gateway

import (
	"io"
	"net/http"
	"strconv"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/schema"
)

// refused is why a request is not let in.
type refused struct {
	status  int
	reason  string // in the metrics
	message string
}

// admitted asks of the caller what the endpoint and the keys of the revision ask,
// before anything of the body is read. If it is false, the request is answered:
// there is no attempt and so no record, but a count.
func (q *request) admitted() bool {
	if g := q.e.guard; g != nil && g.cors != nil && q.crossOrigin(g) {
		return false
	}
	why := q.identify()
	if why == nil {
		why = q.meter()
	}
	if why == nil {
		return true
	}
	q.e.gateway.tell(&refusedRequest{id: q.id, method: q.r.Method, path: q.path, remote: q.r.RemoteAddr, endpoint: q.e.Name, name: q.caller.name()}, why)
	why.answer(q.w, q.r, q.id)
	return false
}

// answer tells the caller.
func (why *refused) answer(w http.ResponseWriter, r *http.Request, id string) {
	switch why.status {
	case http.StatusUnauthorized:
		w.Header()["Www-Authenticate"] = []string{`Bearer realm="switchyard"`}
	case http.StatusServiceUnavailable:
		w.Header()["Retry-After"] = []string{"1"}
	}
	forward.WriteError(w, r, why.status, why.message, id)
}

// crossOrigin tells browsers which pages may call, in place of the deployment,
// and reports whether that was all they asked for.
func (q *request) crossOrigin(g *guard) bool {
	h := q.w.Header()
	for _, key := range [...]string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"} {
		h[key] = nil // what the deployment says of it is not passed on
	}
	g.cors.HandlerFunc(q.w, q.r)
	return q.r.Method == http.MethodOptions && q.r.Header.Get("Access-Control-Request-Method") != "" // as the library sees it
}

// identify finds out who calls, takes what shows it out of the header, and says why
// the request is not let in, if it is not.
func (q *request) identify() *refused {
	d, mode, forwarded := &q.s.door, q.s.door.mode, false
	if g := q.e.guard; g != nil {
		mode, forwarded = q.s.door.asks(g), g.ForwardKey
	}
	if mode == schema.AccessPublic && !d.looks() {
		return nil
	}
	if !q.identified {
		var why *refused
		if q.caller, why = d.caller(q.r.Context(), q.r, q.started, &q.path); why != nil {
			return why
		}
	}
	if why := q.caller.allowed(q.e.Name, mode); why != nil {
		return why
	}
	if q.caller.known() && !forwarded {
		delete(q.r.Header, q.caller.field)
	}
	return nil
}

// held is what a request has taken from meters and has to give back.
type held struct {
	access.Metered
	bytes int64
}

// whose is who has the limits of a Metered, for the answers to callers.
var whose = [...]string{access.OfKey: "the API key", access.OfEndpoint: "the endpoint"}

// meter takes the request from what the key and the endpoint have left.
func (q *request) meter() *refused {
	var meters access.Metered
	if k := q.caller.key; k != nil {
		meters[access.OfKey] = q.s.door.meters[k.Index]
	}
	if q.e.guard != nil {
		meters[access.OfEndpoint] = q.e.guard.meter
	}
	if !meters.Any() {
		return nil
	}
	length := max(q.r.ContentLength, int64(len(q.read)), 0) // of an unknown length: as it comes
	by, why, ok := q.admit(&meters, length)
	if !ok {
		return q.limited(by, why)
	}
	q.held = held{meters, length}
	q.measure()
	return nil
}

// admit lets the request in, by its own rates or those that several gateways share.
func (q *request) admit(meters *access.Metered, length int64) (by int, why access.Refusal, ok bool) {
	if q.e.gateway.shared != nil {
		return q.admitShared(meters, length)
	}
	return meters.Admit(q.started, length)
}

// limited says which limit of whom is met, in the header as well.
func (q *request) limited(by int, r access.Refusal) *refused {
	limit := limitOf(by, r)
	limit.Advise(q.w.Header())
	return &refused{limit.Status(), string(r.Limit), limit.Message}
}

func limitOf(by int, r access.Refusal) *forward.LimitError {
	return &forward.LimitError{Message: limitText(r, whose[by]), Most: r.Most, Remaining: r.Remaining, After: r.After}
}

func limitText(r access.Refusal, whose string) string {
	most := strconv.FormatInt(r.Most, 10)
	switch r.Limit {
	case access.LimitInFlight:
		return "there are " + most + " requests under way, which is the limit of " + whose
	case access.LimitBytes:
		if r.After == 0 {
			return "the body is above " + most + " bytes, which is the limit of " + whose + " for the bodies of all requests under way"
		}
		return "the bodies of the requests under way would be above " + most + " bytes, which is the limit of " + whose
	case access.LimitNone, access.LimitRate:
	}
	return "the rate limit of " + whose + " is met"
}

// grow takes bytes of a body of unknown length, which have come already, or gives back
// what has gone.
func (h *held) grow(bytes int64) error {
	h.bytes += bytes
	if by, why, ok := h.Grow(bytes, h.bytes); !ok {
		return limitOf(by, why)
	}
	return nil
}

// metered is a body of unknown length, which counts as it is read.
type metered struct {
	from    io.Reader
	held    *held
	passing bool  // what was read is gone when more is read
	there   int64 // of what passes, the bytes that were read last
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	grown := int64(n)
	if m.passing {
		grown -= m.there
		m.there = int64(n)
	}
	if limit := m.held.grow(grown); limit != nil {
		return n, limit
	}
	return n, err
}

// measure has a body counted whose length is not known beforehand, from its first byte
// on: what is read ahead of it takes memory as well. One that was read to find its
// endpoint is known. A call of gRPC may be a stream without an end, of which nothing is
// read ahead: what the deployment has taken of it is under way no more.
func (q *request) measure() {
	if q.r.ContentLength < 0 && q.r.Body != nil && q.read == nil {
		q.body = &metered{from: q.r.Body, held: &q.held, passing: forward.IsGRPC(q.r)}
	}
}
