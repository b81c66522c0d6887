package rows

// Counter counts the rows of one answer. The zero value is before its first byte.
type Counter struct {
	at    place
	name  uint8 // bytes of the name that were met
	depth int   // brackets that are open in the row, its own among them
	items int   // commas between items of the row
	rows  int
}

// place is where in the answer the next byte stands.
type place uint8

const (
	start   place = iota // before the object
	member               // before the name of its first member
	named                // amid the name
	colon                // behind the name
	list                 // before the array of rows
	row                  // before a row
	id                   // before the id of the row
	inside               // amid a row, in no text
	text                 // amid a text in a row
	escaped              // behind a backslash in it
	between              // behind a row
	counted              // behind the last row: the rest does not matter
	other                // it is something else
)

// first is the name of the member that holds rows, with the quote that ends it.
const first = `data"`

// stops are the bytes that mean something amid a row. Others are passed over.
var stops = [256]bool{'"': true, ',': true, '[': true, ']': true, '{': true, '}': true}

// Rows is how many rows the answer has had, 0 if it is not of the form, or the last of
// them has not come.
func (c *Counter) Rows() int {
	if c.at != counted {
		return 0
	}
	return c.rows
}

// Write takes the bytes that come next, always all of them.
func (c *Counter) Write(p []byte) (int, error) {
	for i := 0; i < len(p) && c.at < counted; {
		switch c.at {
		case inside:
			i += c.inRow(p[i:])
		case text:
			i += c.inText(p[i:])
		case escaped:
			c.at = text
			i++
		case named:
			c.inName(p[i])
			i++
		default:
			if !isSpace(p[i]) {
				c.outside(p[i])
			}
			i++
		}
	}
	return len(p), nil
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// inRow takes the bytes up to a text or the end of the row, and returns how many. It is
// where most bytes are, so it keeps what it counts out of memory.
func (c *Counter) inRow(p []byte) int {
	depth, items := c.depth, c.items
	for i, b := range p {
		if !stops[b] {
			continue
		}
		switch b {
		case ',':
			if depth == 1 {
				items++
			}
		case '[', '{':
			depth++
		case '"':
			c.at, c.depth, c.items = text, depth, items
			return i + 1
		default:
			if depth--; depth == 0 {
				c.endRow(items)
				return i + 1
			}
		}
	}
	c.depth, c.items = depth, items
	return len(p)
}

// inText takes the bytes of a text, and returns how many.
func (c *Counter) inText(p []byte) int {
	for i, b := range p {
		switch b {
		case '"':
			c.at = inside
			return i + 1
		case '\\':
			c.at = escaped
			return i + 1
		}
	}
	return len(p)
}

func (c *Counter) endRow(items int) {
	c.at = between
	if items != 1 {
		c.at = other
	}
	c.rows++
}

func (c *Counter) inName(b byte) {
	switch {
	case b != first[c.name]:
		c.at = other
	case int(c.name) == len(first)-1:
		c.at = colon
	}
	c.name++
}

// outside takes a byte between the parts of the answer.
func (c *Counter) outside(b byte) {
	is, next := byte(0), other
	switch c.at {
	case between:
		if is, next = ',', row; b == ']' {
			is, next = ']', counted
		}
	case row:
		is, next, c.depth, c.items = '[', id, 1, 0
	case id:
		if is, next = b, inside; b == '"' {
			next = text
		} else if b != '-' && (b < '0' || b > '9') {
			next = other
		}
	case start:
		is, next = '{', member
	case member:
		is, next = '"', named
	case colon:
		is, next = ':', list
	case list:
		is, next = '[', row
	default: // amid something, or done
	}
	if c.at = other; b == is {
		c.at = next
	}
}
