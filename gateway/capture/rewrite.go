package capture

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/switchyard-gateway/switchyard/gateway/pointer"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// maxDepth bounds the nesting of a body. A deeper one counts as no JSON.
const maxDepth = 200

// redacted is record.Redaction as JSON.
const redacted = `"` + record.Redaction + `"`

// rewriter goes over a JSON document once and writes it anew: without white space,
// on one line, in UTF-8, and without what pointers lead to. Its methods are false
// when the document is not valid (RFC 8259).
type rewriter struct {
	in   []byte
	at   int
	out  []byte
	walk *pointer.Walk // nil: nothing is redacted
}

// rewrite appends the document to dst. It is false for what is no JSON as a whole;
// what was appended is of no use then.
func rewrite(dst, document []byte, redact *pointer.Set) ([]byte, bool) {
	r := rewriter{in: document, out: dst}
	if redact != nil {
		r.walk = redact.Walk()
	}
	if r.space(); !r.value(0) {
		return r.out, false
	}
	r.space()
	return r.out, r.at == len(r.in)
}

// value writes the value at the current byte.
func (r *rewriter) value(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch r.peek() {
	case '{':
		return r.object(depth + 1)
	case '[':
		return r.array(depth + 1)
	case '"':
		return r.quoted()
	case 't':
		return r.literal("true")
	case 'f':
		return r.literal("false")
	case 'n':
		return r.literal("null")
	}
	return r.number()
}

// object writes an object. Members of one name are all treated alike.
func (r *rewriter) object(depth int) bool {
	r.copyByte()
	if r.space(); r.take('}') {
		return true
	}
	for {
		r.space()
		begin := r.at
		if r.peek() != '"' || !r.quoted() {
			return false
		}
		name := r.in[begin:r.at]
		if r.space(); !r.take(':') {
			return false
		}
		if r.space(); !r.member(name, depth) {
			return false
		}
		if r.space(); r.take('}') {
			return true
		}
		if !r.take(',') {
			return false
		}
	}
}

func (r *rewriter) array(depth int) bool {
	r.copyByte()
	if r.space(); r.take(']') {
		return true
	}
	for i := 0; ; i++ {
		if r.space(); !r.element(i, depth) {
			return false
		}
		if r.space(); r.take(']') {
			return true
		}
		if !r.take(',') {
			return false
		}
	}
}

// member writes the value of a member, whose name is in quotes, or what stands for
// it.
func (r *rewriter) member(name []byte, depth int) bool {
	if r.walk == nil || !r.walk.Below() {
		return r.value(depth)
	}
	defer r.walk.Leave()
	return r.shown(r.walk.Member(decoded(name)) == 0, depth)
}

// element is member for an element of an array.
func (r *rewriter) element(i, depth int) bool {
	if r.walk == nil || !r.walk.Below() {
		return r.value(depth)
	}
	defer r.walk.Leave()
	return r.shown(r.walk.Element(i) == 0, depth)
}

func (r *rewriter) shown(plain bool, depth int) bool {
	begin := len(r.out)
	ok := r.value(depth)
	if !plain {
		r.out = append(r.out[:begin], redacted...)
	}
	return ok
}

// decoded is what a valid JSON string says.
func decoded(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted) {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		panic("capture: a string that was gone over is not valid: " + err.Error())
	}
	return []byte(s)
}

// quoted writes a string. Bytes that are not UTF-8 become U+FFFD, and U+2028 and
// U+2029 escapes, which some readers of lines take for their ends.
func (r *rewriter) quoted() bool {
	begin := r.at
	r.at++
	for r.at < len(r.in) {
		switch c := r.in[r.at]; {
		case c == '"':
			r.at++
			r.out = append(r.out, r.in[begin:r.at]...)
			return true
		case c == '\\':
			if !r.escape() {
				return false
			}
		case c < ' ':
			return false
		case c < utf8.RuneSelf:
			r.at++
		default:
			char, size := utf8.DecodeRune(r.in[r.at:])
			stand := ""
			switch {
			case char == utf8.RuneError && size == 1:
				stand = "\ufffd"
			case char == '\u2028':
				stand = `\u2028`
			case char == '\u2029':
				stand = `\u2029`
			}
			if stand != "" {
				r.out = append(append(r.out, r.in[begin:r.at]...), stand...)
				begin = r.at + size
			}
			r.at += size
		}
	}
	return false
}

// escape goes over a backslash and what it escapes.
func (r *rewriter) escape() bool {
	r.at++
	c := r.peek()
	r.at++
	if c != 'u' {
		return c != 0 && bytes.IndexByte([]byte(`"\/bfnrt`), c) >= 0
	}
	for range 4 {
		c := r.peek()
		if c-'0' > 9 && c-'a' > 'f'-'a' && c-'A' > 'F'-'A' {
			return false
		}
		r.at++
	}
	return true
}

func (r *rewriter) literal(word string) bool {
	if !bytes.HasPrefix(r.in[r.at:], []byte(word)) {
		return false
	}
	r.at += len(word)
	r.out = append(r.out, word...)
	return true
}

// number writes a number as it is written: -? int frac? exp?
func (r *rewriter) number() bool {
	begin := r.at
	r.skip('-')
	if !r.skip('0') && !r.digits() {
		return false
	}
	if r.skip('.') && !r.digits() {
		return false
	}
	if r.skip('e') || r.skip('E') {
		if !r.skip('+') {
			r.skip('-')
		}
		if !r.digits() {
			return false
		}
	}
	r.out = append(r.out, r.in[begin:r.at]...)
	return true
}

func (r *rewriter) digits() bool {
	begin := r.at
	for r.at < len(r.in) && r.in[r.at]-'0' <= 9 {
		r.at++
	}
	return r.at > begin
}

func (r *rewriter) space() {
	for r.at < len(r.in) {
		switch r.in[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// peek is the current byte, 0 at the end: no value begins with that.
func (r *rewriter) peek() byte {
	if r.at < len(r.in) {
		return r.in[r.at]
	}
	return 0
}

func (r *rewriter) copyByte() {
	r.out = append(r.out, r.in[r.at])
	r.at++
}

// take writes c if it is the current byte.
func (r *rewriter) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.copyByte()
	return true
}

// skip goes over c if it is the current byte.
func (r *rewriter) skip(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.at++
	return true
}
