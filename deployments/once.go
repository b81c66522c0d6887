package deployments

import (
	"io"
	"net/http"
	"strings"
)

// once keeps an http.Transport from sending a request a second time when a kept
// connection ends before its answer, which the first time may well have arrived.
// For live requests that is welcome (RFC 9110 9.2.2), but a mirror must not get
// a request twice.
type once struct{ *http.Transport }

// Once returns t without that retry, for requests that have no GetBody. What is
// sent is the same.
func Once(t *http.Transport) Transport { return once{t} }

// RoundTrip sends the request once. A transport sends those again that have no
// body and are idempotent, by their method or because a key says so.
func (o once) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		return o.Transport.RoundTrip(req)
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		// A body of unknown length: the transport finds that it is empty, but
		// cannot rewind it.
		req = req.WithContext(req.Context())
		req.Body = empty{}
	default:
		req = withHiddenKeys(req)
	}
	return o.Transport.RoundTrip(req)
}

// withHiddenKeys spells the names of keys of idempotency in lower case: the
// transport does not find them so, and to a server the case makes no difference.
func withHiddenKeys(req *http.Request) *http.Request {
	if req.Header["Idempotency-Key"] == nil && req.Header["X-Idempotency-Key"] == nil {
		return req
	}
	req = req.Clone(req.Context()) // a RoundTripper must not change what it is given
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if key, ok := req.Header[name]; ok {
			delete(req.Header, name)
			req.Header[strings.ToLower(name)] = key
		}
	}
	return req
}

// empty is a body of no bytes that, other than http.NoBody, no transport knows.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }
func (empty) Close() error             { return nil }
