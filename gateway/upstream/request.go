package upstream

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const smallBody = 32 << 10 // bodies of known length up to this leave with the head

// outgoing is a request as it is written.
type outgoing struct {
	body    io.ReadCloser // nil without
	length  int64         // of the body, -1 unknown
	left    int64         // of it, not yet in scratch.out; -1 unknown
	close   bool          // the request says Connection: close
	unusual bool          // for the fallback
}

// newOutgoing appends the head of req to *out (RFC 9112 3).
func newOutgoing(req *http.Request, out *[]byte) (outgoing, error) {
	o := outgoing{length: req.ContentLength, close: req.Close}
	if req.Body != nil && req.Body != http.NoBody {
		o.body = req.Body
		if o.length == 0 {
			o.length = -1 // as http.Request has it
		}
	} else {
		o.length = 0
	}
	o.left = o.length
	if req.URL == nil {
		return o, requestError("no URL")
	}
	if req.URL.Scheme != "http" || req.Method == http.MethodConnect {
		o.unusual = true
		return o, nil
	}
	b, err := appendRequestLine((*out)[:0], req)
	if err == nil {
		b, err = o.appendFields(b, req.Header)
	}
	if err == nil {
		b, err = o.appendFraming(b, req)
	}
	*out = b
	return o, err
}

// appendRequestLine writes the request line and Host (RFC 9112 3, 3.2; RFC 9110 7.2).
func appendRequestLine(b []byte, req *http.Request) ([]byte, error) {
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	if !isToken(method) {
		return b, requestError("malformed method")
	}
	b = append(append(b, method...), ' ')
	start := len(b)
	b = appendPath(b, req)
	for _, ch := range b[start:] {
		if ch <= ' ' || ch == 0x7f {
			return b, requestError("malformed request target")
		}
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	host = withoutZone(host)
	if !isHost(host) {
		return b, requestError("malformed host")
	}
	return append(append(b, host...), "\r\n"...), nil
}

// appendPath writes what URL.RequestURI returns, without making a string of it.
func appendPath(b []byte, req *http.Request) []byte {
	u := req.URL
	if u.Opaque != "" {
		return append(b, u.RequestURI()...)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	b = append(b, path...)
	if u.ForceQuery || u.RawQuery != "" {
		b = append(append(b, '?'), u.RawQuery...)
	}
	return b
}

// withoutZone removes the zone of an IPv6 address, which has a meaning on this machine only (RFC 6874 4).
func withoutZone(host string) string {
	if !strings.HasPrefix(host, "[") {
		return host
	}
	end := strings.LastIndexByte(host, ']')
	if zone := strings.IndexByte(host, '%'); zone >= 0 && zone < end {
		return host[:zone] + host[end:]
	}
	return host
}

// isHost checks the characters of a Host field: those of uri-host and port (RFC 3986 3.2.2), ASCII only.
func isHost(host string) bool {
	for i := range len(host) {
		ch := host[i]
		if !isDigit(ch) && (ch|0x20 < 'a' || ch|0x20 > 'z') && strings.IndexByte("-._~!$&'()*+,;=:[]%", ch) < 0 {
			return false
		}
	}
	return host != ""
}

// appendFields writes the header but for the fields that frame the message, which are ours (RFC 9110 5, RFC 9112 6).
func (o *outgoing) appendFields(b []byte, header http.Header) ([]byte, error) {
	for key, values := range header {
		switch o.judge(key, values) {
		case fieldOurs:
			continue
		case fieldUnusual:
			o.unusual = true
			return b, nil
		case fieldPlain:
		}
		var err error
		if b, err = appendField(b, key, values); err != nil {
			return b, err
		}
	}
	return b, nil
}

func appendField(b []byte, key string, values []string) ([]byte, error) {
	if !isToken(key) {
		return b, requestError("malformed field name")
	}
	for _, v := range values {
		b = append(append(b, key...), ": "...)
		start := len(b)
		b = append(b, v...)
		if !isText(b[start:]) {
			return b, requestError("control character in the field " + key)
		}
		b = append(b, "\r\n"...)
	}
	return b, nil
}

type fieldSort uint8

const (
	fieldPlain fieldSort = iota
	fieldOurs
	fieldUnusual
)

// judge sorts out the fields that are not simply written. Names are compared in any case: a header map may hold any spelling.
func (o *outgoing) judge(key string, values []string) fieldSort {
	switch len(key) {
	case len("Host"):
		if strings.EqualFold(key, "Host") {
			return fieldOurs
		}
	case len("Expect"):
		if strings.EqualFold(key, "Expect") {
			return fieldUnusual
		}
	case len("Upgrade"): // and Trailer
		if strings.EqualFold(key, "Upgrade") {
			return fieldUnusual
		}
		if strings.EqualFold(key, "Trailer") {
			return fieldOurs
		}
	case len("Connection"):
		if strings.EqualFold(key, "Connection") {
			return o.connection(values)
		}
	case len("Content-Length"):
		if strings.EqualFold(key, "Content-Length") {
			return fieldOurs
		}
	case len("Transfer-Encoding"):
		if strings.EqualFold(key, "Transfer-Encoding") {
			return fieldOurs
		}
	}
	return fieldPlain
}

// connection reads the options of a Connection field.
func (o *outgoing) connection(values []string) fieldSort {
	sort := fieldPlain
	for _, v := range values {
		eachElement(v, func(option string) {
			if strings.EqualFold(option, "upgrade") {
				sort = fieldUnusual
			}
			o.close = o.close || strings.EqualFold(option, "close")
		})
	}
	return sort
}

// appendFraming writes the one field that frames the body and ends the head (RFC 9112 6, RFC 9110 8.6).
func (o *outgoing) appendFraming(b []byte, req *http.Request) ([]byte, error) {
	if o.close && !hasClose(req.Header) {
		b = append(b, "Connection: close\r\n"...)
	}
	switch {
	case o.length < 0:
		var err error
		if b, err = appendTrailerNames(b, req.Trailer); err != nil {
			return b, err
		}
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case o.length > 0 || lengthExpected(req.Method):
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, o.length, 10), "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// lengthExpected reports whether a request of that method says that it has no body (RFC 9110 8.6).
func lengthExpected(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// hasClose reports whether the header's Connection says close itself.
func hasClose(header http.Header) (found bool) {
	for _, v := range header["Connection"] {
		eachElement(v, func(option string) { found = found || strings.EqualFold(option, "close") })
	}
	return found
}

// appendTrailerNames announces the trailers (RFC 9110 6.6.2).
func appendTrailerNames(b []byte, trailer http.Header) ([]byte, error) {
	names := make([]string, 0, len(trailer))
	for name := range trailer {
		if !isToken(name) || isFraming(http.CanonicalHeaderKey(name)) {
			return b, requestError("malformed trailer name")
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return b, nil
	}
	slices.Sort(names)
	return append(append(append(b, "Trailer: "...), strings.Join(names, ", ")...), "\r\n"...), nil
}

// readSmall appends the body to *out if it is small, as much of it as one Read gives: to wait for more would hold back what the
// caller has sent already.
func (o *outgoing) readSmall(out *[]byte) error {
	if o.length <= 0 || o.length > smallBody {
		return nil
	}
	b := slices.Grow(*out, int(o.length))
	n, err := readSome(o.body, b[len(b):len(b)+int(o.length)])
	*out = b[:len(b)+n]
	o.left -= int64(n)
	return o.bodyResult(err)
}

// bodyResult judges the error of a Read: the end may come before its time, but not the last byte after it.
func (o *outgoing) bodyResult(err error) error {
	switch {
	case err == nil || o.left == 0:
		return nil
	case err == io.EOF: //nolint:errorlint // io.Reader's contract
		return &bodyError{io.ErrUnexpectedEOF}
	}
	return &bodyError{err}
}

// readSome is one Read that has an outcome: readers may return nothing and no error now and then, but not forever.
func readSome(r io.Reader, b []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
