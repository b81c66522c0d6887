package endpoints

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/switchyard-gateway/switchyard/schema"
)

// maxJSONDepth bounds the nesting of a body in which a member is looked for. A
// deeper one counts as no JSON.
const maxJSONDepth = 1000

// member is the text of the string, number or boolean in a JSON document that a
// pointer of RFC 6901 leads to; empty if there is none or the document is not
// valid as a whole (RFC 8259). It goes over the document once and builds nothing
// of it.
func member(document []byte, pointer string) string {
	if len(document) == 0 || pointer != "" && pointer[0] != '/' {
		return ""
	}
	s := scanner{data: document}
	if !s.value(pointer, 0) {
		return ""
	}
	if s.space(); s.at != len(s.data) {
		return ""
	}
	return s.found
}

// scanner goes over a JSON document. Its methods are false when the document is
// not valid.
type scanner struct {
	data  []byte
	at    int
	found string
}

// value goes over one value, in which pointer leads to what is looked for.
func (s *scanner) value(pointer string, depth int) bool {
	s.space()
	start, first := s.at, s.peek()
	if pointer != "" && (first == '{' || first == '[') && depth < maxJSONDepth {
		token, rest, more := strings.Cut(pointer[1:], "/")
		if more {
			rest = pointer[1+len(token):]
		}
		s.at++
		if first == '{' {
			return s.object(schema.UnescapeToken(token), rest, depth+1)
		}
		return s.array(token, rest, depth+1)
	}
	if !s.skip(depth) {
		return false
	}
	if pointer == "" {
		s.found = text(s.data[start:s.at])
	}
	return true
}

// object goes over the members of an object. The first of the name counts.
func (s *scanner) object(name, rest string, depth int) bool {
	if s.space(); s.take('}') {
		return true
	}
	for passed := false; ; {
		s.space()
		start := s.at
		if !s.quoted() {
			return false
		}
		wanted := !passed && equal(s.data[start:s.at], name)
		if s.space(); !s.take(':') {
			return false
		}
		if wanted {
			passed = true
			if !s.value(rest, depth) {
				return false
			}
		} else if s.space(); !s.skip(depth) {
			return false
		}
		if s.space(); s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// array goes over the elements of an array.
func (s *scanner) array(token, rest string, depth int) bool {
	if s.space(); s.take(']') {
		return true
	}
	wanted := index(token)
	for i := 0; ; i++ {
		if i == wanted {
			if !s.value(rest, depth) {
				return false
			}
		} else if s.space(); !s.skip(depth) {
			return false
		}
		if s.space(); s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// index is the array index that a token stands for, -1 for none: RFC 6901,
// section 4, allows digits without leading zeros.
func index(token string) int {
	if token == "" || len(token) > 1 && token[0] == '0' || strings.Trim(token, "0123456789") != "" {
		return -1
	}
	i, err := strconv.Atoi(token)
	if err != nil {
		return -1
	}
	return i
}

// text is the text of a scalar, empty for other values.
func text(value []byte) string {
	switch value[0] {
	case '"':
		return decoded(value)
	case '{', '[', 'n':
		return ""
	default:
		return string(value)
	}
}

// decoded is what a valid JSON string says. Most are written as they are.
func decoded(quoted []byte) string {
	inside := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return string(inside)
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return ""
	}
	return s
}

// equal reports whether a valid JSON string says name.
func equal(quoted []byte, name string) bool {
	inside := quoted[1 : len(quoted)-1]
	if string(inside) == name {
		return bytes.IndexByte(inside, '\\') < 0
	}
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return false
	}
	return decoded(quoted) == name
}
