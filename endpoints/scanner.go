package endpoints

import "bytes"

// skip goes over one value that stands at the current byte, in a container of
// the given depth. It keeps a bit for each open container instead of recursing:
// a few bytes of "[[[[" must not make a large stack.
func (s *scanner) skip(depth int) bool {
	if c := s.peek(); c != '{' && c != '[' {
		return s.scalar()
	}
	var objects [maxJSONDepth/64 + 1]uint64
	open := 0
	inObject := func() bool { return objects[open/64]>>(open%64)&1 != 0 }
	for {
		switch c := s.peek(); c {
		case '{', '[':
			s.at++
			open++
			if depth+open > maxJSONDepth {
				return false
			}
			objects[open/64] &^= 1 << (open % 64)
			if c == '{' {
				objects[open/64] |= 1 << (open % 64)
			}
			s.space()
			if !s.take(c + 2) { // } follows { by two in ASCII, as ] does [
				if c == '{' && !s.name() {
					return false
				}
				continue
			}
			open--
		default:
			if !s.scalar() {
				return false
			}
		}
		for {
			if open == 0 {
				return true
			}
			s.space()
			if s.take(',') {
				break
			}
			if object := inObject(); object && !s.take('}') || !object && !s.take(']') {
				return false
			}
			open--
		}
		s.space()
		if inObject() && !s.name() {
			return false
		}
	}
}

// name goes over the name of a member, the colon, and the space after it.
func (s *scanner) name() bool {
	if !s.quoted() {
		return false
	}
	if s.space(); !s.take(':') {
		return false
	}
	s.space()
	return true
}

func (s *scanner) scalar() bool {
	switch s.peek() {
	case '"':
		return s.quoted()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// number goes over a number: -? int frac? exp?
func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.data) && s.data[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at > start
}

// quoted goes over a string with its quotes.
func (s *scanner) quoted() bool {
	if !s.take('"') {
		return false
	}
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return true
		case c == '\\':
			if !s.escape() {
				return false
			}
		case c < ' ':
			return false
		default:
			s.at++
		}
	}
	return false
}

// escape goes over a backslash and what it escapes.
func (s *scanner) escape() bool {
	s.at++
	c := s.peek()
	s.at++
	if c != 'u' {
		return c != 0 && bytes.IndexByte([]byte(`"\/bfnrt`), c) >= 0
	}
	for range 4 {
		c := s.peek()
		if c-'0' > 9 && c-'a' > 'f'-'a' && c-'A' > 'F'-'A' {
			return false
		}
		s.at++
	}
	return true
}

// space goes over white space.
func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek is the current byte, 0 at the end: no value begins with that.
func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

// take goes over c if it is the current byte.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}
