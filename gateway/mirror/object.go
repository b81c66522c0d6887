package mirror

// cursor goes over a body byte by byte.
type cursor struct {
	blocks []*block // the current one, and what follows
	at     int      // in the current block
	pos    int64    // in the body
}

// peek is the current byte; 0, which JSON does not have, at the end.
func (c *cursor) peek() byte {
	for len(c.blocks) > 0 {
		if data := c.blocks[0].data; c.at < len(data) {
			return data[c.at]
		}
		c.blocks, c.at = c.blocks[1:], 0
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

// member goes over one member of an object and adds its name to room, as far as
// there is any.
func (c *cursor) member(room []byte) (name []byte, ok bool) {
	c.space()
	name, ok = c.quoted(room)
	if !ok {
		return nil, false
	}
	if c.space(); !c.take(':') {
		return nil, false
	}
	c.space()
	return name, c.value()
}

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
			if c.next(); c.peek() == 0 {
				return nil, false
			}
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
