package deployments

import (
	"io"
	"net/http"
)

// once keeps an http.Transport from sending a request a second time when a kept
// connection ends before its answer, which the first time may well have arrived.
// For live requests that is welcome (RFC 9110 9.2.2), but a mirror must not get
// a request twice.
type once struct{ *http.Transport }

// Once returns t without that retry. Requests with a body, which must have no
// GetBody, are never sent again; those without are, if their method is GET, HEAD
// or OPTIONS. (A key of idempotency in the header has the same effect for other
// methods, unless it is spelled in lower case, as those who make headers here do.)
func Once(t *http.Transport) Transport { return once{t} }

// RoundTrip sends the request once.
func (o once) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		return o.Transport.RoundTrip(req)
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		// An empty body of unknown length: the transport finds that it is
		// empty, and sends the same bytes as without, but cannot rewind it.
		req = req.WithContext(req.Context())
		req.Body = empty{}
	}
	return o.Transport.RoundTrip(req)
}

// empty is a body of no bytes that, other than http.NoBody, no transport knows.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }
func (empty) Close() error             { return nil }
