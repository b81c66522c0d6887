package edit

// cursor goes over a body byte by byte.
type cursor struct {
	pieces [][]byte // the current one, and what follows
	at     int      // in the current piece
	pos    int64    // in the body
}

// peek is the current byte; 0, which JSON does not have, at the end.
func (c *cursor) peek() byte {
	for len(c.pieces) > 0 {
		if data := c.pieces[0]; c.at < len(data) {
			return data[c.at]
		}
		c.pieces, c.at = c.pieces[1:], 0
	}
	return 0
}

// next goes over the current byte, which there is.
func (c *cursor) next() { c.at, c.pos = c.at+1, c.pos+1 }

// take goes over b if it is the current byte.
func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.next()
	return true
}

// space goes over white space.
func (c *cursor) space() {
	for isSpace(c.peek()) {
		c.next()
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// quoted goes over a string and adds what is between its quotes to text, as it is
// written and as far as there is room.
func (c *cursor) quoted(text []byte) ([]byte, bool) {
	if !c.take('"') {
		return nil, false
	}
	for {
		b := c.peek()
		switch b {
		case 0:
			return nil, false
		case '"':
			c.next()
			return text, true
		case '\\':
			if len(text) < cap(text) {
				text = append(text, b)
			}
			if c.next(); c.peek() == 0 {
				return nil, false
			}
			b = c.peek()
		}
		if len(text) < cap(text) {
			text = append(text, b)
		}
		c.next()
	}
}

// value goes over a value.
func (c *cursor) value() bool {
	begin := c.pos
	for depth := 0; ; {
		switch b := c.peek(); {
		case b == 0:
			return false
		case b == '"':
			if _, ok := c.quoted(nil); !ok {
				return false
			}
			if depth == 0 {
				return true
			}
			continue
		case b == '{', b == '[':
			depth++
		case depth == 0 && (b == ',' || b == '}' || b == ']' || isSpace(b)):
			return c.pos > begin
		case b == '}', b == ']':
			if depth--; depth == 0 {
				c.next()
				return true
			}
		}
		c.next()
	}
}
