package compare

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxDepth bounds the nesting of what is compared as JSON.
	maxDepth = 1000
	// maxNodes bounds the values of a document: what each takes in memory is many
	// times what it may take in the text.
	maxNodes = 1 << 18
)

// kind is what a value is. The order is that of no meaning.
type kind uint8

const (
	nothing kind = iota // there is no value
	null
	boolean
	number
	text
	array
	object
)

// node is a value in a document. Its children follow it, and what follows them
// is its next sibling.
type node struct {
	kind        kind
	escaped     bool  // a text that is written with escapes
	nameEscaped bool  // likewise of the name
	next        int32 // the node behind this one and all below it
	count       int32 // of children
	start       int32 // of the value as written; of a text, behind its quote
	end         int32
	nameStart   int32 // of a member; behind its quote
	nameEnd     int32
}

// tree is a JSON document (RFC 8259) as nodes in the order of the text. It holds
// on to the text. Names that a document has twice in one object stay twice.
type tree struct {
	data  []byte
	nodes []node
	at    int
	room  []byte // for a name or text without its escapes
}

// parse reads a document, and reports whether it is one. The memory of the last
// document is used again.
func (t *tree) parse(data []byte) bool {
	t.data, t.nodes, t.at = data, t.nodes[:0], 0
	t.space()
	if !t.value(0, 0, false, 0) {
		return false
	}
	t.space()
	return t.at == len(data)
}

// value reads a value, whose name is known, and all below it.
func (t *tree) value(nameStart, nameEnd int, nameEscaped bool, depth int) bool {
	if t.at == len(t.data) || depth > maxDepth || len(t.nodes) == maxNodes {
		return false
	}
	i := len(t.nodes)
	t.nodes = append(t.nodes, node{start: int32(t.at), nameStart: int32(nameStart), nameEnd: int32(nameEnd), nameEscaped: nameEscaped})
	var ok bool
	switch t.data[t.at] {
	case '{':
		t.at++
		ok = t.members(i, depth+1)
	case '[':
		t.at++
		ok = t.elements(i, depth+1)
	case '"':
		n := &t.nodes[i]
		start, end, escaped, quoted := t.quoted()
		n.kind, n.start, n.end, n.escaped, n.next = text, int32(start), int32(end), escaped, int32(i+1)
		return quoted
	case 't':
		ok = t.word(i, boolean, "true")
	case 'f':
		ok = t.word(i, boolean, "false")
	case 'n':
		ok = t.word(i, null, "null")
	default:
		t.nodes[i].kind = number
		ok = t.number()
	}
	n := &t.nodes[i]
	n.end, n.next = int32(t.at), int32(len(t.nodes))
	return ok
}

func (t *tree) members(i, depth int) bool {
	t.nodes[i].kind = object
	if t.space(); t.take('}') {
		return true
	}
	for {
		t.space()
		start, end, escaped, ok := t.quoted()
		if !ok {
			return false
		}
		if t.space(); !t.take(':') {
			return false
		}
		t.space()
		if !t.value(start, end, escaped, depth) {
			return false
		}
		t.nodes[i].count++
		if t.space(); t.take('}') {
			return true
		}
		if !t.take(',') {
			return false
		}
	}
}

func (t *tree) elements(i, depth int) bool {
	t.nodes[i].kind = array
	if t.space(); t.take(']') {
		return true
	}
	for {
		t.space()
		if !t.value(0, 0, false, depth) {
			return false
		}
		t.nodes[i].count++
		if t.space(); t.take(']') {
			return true
		}
		if !t.take(',') {
			return false
		}
	}
}

func (t *tree) word(i int, k kind, word string) bool {
	if !bytes.HasPrefix(t.data[t.at:], []byte(word)) {
		return false
	}
	t.nodes[i].kind = k
	t.at += len(word)
	return true
}

// number reads -? int frac? exp?
func (t *tree) number() bool {
	t.take('-')
	if !t.take('0') && !t.digits() {
		return false
	}
	if t.take('.') && !t.digits() {
		return false
	}
	if t.take('e') || t.take('E') {
		if !t.take('+') {
			t.take('-')
		}
		return t.digits()
	}
	return true
}

func (t *tree) digits() bool {
	data, at := t.data, t.at
	for at < len(data) && data[at]-'0' <= 9 {
		at++
	}
	some := at > t.at
	t.at = at
	return some
}

// quoted reads a text; start and end are between its quotes.
func (t *tree) quoted() (start, end int, escaped, ok bool) {
	if !t.take('"') {
		return 0, 0, false, false
	}
	data, at := t.data, t.at
	start = at
	for at < len(data) {
		switch c := data[at]; {
		case c != '"' && c != '\\' && c >= ' ':
			at++
		case c == '"':
			t.at = at + 1
			return start, at, escaped, true
		case c == '\\':
			t.at, escaped = at, true
			if !t.escape() {
				return 0, 0, false, false
			}
			at = t.at
		default:
			return 0, 0, false, false
		}
	}
	return 0, 0, false, false
}

// escape goes over a backslash and what it escapes.
func (t *tree) escape() bool {
	t.at++
	if t.at == len(t.data) {
		return false
	}
	c := t.data[t.at]
	t.at++
	if c != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), c) >= 0
	}
	for range 4 {
		if t.at == len(t.data) || hexValue(t.data[t.at]) < 0 {
			return false
		}
		t.at++
	}
	return true
}

func (t *tree) space() {
	for t.at < len(t.data) && t.data[t.at] <= ' ' {
		switch t.data[t.at] {
		case ' ', '\t', '\n', '\r':
			t.at++
		default:
			return
		}
	}
}

func (t *tree) take(c byte) bool {
	if t.at < len(t.data) && t.data[t.at] == c {
		t.at++
		return true
	}
	return false
}

// written is a value as it is written; a text without its quotes.
func (t *tree) written(i int32) []byte { return t.data[t.nodes[i].start:t.nodes[i].end] }

// name is the name of a member without escapes. It holds until the next call of
// name or text.
func (t *tree) name(i int32) []byte {
	n := &t.nodes[i]
	return t.plain(t.data[n.nameStart:n.nameEnd], n.nameEscaped)
}

// text is a text without escapes, likewise.
func (t *tree) text(i int32) []byte {
	return t.plain(t.written(i), t.nodes[i].escaped)
}

func (t *tree) plain(written []byte, escaped bool) []byte {
	if !escaped {
		return written
	}
	t.room = appendUnescaped(t.room[:0], written)
	return t.room
}

// find is the member of an object that bears a name; the last one counts, as in
// encoding/json. It is -1 when there is none.
func (t *tree) find(i int32, name string) int32 {
	found := int32(-1)
	if t.nodes[i].kind != object {
		return found
	}
	for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
		if string(t.name(c)) == name {
			found = c
		}
	}
	return found
}

// is reports whether a node is a text that reads so.
func (t *tree) is(i int32, word string) bool {
	return i >= 0 && t.nodes[i].kind == text && string(t.text(i)) == word
}

// shrink gives up the memory of large documents.
func (t *tree) shrink() {
	t.data = nil
	if cap(t.nodes) > 1<<14 {
		t.nodes = nil
	}
	if cap(t.room) > 1<<16 {
		t.room = nil
	}
}

// appendUnescaped appends a text of JSON without its escapes, which are good. What
// is half of a surrogate pair becomes U+FFFD.
func appendUnescaped(dst, written []byte) []byte {
	for i := 0; i < len(written); {
		c := written[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		switch e := written[i+1]; e {
		case 'u':
			r := unit(written[i:])
			i += 6
			if utf16.IsSurrogate(r) {
				pair := utf16.DecodeRune(r, unit(written[i:]))
				if pair != utf8.RuneError {
					i += 6
				}
				r = pair
			}
			dst = utf8.AppendRune(dst, r)
			continue
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, e)
		}
		i += 2
	}
	return dst
}

// unit is the code unit that \uXXXX at the beginning of s stands for, -1 if s
// begins otherwise.
func unit(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range s[2:6] {
		r = r<<4 | rune(hexValue(c))
	}
	return r
}

// hexValue is the value of a hexadecimal digit, -1 for what is none.
func hexValue(c byte) int {
	switch {
	case c-'0' <= 9:
		return int(c - '0')
	case c-'a' <= 'f'-'a':
		return int(c-'a') + 10
	case c-'A' <= 'F'-'A':
		return int(c-'A') + 10
	}
	return -1
}
