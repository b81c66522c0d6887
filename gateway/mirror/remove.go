package mirror

import (
	"bytes"
	"slices"
	"strings"
)

// digests are fields that are wrong about a body of which a part was left out
// (RFC 9530, RFC 3230, RFC 2616 14.15), in the form of the keys of http.Header.
var digests = [...]string{"Content-Digest", "Repr-Digest", "Digest", "Content-Md5"}

// Removal is what copies to a mirror go without: top-level members of bodies that
// are JSON objects. It is immutable. A nil one removes nothing.
type Removal struct{ names []rareName }

// rareName is a name and the place of the byte in it that is the least likely to
// be met in JSON.
type rareName struct {
	name string
	at   int
}

// NewRemoval is the removal of the members of these names, none of which is empty.
// Names of longestName bytes or more, or with what JSON escapes, are not found.
func NewRemoval(names []string) *Removal {
	if len(names) == 0 {
		return nil
	}
	r := &Removal{}
	for _, name := range names {
		r.names = append(r.names, rareName{name, rarest(name)})
	}
	return r
}

// rarest is the place of the byte of a name that stands last among the bytes that
// JSON is made of.
func rarest(name string) int {
	const common = `"0123456789.-etaoinsrhldcumfpgwybvkxjqz`
	at, rank := 0, -1
	for i := range len(name) {
		n := strings.IndexByte(common, name[i])
		if n < 0 {
			return i
		}
		if n > rank {
			at, rank = i, n
		}
	}
	return at
}

// in reports whether the name stands in data.
func (n rareName) in(data []byte) bool {
	for from := n.at; ; from++ {
		i := bytes.IndexByte(data[min(from, len(data)):], n.name[n.at])
		if i < 0 {
			return false
		}
		from += i
		if begin := from - n.at; bytes.HasPrefix(data[begin:], []byte(n.name)) {
			return true
		}
	}
}

func (r *Removal) has(name []byte) bool {
	return slices.ContainsFunc(r.names, func(n rareName) bool { return n.name == string(name) })
}

// remove leaves the members that the mirror does not get out of the copy's body.
func (c *Copy) remove() {
	whole := c.body
	if whole == nil || c.Remove == nil {
		return
	}
	if c.body = whole.without(c.Remove); c.body == whole {
		return
	}
	rest := c.Fields[:0]
	for line := range bytes.SplitAfterSeq(c.Fields, []byte("\r\n")) {
		if !slices.ContainsFunc(digests[:], func(name string) bool { return bytes.HasPrefix(line, []byte(name+":")) }) {
			rest = append(rest, line...)
		}
	}
	c.Fields = rest
}

// without is a complete body after the removal, and otherwise the same to the
// byte; b itself if it is no JSON object or has none of the members. Another body
// than b shares its memory, and takes over one hold of it.
func (b *body) without(r *Removal) *body {
	if !b.isObject() || !b.mentions(r) {
		return b
	}
	cuts := b.members(r)
	if len(cuts) == 0 {
		return b
	}
	rest := &body{memory: b.memory, size: b.size, whole: b}
	rest.refs.Store(1)
	var pos int64
	for _, block := range b.blocks {
		rest.keep(block.data, pos, cuts)
		pos += int64(len(block.data))
	}
	for _, cut := range cuts {
		rest.size -= cut.to - cut.from
	}
	return rest
}

// keep adds what is outside of the cuts of a piece that begins at pos.
func (b *body) keep(data []byte, pos int64, cuts []cut) {
	end := pos + int64(len(data))
	for _, cut := range cuts {
		if cut.to <= pos || cut.from >= end {
			continue
		}
		if cut.from > pos {
			b.blocks = append(b.blocks, &block{data: data[:cut.from-pos], class: shared})
		}
		next := min(cut.to, end)
		data, pos = data[next-pos:], next
	}
	if len(data) > 0 {
		b.blocks = append(b.blocks, &block{data: data, class: shared})
	}
}

// isObject reports whether the body begins as a JSON object does.
func (b *body) isObject() bool {
	c := cursor{blocks: b.blocks}
	c.space()
	return c.peek() == '{'
}

// mentions reports whether one of the names stands anywhere in the body. It is
// all that bodies without any cost, and must be cheap.
func (b *body) mentions(r *Removal) bool {
	for _, n := range r.names {
		for i, block := range b.blocks {
			if n.in(block.data) || i > 0 && n.across(b.blocks[i-1].data, block.data) {
				return true
			}
		}
	}
	return false
}

// across reports whether the name begins in one piece and ends in the next.
func (n rareName) across(before, after []byte) bool {
	var room [2 * longestName]byte
	most := min(len(n.name), longestName) - 1
	seam := append(room[:0], before[max(len(before)-most, 0):]...)
	seam = append(seam, after[:min(most, len(after))]...)
	return n.in(seam)
}

// longestName is more than names have that are to be removed.
const longestName = 160

// cut is a part of a body, from its byte from up to before its byte to.
type cut struct{ from, to int64 }

// members finds the top-level members that are to be removed, each with the comma that has
// to go with it: none if the body is not one JSON object from beginning to end.
// Names count as they are written, without escapes. Values need not be valid as
// long as their brackets and quotes are: deployments in Python take NaN.
func (b *body) members(r *Removal) (cuts []cut) {
	c := cursor{blocks: b.blocks}
	if c.space(); !c.take('{') {
		return nil
	}
	var room [longestName]byte
	stays, before := c.pos, 0 // where the last member that stays ends; the cuts before it
	for {
		begin := c.pos
		name, ok := c.member(room[:0])
		if !ok {
			return nil
		}
		end := c.pos
		c.space()
		last := !c.take(',')
		switch removed := r.has(name); {
		case removed && last:
			cuts = append(cuts[:before], cut{stays, end}) // the comma behind the one that stays goes
		case removed:
			cuts = append(cuts, cut{begin, c.pos})
		default:
			stays, before = end, len(cuts)
		}
		if last {
			break
		}
	}
	if !c.take('}') {
		return nil
	}
	if c.space(); len(c.blocks) > 0 {
		return nil
	}
	return cuts
}
