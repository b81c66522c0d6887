package front

import (
	"net/http"
	"strings"
)

// maxFields is the number of field lines that a head in the fast lane may have.
const maxFields = 64

// head is the parsed head of one request. It is reused, and accepts by allow-list only: a head that is not certain to
// mean the same to every reader is not refused here but left to net/http.
type head struct {
	plain

	header http.Header
	values [maxFields]string // backs the one-element slices in header
	fields int
}

// plain is what a head says besides its header.
type plain struct {
	method, target, path, query, host string

	length    int64 // of the body; 0 without Content-Length
	hasLength bool
	close     bool // Connection: close
}

// parse reads a request line and complete field lines, without the empty line that ends them, and reports whether they
// are on the allow-list. A head without Host is: it may not have been read to its end; see complete.
func (h *head) parse(lines string) bool {
	clear(h.header)
	clear(h.values[:h.fields])
	h.plain, h.fields = plain{}, 0
	rest, ok := h.requestLine(lines)
	for ok && rest != "" {
		rest, ok = h.field(rest)
	}
	return ok
}

// complete reports whether a whole head that parse took has what RFC 9112 section 3.2 demands: a Host, exactly one.
func (h *head) complete() bool { return h.host != "" }

// requestLine reads `method SP request-target SP HTTP-version CRLF` with single spaces (RFC 9112 section 3).
func (h *head) requestLine(s string) (rest string, ok bool) {
	line, rest, ok := strings.Cut(s, "\r\n")
	if !ok {
		return "", false
	}
	h.method, line, ok = strings.Cut(line, " ")
	if !ok || !knownMethod(h.method) {
		return "", false
	}
	h.target, ok = strings.CutSuffix(line, " HTTP/1.1")
	return rest, ok && h.originForm()
}

// knownMethod is the allow-list of methods. CONNECT and TRACE (RFC 9110 sections 9.3.6 and 9.3.8) and PRI, the first word
// of HTTP/2's preface, need more than a handler call.
func knownMethod(m string) bool {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// originForm reads `absolute-path [ "?" query ]` (RFC 9112 section 3.2.1). A path with an escape or a character that
// url.URL would escape goes over, so Path is the path on the wire and RawPath is empty. The query stays raw. "?" with
// nothing behind it goes over as well: url.URL keeps it as ForceQuery.
func (h *head) originForm() bool {
	t := h.target
	if t == "" || t[0] != '/' {
		return false
	}
	n := span(t, pathByte)
	h.path = t[:n]
	if n == len(t) {
		return true
	}
	if t[n] != '?' || n+1 == len(t) {
		return false
	}
	h.query = t[n+1:]
	return span(h.query, queryByte) == len(h.query)
}

// field reads one `field-name ":" OWS field-value OWS CRLF` (RFC 9112 section 5). White space before the colon (section
// 5.1) and a folded line (section 5.2) fail because neither is part of a token; a bare CR or LF (section 2.2), NUL, any
// other control character and obs-text (RFC 9110 section 5.5) because they are not value bytes.
func (h *head) field(s string) (rest string, ok bool) {
	n := span(s, tokenByte)
	if n == 0 || n == len(s) || s[n] != ':' {
		return "", false
	}
	name, s := s[:n], s[n+1:]
	n = span(s, valueByte)
	if len(s) < n+2 || s[n] != '\r' || s[n+1] != '\n' {
		return "", false
	}
	return s[n+2:], h.set(canonical(name), strings.Trim(s[:n], " \t"))
}

// set files one field and reports whether the fast lane can honour it.
func (h *head) set(key, value string) bool {
	switch key {
	case "Host":
		// RFC 9112 section 3.2: more than one, or an invalid one, is an error. Empty ones are legal and go over.
		if h.host != "" || !plainHost(value) {
			return false
		}
		h.host = value
		return true // net/http moves it out of the header
	case "Content-Length":
		// RFC 9112 section 6.3: repeated or listed lengths must be handled as an error unless they agree. None here.
		if h.hasLength {
			return false
		}
		h.length, h.hasLength = decimal(value)
		if !h.hasLength {
			return false
		}
	case "Connection":
		// RFC 9110 section 7.6.1: any other option names fields to be removed, or a protocol.
		if len(h.header["Connection"]) > 0 || !plainConnection(value) {
			return false
		}
		h.close = value == "close"
	case "Transfer-Encoding", "Te", "Trailer", "Expect", "Upgrade", "Http2-Settings":
		return false // RFC 9112 sections 6.1 and 7.4, RFC 9110 sections 6.6.2, 10.1.1 and 7.8, RFC 7540 section 3.2.1
	case "Pragma":
		return false // net/http derives Cache-Control from it (RFC 9111 section 5.4)
	}
	return h.add(key, value)
}

// add appends to the header; the first value of a key lives in h.values.
func (h *head) add(key, value string) bool {
	if h.fields == maxFields {
		return false
	}
	if old, ok := h.header[key]; ok {
		h.header[key] = append(old, value)
		return true
	}
	i := h.fields
	h.fields++
	h.values[i] = value
	h.header[key] = h.values[i : i+1 : i+1]
	return true
}

// plainHost accepts reg-name, IPv4 and bracketed IPv6 addresses with an optional port, made of the few characters that
// cannot be misread (RFC 9110 section 7.2; RFC 3986 section 3.2.2 allows more).
func plainHost(v string) bool {
	return v != "" && v[0] != ':' && v[0] != '.' && span(v, hostByte) == len(v)
}

func plainConnection(v string) bool {
	return v == "keep-alive" || v == "close" || v == "Keep-Alive"
}

// decimal reads 1*DIGIT (RFC 9110 section 8.6) without sign, list or superfluous zeros, below 10^18.
func decimal(v string) (n int64, ok bool) {
	if v == "" || len(v) > 18 || v[0] == '0' && len(v) > 1 {
		return 0, false
	}
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(v[i]-'0')
	}
	return n, true
}

// canonical is http.CanonicalHeaderKey for a token, without its second validation when nothing is to be done.
func canonical(name string) string {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' || !upper && 'A' <= c && c <= 'Z' {
			return http.CanonicalHeaderKey(name)
		}
		upper = c == '-'
	}
	return name
}
