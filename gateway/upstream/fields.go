package upstream

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"slices"
)

const maxFields = 1000 // of one head: bounds what a head of many tiny fields makes of itself in memory

// field is one field line, as offsets into its block.
type field struct{ name, nameEnd, value, valueEnd int }

// block waits for a whole section of lines up to the empty one and returns how long it is, the empty line included. Each line must
// end in CRLF: a bare LF or CR is refused (RFC 9112 2.2 allows to accept LF; whoever sends one is not trusted with framing).
func (c *conn) block(limit int) (int, error) {
	line, scanned := 0, 0 // offsets from c.r
	for {
		i := bytes.IndexByte(c.in[c.r+scanned:c.w], '\n')
		if i < 0 {
			scanned = c.buffered()
			if scanned >= limit {
				return 0, malformedError("head or trailer section above the limit")
			}
			if err := c.fill(); err != nil {
				return 0, err
			}
			continue
		}
		end := scanned + i
		switch {
		case end >= limit:
			return 0, malformedError("head or trailer section above the limit")
		case end == line || c.in[c.r+end-1] != '\r':
			return 0, malformedError("line without CRLF")
		case end == line+1:
			return end + 1, nil
		}
		line, scanned = end+1, end+1
	}
}

// parseFields checks the field lines of b (RFC 9112 5), writes their names in canonical form, in place, and returns their places
// relative to b, in out. b ends with the last line's CRLF.
func parseFields(b []byte, out []field) ([]field, error) {
	for start := 0; start < len(b); {
		end := start + bytes.IndexByte(b[start:], '\n') - 1
		line := b[start:end]
		if line[0] == ' ' || line[0] == '\t' {
			return nil, malformedError("obs-fold") // RFC 9112 5.2: a gateway must replace it or answer 502
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !canonical(line[:colon]) { // 5.1: no whitespace before the colon
			return nil, malformedError("malformed field name")
		}
		f := field{name: start, nameEnd: start + colon, value: start + colon + 1, valueEnd: end}
		for f.value < f.valueEnd && isSpace(b[f.value]) {
			f.value++
		}
		for f.value < f.valueEnd && isSpace(b[f.valueEnd-1]) {
			f.valueEnd--
		}
		if !isText(b[f.value:f.valueEnd]) {
			return nil, malformedError("control character in a field value") // RFC 9110 5.5
		}
		if len(out) == maxFields {
			return nil, malformedError("too many fields")
		}
		out = append(out, f)
		start = end + 2
	}
	return out, nil
}

// canonical rewrites a field name as net/http spells it and reports whether it is a token.
func canonical(name []byte) bool {
	upper := true
	for i, ch := range name {
		if !tokenChars[ch] {
			return false
		}
		if upper && 'a' <= ch && ch <= 'z' || !upper && 'A' <= ch && ch <= 'Z' {
			name[i] = ch ^ 0x20
		}
		upper = ch == '-'
	}
	return true
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' }

// tokenChars are those of a token (RFC 9110 5.6.2).
var tokenChars = func() (t [256]bool) {
	for _, ch := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		t[ch] = true
	}
	return t
}()

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenChars[s[i]] {
			return false
		}
	}
	return s != ""
}

// isText reports whether b holds no control character but HTAB (RFC 9110 5.5), eight bytes at a time where it can.
func isText(b []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		del := x ^ ones*0x7f
		if ((x-ones*0x20)&^x|(del-ones)&^del)&high != 0 && !isTextBytes(b[:8]) {
			return false
		}
	}
	return isTextBytes(b)
}

func isTextBytes(b []byte) bool {
	for _, ch := range b {
		if ch < ' ' && ch != '\t' || ch == 0x7f {
			return false
		}
	}
	return true
}

// eachElement calls f for each element of a comma-separated list that is not empty (RFC 9110 5.6.1).
func eachElement(list string, f func(string)) {
	for start := 0; start <= len(list); {
		end := start
		for end < len(list) && list[end] != ',' {
			end++
		}
		if e := trim(list[start:end]); e != "" {
			f(e)
		}
		start = end + 1
	}
}

func trim(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// readTrailers reads the trailer section that ends a chunked body and merges it into t, which may be nil (RFC 9112 7.1.2).
func (c *conn) readTrailers(limit int, t http.Header) (http.Header, error) {
	n, err := c.block(limit)
	if err != nil || n == 2 {
		c.r += n
		return t, err
	}
	b := c.in[c.r : c.r+n-2]
	c.r += n
	fields, err := parseFields(b, nil)
	if err != nil {
		return t, err
	}
	if t == nil {
		t = make(http.Header, len(fields))
	}
	for key, vs := range collect(string(b), fields) {
		if isFraming(key) { // RFC 9110 6.5.1
			return t, malformedError("framing field among trailers")
		}
		t[key] = vs
	}
	return t, nil
}

// collect makes a header of the fields of block.
func collect(block string, fields []field) http.Header {
	h := make(http.Header, len(fields))
	for _, f := range fields {
		key := block[f.name:f.nameEnd]
		h[key] = append(h[key], block[f.value:f.valueEnd])
	}
	return h
}

func isFraming(key string) bool {
	return slices.Contains([]string{"Content-Length", "Transfer-Encoding", "Trailer"}, key)
}
