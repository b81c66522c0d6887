package tap

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// Bounds of what is kept of a header.
const (
	maxValue  = 256 // bytes of Content-Type, Content-Encoding, and each value of another field
	maxValues = 4   // of one field
)

// Tap keeps what passes of one body; see the package's description.
type Tap struct {
	budget *Budget
	most   int
	names  []string // fields that are kept; shared, only read
	holds  atomic.Int32

	begun    bool
	ended    bool
	full     bool // the budget is used up
	total    int64
	expected int     // bytes that will come and be kept, as far as it is known
	memory   *[]byte // nil before the first byte
	kind     string  // Content-Type
	encoding string  // Content-Encoding
	fields   []Field
}

// Field is one field of a header.
type Field struct {
	Name   string // in the form of the keys of http.Header
	Values []string
}

// Begin notes the head of the message whose body comes. Nothing of h is kept but
// copies.
func (t *Tap) Begin(h http.Header) {
	t.ended, t.total, t.full = false, 0, false
	if t.memory != nil {
		*t.memory = (*t.memory)[:0]
	}
	t.begun = true
	t.kind, t.encoding = first(h["Content-Type"]), first(h["Content-Encoding"])
	t.expected = 0
	if lengths := h["Content-Length"]; len(lengths) > 0 {
		if n, err := strconv.Atoi(lengths[0]); err == nil && n > 0 {
			t.expected = min(n, t.most)
		}
	}
	t.fields = nil
	for _, name := range t.names {
		if values := h[name]; len(values) > 0 {
			t.fields = append(t.fields, Field{Name: name, Values: copied(values)})
		}
	}
}

// first is a copy of a field's first value. The usual ones take no memory.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	switch values[0] {
	case "application/json":
		return "application/json"
	case "text/event-stream":
		return "text/event-stream"
	case "gzip":
		return "gzip"
	}
	return bounded(values[0])
}

func copied(values []string) []string {
	all := make([]string, min(len(values), maxValues))
	for i := range all {
		all[i] = bounded(values[i])
	}
	return all
}

func bounded(value string) string { return strings.Clone(value[:min(len(value), maxValue)]) }

// Write keeps as much of p as it may. It always takes all of it.
func (t *Tap) Write(p []byte) (int, error) {
	t.total += int64(len(p))
	kept := 0
	if t.memory != nil {
		kept = len(*t.memory)
	}
	if n := min(len(p), t.most-kept); n > 0 && !t.full && t.room(kept+n) {
		*t.memory = append(*t.memory, p[:n]...)
	}
	return len(p), nil
}

// room makes room for n bytes in all, and reports whether there is.
func (t *Tap) room(n int) bool {
	if t.memory != nil && n <= cap(*t.memory) {
		return true
	}
	memory := t.budget.take(classOf(max(n, t.expected)))
	if memory == nil {
		t.full = true
		t.budget.refused.Add(1)
		return false
	}
	if t.memory != nil {
		*memory = append(*memory, *t.memory...)
		t.budget.give(t.memory)
	}
	t.memory = memory
	return true
}

// End notes that the body came to its end as it should.
func (t *Tap) End() { t.ended = true }

// Begun reports whether there was a message at all.
func (t *Tap) Begun() bool { return t.begun }

// Body is what was kept: the body, or its beginning. Nobody may change it.
func (t *Tap) Body() []byte {
	if t.memory == nil {
		return nil
	}
	return *t.memory
}

// Total is how many bytes have passed.
func (t *Tap) Total() int64 { return t.total }

// Truncated reports whether more has passed than was kept.
func (t *Tap) Truncated() bool { return t.total > int64(len(t.Body())) }

// Starved reports whether that was for want of budget.
func (t *Tap) Starved() bool { return t.full }

// Whole reports whether the body came to its end and all of it was kept.
func (t *Tap) Whole() bool { return t.ended && !t.Truncated() }

// ContentType is that of the message, empty if it has none.
func (t *Tap) ContentType() string { return t.kind }

// ContentEncoding is that of the message, empty if it has none: the body is kept
// as it passed. See Plain.
func (t *Tap) ContentEncoding() string { return t.encoding }

// Fields are those of the wanted header fields that the message has. Nobody may
// change them.
func (t *Tap) Fields() []Field { return t.fields }

// Retain adds a hold, for another reader. It is called by who has one.
func (t *Tap) Retain() { t.holds.Add(1) }

// Release gives a hold up. With the last one the tap and its body are gone. A nil
// tap has none.
func (t *Tap) Release() {
	if t == nil {
		return
	}
	switch n := t.holds.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("tap: released more often than held")
	}
	b := t.budget
	if t.memory != nil {
		b.give(t.memory)
	}
	*t = Tap{}
	b.taps.Put(t)
}
