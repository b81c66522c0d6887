package load

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

const (
	digits    = "00000"
	subjects  = 100_000  // users that the requests are from
	smallBody = 16 << 10 // bodies up to this size are sent with the head
)

// request is one connection's request. Only its digits change, in place, so that
// the load does not fill the caches which the proxy needs.
type request struct {
	head    []byte // and the body, if it is small
	body    []byte // shared, if it is large
	path    []byte // the digits in head that name the endpoint; nil: none
	subject []byte // the digits in head that name the user
}

func newRequest(o Options, body []byte) request {
	path := o.Path
	if o.Endpoints > 0 {
		path += digits
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: switchyard-bench\r\nAccept: */*\r\n"+
		"Content-Type: application/json\r\nX-User-Id: u%s\r\nContent-Length: %d\r\n\r\n", path, o.Port, digits, len(body))
	user := bytes.Index(b.Bytes(), []byte("X-User-Id: u")) + len("X-User-Id: u")
	r := request{body: body}
	if len(body) <= smallBody {
		b.Write(body)
		r.body = nil
	}
	r.head = b.Bytes()
	r.subject = r.head[user : user+len(digits)]
	if o.Endpoints > 0 {
		end := len("POST ") + len(path)
		r.path = r.head[end-len(digits) : end]
	}
	return r
}

// vary makes it the request of another user, and to another endpoint.
func (r *request) vary(random *rand.Rand, endpoints int) {
	decimal(r.subject, random.IntN(subjects))
	if r.path != nil {
		decimal(r.path, random.IntN(endpoints))
	}
}

func (r *request) size() int { return len(r.head) + len(r.body) }

// from is what is to be sent after the first n bytes; more tells that it does
// not go to the end.
func (r *request) from(n int) (p []byte, more bool) {
	if n < len(r.head) {
		return r.head[n:], r.body != nil
	}
	return r.body[n-len(r.head):], false
}

func decimal(p []byte, n int) {
	for i := len(p) - 1; i >= 0; i-- {
		p[i] = byte('0' + n%10)
		n /= 10
	}
}

// newBody is JSON of exactly size bytes, or as good as, where no JSON is so short.
func newBody(size int) []byte {
	const before, after = `{"inputs":"`, `"}`
	p := bytes.Repeat([]byte("a"), size)
	if size >= len(before)+len(after) {
		copy(p, before)
		copy(p[size-len(after):], after)
	}
	return p
}
