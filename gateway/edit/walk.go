package edit

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/switchyard-gateway/switchyard/schema"
)

// longestWritten is more than the longest name of a pointer takes when each of its
// characters is escaped.
const longestWritten = 6*schema.MaxMemberName + 1

// walk goes over a body and notes what is to be changed in it.
type walk struct {
	cursor
	splices []splice // in order, none within another one
	room    [longestWritten]byte
}

// container goes over an object or an array, in which n's next parts lead further.
func (w *walk) container(n *node) bool {
	object, end := true, byte('}')
	if !w.take('{') {
		w.next()
		object, end = false, ']'
	}
	c := members{walk: w, stays: w.pos, before: len(w.splices)}
	begin := w.pos
	if w.space(); w.take(end) {
		c.add(n, object)
		return true
	}
	for i := 0; ; i++ {
		child := n.element(i)
		if object {
			var ok bool
			if child, ok = w.name(n); !ok {
				return false
			}
		}
		w.space()
		removed, ok := w.child(child)
		if !ok {
			return false
		}
		c.seen |= n.bit(child)
		last := c.passed(begin, removed)
		if last {
			break
		}
		begin = w.pos
		w.space()
	}
	if !w.take(end) {
		return false
	}
	c.add(n, object)
	return true
}

// bit stands for one of the next parts.
func (n *node) bit(child *node) uint64 {
	for i, u := range n.under {
		if u == child {
			return 1 << i
		}
	}
	return 0
}

// element is the next part that leads to an element of an array.
func (n *node) element(i int) *node {
	for _, u := range n.under {
		if u.index == i {
			return u
		}
	}
	return nil
}

// name goes over the name of a member and the colon, and returns the next part that
// leads to it, nil if none does.
func (w *walk) name(n *node) (*node, bool) {
	name, ok := w.quoted(w.room[:0])
	if !ok {
		return nil, false
	}
	if w.space(); !w.take(':') {
		return nil, false
	}
	return n.named(name), true
}

// named is the next part of a name as it is written in the body.
func (n *node) named(written []byte) *node {
	if len(written) == longestWritten {
		return nil
	}
	if bytes.IndexByte(written, '\\') < 0 && utf8.Valid(written) {
		for _, u := range n.under {
			if u.name == string(written) {
				return u
			}
		}
		return nil
	}
	var name string
	if json.Unmarshal(append(append([]byte{'"'}, written...), '"'), &name) != nil {
		return nil
	}
	return n.find(name)
}

// child goes over a value that a part leads to, or no part if it is nil.
func (w *walk) child(n *node) (removed, ok bool) {
	from, first := w.pos, w.peek()
	if n != nil && len(n.under) > 0 && (first == '{' || first == '[') {
		return false, w.container(n)
	}
	if !w.value() {
		return false, false
	}
	if n != nil && n.value != nil {
		w.splices = append(w.splices, splice{from, w.pos, n.value})
	}
	return n != nil && n.remove, true
}

// members is what is known of the members of an object, or the elements of an
// array, that have been gone over.
type members struct {
	*walk
	stays  int64  // where the last one that stays ends
	before int    // the splices up to there
	some   bool   // one stays
	seen   uint64 // the next parts that were met
}

// passed notes what became of the one that began there and has just ended, and
// goes over the comma behind it, if it is not the last one.
func (c *members) passed(begin int64, removed bool) (last bool) {
	end := c.pos
	c.space()
	last = !c.take(',')
	switch {
	case removed && last:
		c.splices = append(c.splices[:c.before], splice{from: c.stays, to: end}) // the comma behind the one that stays goes
	case removed:
		c.splices = append(c.splices, splice{from: begin, to: c.pos})
	default:
		c.stays, c.before, c.some = end, len(c.splices), true
	}
	return last
}

// add adds the members that the object lacks, behind the last one that stays. Into
// arrays nothing is added.
func (c *members) add(n *node, object bool) {
	if !object {
		return
	}
	var text []byte
	for i, u := range n.under {
		if u.missing == nil || c.seen>>i&1 != 0 {
			continue
		}
		if c.some || len(text) > 0 {
			text = append(text, ',')
		}
		text = append(text, u.missing...)
	}
	switch k := len(c.splices); {
	case text == nil:
	case k > c.before: // of those behind it, which are removed: the last cut begins there
		c.splices[k-1].text = text
	default:
		c.splices = append(c.splices, splice{from: c.stays, to: c.stays, text: text})
	}
}
