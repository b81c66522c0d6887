package capture

// Rows is how many rows the answer to a batch in Modelbit's form has: the items
// of the top-level member data of a JSON object, each of which is an array of two
// whose first is the row's id, a number or a text. It is 0 for everything else.
// The document is JSON as a whole.
func Rows(document []byte) int {
	r := rewriter{in: document}
	if r.space(); !r.skip('{') {
		return 0
	}
	for {
		r.space()
		begin := r.at
		if r.peek() != '"' || !r.pass() {
			return 0
		}
		name := r.in[begin:r.at]
		r.space()
		r.skip(':')
		r.space()
		if string(name) == `"data"` {
			return r.rows()
		}
		if !r.pass() {
			return 0
		}
		if r.space(); !r.skip(',') {
			return 0
		}
	}
}

// rows counts the rows of the array at the current byte.
func (r *rewriter) rows() int {
	if !r.skip('[') {
		return 0
	}
	for n := 1; ; n++ {
		if r.space(); !r.row() {
			return 0
		}
		r.space()
		if !r.skip(',') {
			return n
		}
	}
}

func (r *rewriter) row() bool {
	if !r.skip('[') {
		return false
	}
	r.space()
	if c := r.peek(); c != '"' && c != '-' && c-'0' > 9 || !r.pass() {
		return false
	}
	if r.space(); !r.skip(',') {
		return false
	}
	if r.space(); !r.pass() {
		return false
	}
	r.space()
	return r.skip(']')
}

// pass goes over a value.
func (r *rewriter) pass() bool {
	begin := len(r.out)
	ok := r.value(0)
	r.out = r.out[:begin]
	return ok
}
