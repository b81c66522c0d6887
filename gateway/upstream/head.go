package upstream

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
)

const maxInterim = 64 // interim answers in one exchange; each is also bounded in size

// framing says how the end of an answer's body is found (RFC 9112 6.3).
type framing uint8

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

// head is what an answer's head says about the message.
type head struct {
	status, minor int
	text          string // code and reason
	length        int64  // Content-Length, -1 without
	digits        int    // of it: with leading zeros it is another value
	chunked       bool
	encoded       bool // a Transfer-Encoding was present
	close         bool // Connection: close
	keep          bool // Connection: keep-alive
}

// awaitHead reads heads until the final one, which it leaves in x.
func (x *exchange) awaitHead(ctx context.Context) error {
	for range maxInterim {
		h, err := x.readHead()
		if err != nil {
			return err
		}
		if h.status >= 200 {
			return x.begin(h)
		}
		if err := x.interim(ctx, h.status); err != nil {
			return err
		}
	}
	return malformedError("too many interim answers")
}

// interim hands a 1xx to the caller's trace and forgets it (RFC 9110 15.2).
func (x *exchange) interim(ctx context.Context, status int) error {
	if status == http.StatusSwitchingProtocols {
		return malformedError("101 without Upgrade in the request") // RFC 9110 15.2.2
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.Got1xxResponse != nil {
		if err := trace.Got1xxResponse(status, textproto.MIMEHeader(x.response.Header.Clone())); err != nil {
			return &Error{Kind: KindCanceled, Addr: x.pool.addr, Sent: true, Err: err}
		}
	}
	clear(x.response.Header)
	return nil
}

// readHead reads one head, the fields into x.response.Header.
func (x *exchange) readHead() (head, error) {
	c := x.conn
	n, err := c.block(x.pool.opt.MaxResponseHeaderBytes)
	if err != nil {
		return head{}, err
	}
	b := c.in[c.r : c.r+n-2]
	c.r += n
	h, line, err := parseStatus(b)
	if err != nil {
		return head{}, err
	}
	s := x.scratch
	s.fields, err = parseFields(b[line:], s.fields[:0])
	if err != nil {
		return head{}, err
	}
	if x.terse {
		return h, x.frameOnly(&h, b[line:])
	}
	block := string(b)
	h.text = block[len("HTTP/1.1 ") : line-2]
	return h, x.store(&h, block[line:])
}

// parseStatus parses the status line of b and returns its length (RFC 9112 4). A missing space before an absent reason is
// forgiven: many servers forget it.
func parseStatus(b []byte) (head, int, error) {
	end := bytes.IndexByte(b, '\n')
	if end < len("HTTP/1.1 200\r") || !bytes.HasPrefix(b, []byte("HTTP/1.")) {
		return head{}, 0, malformedError("not an HTTP/1 answer")
	}
	line := b[:end-1] // block made sure of the CR
	minor, code, reason := line[7], line[9:12], line[12:]
	switch {
	case minor != '0' && minor != '1':
		return head{}, 0, malformedError("unknown HTTP version") // RFC 9112 2.3
	case line[8] != ' ' || code[0] < '1' || !isDigit(code[0]) || !isDigit(code[1]) || !isDigit(code[2]):
		return head{}, 0, malformedError("malformed status code")
	case len(reason) > 0 && reason[0] != ' ' || !isText(reason):
		return head{}, 0, malformedError("malformed reason")
	}
	status := int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	return head{status: status, minor: int(minor - '0'), length: -1}, end + 1, nil
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// store puts the parsed fields into the answer's header, those about framing into h.
func (x *exchange) store(h *head, block string) error {
	values := x.values[:0] // new for each answer: a caller may keep the slices that it finds in the header
	if n := len(x.scratch.fields); n > len(x.values) {
		values = make([]string, 0, n)
	}
	header := x.response.Header
	for _, f := range x.scratch.fields {
		key, value := block[f.name:f.nameEnd], block[f.value:f.valueEnd]
		keep, err := x.frame(h, key, value)
		if err != nil {
			return err
		}
		if !keep {
			continue
		}
		if old := header[key]; old != nil {
			header[key] = append(old, value)
			continue
		}
		values = append(values, value)
		header[key] = values[len(values)-1 : len(values) : len(values)]
	}
	return h.check()
}

// frameOnly takes note of the fields that frame the message, and keeps none.
func (x *exchange) frameOnly(h *head, b []byte) error {
	for _, f := range x.scratch.fields {
		var err error
		value := b[f.value:f.valueEnd]
		switch string(b[f.name:f.nameEnd]) {
		case "Content-Length":
			_, err = h.setLength(string(value))
		case "Transfer-Encoding":
			_, err = x.frame(h, "Transfer-Encoding", string(value))
		case "Connection":
			_, err = x.frame(h, "Connection", string(value))
		}
		if err != nil {
			return err
		}
	}
	return h.check()
}

// frame takes note of a field that frames the message, and reports whether it belongs into the header too.
func (x *exchange) frame(h *head, key, value string) (bool, error) {
	switch key {
	case "Content-Length":
		return h.setLength(value)
	case "Transfer-Encoding":
		if h.encoded || !strings.EqualFold(value, "chunked") { // RFC 9112 6.1: what we cannot decode we cannot frame
			return false, malformedError("unsupported Transfer-Encoding")
		}
		h.encoded, h.chunked = true, true
		return false, nil
	case "Connection":
		eachElement(value, func(option string) { // RFC 9112 9.3
			h.close = h.close || strings.EqualFold(option, "close")
			h.keep = h.keep || strings.EqualFold(option, "keep-alive")
		})
	}
	return true, nil
}

// setLength parses a Content-Length. The same value again is ignored, another one or a list is refused (RFC 9112 6.3 (5)).
func (h *head) setLength(value string) (bool, error) {
	n, err := strconv.ParseUint(value, 10, 63) // digits only: no sign, no space, no underscore in base 10
	switch {
	case err != nil:
		return false, malformedError("malformed Content-Length")
	case h.length < 0:
		h.length, h.digits = int64(n), len(value)
		return true, nil
	case h.length != int64(n) || h.digits != len(value):
		return false, malformedError("differing Content-Length")
	}
	return false, nil
}

// check refuses what Transfer-Encoding must not stand with (RFC 9112 6.1).
func (h *head) check() error {
	switch {
	case !h.encoded:
		return nil
	case h.length >= 0:
		return malformedError("Transfer-Encoding with Content-Length")
	case h.minor == 0:
		return malformedError("Transfer-Encoding in HTTP/1.0")
	case h.status < 200 || h.status == http.StatusNoContent:
		return malformedError("Transfer-Encoding in an answer without body")
	}
	return nil
}

// persists reports whether the connection outlives the exchange, as far as the replica says (RFC 9112 9.3).
func (h *head) persists() bool { return !h.close && (h.minor == 1 || h.keep) }

// begin makes the answer of its final head (RFC 9112 6.3).
func (x *exchange) begin(h head) error {
	r := &x.response
	r.Status, r.StatusCode = h.text, h.status
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, h.minor
	if h.minor == 0 {
		r.Proto = "HTTP/1.0"
	}
	r.Close = !h.persists()
	isHead := x.request.Method == http.MethodHead
	switch {
	case isHead, h.status == http.StatusNoContent, h.status == http.StatusNotModified:
		x.framing = noBody
		x.conn.wary = true // some send a body nevertheless
		r.ContentLength = 0
		if isHead {
			r.ContentLength = h.length
		}
	case h.chunked:
		x.framing, r.ContentLength = byChunks, -1
	case h.length >= 0:
		x.framing, x.left, r.ContentLength = byLength, uint64(h.length), h.length
	default:
		x.framing, r.ContentLength, r.Close = byClose, -1, true
	}
	if !h.chunked {
		return nil
	}
	if x.terse {
		return nil
	}
	x.encoding[0] = "chunked"
	r.TransferEncoding = x.encoding[:]
	return x.announceTrailers()
}

// announceTrailers makes Response.Trailer of the Trailer field, as net/http does (RFC 9110 6.6.2).
func (x *exchange) announceTrailers() (err error) {
	lists, ok := x.response.Header["Trailer"]
	if !ok {
		return nil
	}
	delete(x.response.Header, "Trailer")
	for _, list := range lists {
		eachElement(list, func(name string) {
			key := []byte(name)
			if !canonical(key) || isFraming(string(key)) {
				err = malformedError("malformed Trailer field")
				return
			}
			if x.response.Trailer == nil {
				x.response.Trailer = make(http.Header, 1)
			}
			x.response.Trailer[string(key)] = nil
		})
	}
	return err
}
