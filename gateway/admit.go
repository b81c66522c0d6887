package gateway

import (
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

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
	return q.r.Method == http.MethodOptions && q.r.Header["Access-Control-Request-Method"] != nil
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
	key, endpoint *access.Meter
	bytes         int64
}

// meter takes the request from what the key and the endpoint have left.
func (q *request) meter() *refused {
	var key, endpoint *access.Meter
	if k := q.caller.key; k != nil {
		key = q.s.door.meters[k.Index]
	}
	if q.e.guard != nil {
		endpoint = q.e.guard.meter
	}
	length := max(q.r.ContentLength, 0) // of an unknown length: as it comes
	if q.e.gateway.shared != nil && (key != nil || endpoint != nil) {
		return q.meterShared(key, endpoint, length)
	}
	if key != nil {
		if r, ok := key.Admit(q.started, length); !ok {
			return q.limited(r, "the API key")
		}
	}
	if endpoint != nil {
		if r, ok := endpoint.Admit(q.started, length); !ok {
			if key != nil {
				key.Release(length)
			}
			return q.limited(r, "the endpoint")
		}
	}
	q.held = held{key, endpoint, length}
	return nil
}

// limited says which limit of whom is met, also in the fields of
// draft-ietf-httpapi-ratelimit-headers-06.
func (q *request) limited(r access.Refusal, whose string) *refused {
	h := q.w.Header()
	after := strconv.FormatInt(seconds(r.After), 10)
	h["Retry-After"] = []string{after}
	h["Ratelimit-Limit"] = []string{strconv.FormatInt(r.Most, 10)}
	h["Ratelimit-Remaining"] = []string{strconv.FormatInt(r.Remaining, 10)}
	h["Ratelimit-Reset"] = []string{after}
	return &refused{http.StatusTooManyRequests, string(r.Limit), limitText(r, whose)}
}

func limitText(r access.Refusal, whose string) string {
	most := strconv.FormatInt(r.Most, 10)
	switch r.Limit {
	case access.LimitInFlight:
		return "there are " + most + " requests under way, which is the limit of " + whose
	case access.LimitBytes:
		return "the bodies of the requests under way would be above " + most + " bytes, which is the limit of " + whose
	case access.LimitNone, access.LimitRate:
	}
	return "the rate limit of " + whose + " is met"
}

// seconds is a wait in whole seconds, 1 at least: a caller who comes too early
// is refused again.
func seconds(d time.Duration) int64 { return int64(math.Max(1, math.Ceil(d.Seconds()))) }

// release gives back what was taken.
func (h *held) release() {
	if h.key != nil {
		h.key.Release(h.bytes)
	}
	if h.endpoint != nil {
		h.endpoint.Release(h.bytes)
	}
}

// grow takes bytes of a body of unknown length, which have come already: from
// both meters, also if one of them is met.
func (h *held) grow(bytes int64) (limit error) {
	h.bytes += bytes
	for _, m := range [...]struct {
		*access.Meter
		whose string
	}{{h.key, "the API key"}, {h.endpoint, "the endpoint"}} {
		if m.Meter == nil {
			continue
		}
		if r, ok := m.Grow(bytes); !ok && limit == nil {
			limit = &forward.LimitError{Message: limitText(r, m.whose)}
		}
	}
	return limit
}

// metered is a body of unknown length, which counts as it is read.
type metered struct {
	from io.Reader
	held *held
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	if limit := m.held.grow(int64(n)); limit != nil {
		return n, limit
	}
	return n, err
}

// measure has a body counted whose length is not known beforehand.
func (q *request) measure() {
	if q.held == (held{}) || q.r.ContentLength >= 0 || q.r.Body == nil {
		return
	}
	from := q.body
	if from == nil {
		from = q.r.Body
	}
	q.body = &metered{from, &q.held}
}
