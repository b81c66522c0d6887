package edit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Edit is what is changed in bodies. It is immutable and safe for concurrent use;
// nil changes nothing.
type Edit struct {
	root   node
	filter filter
}

// node is a part of the way of some pointers.
type node struct {
	name    string
	index   int     // of an element in an array; -1: it is none
	remove  bool    // what is there
	value   []byte  // that is set; nil: none
	under   []*node // the next parts; at most schema.MaxMembers
	missing []byte  // the member, with its name, that is added if it is not there; nil: none is
}

// New makes an Edit; nil if there is nothing to change. The pointers must be of RFC
// 6901 and within the limits of package schema, have no empty parts, and none may
// be or lie under another one.
func New(b deployments.Body) *Edit {
	if len(b.Set)+len(b.Remove) == 0 {
		return nil
	}
	e := &Edit{}
	for _, m := range b.Set {
		e.root.at(m.Pointer).value = m.Value
	}
	for _, pointer := range b.Remove {
		e.root.at(pointer).remove = true
	}
	e.root.complete()
	if len(b.Set) == 0 {
		e.filter = newFilter(b.Remove)
	}
	return e
}

// Of makes the Edit of a version's or a mirror's rules, in which a model is set as
// well; nil if there is nothing to change.
func Of(r deployments.Rules) *Edit {
	b := r.Body
	if r.Model != "" {
		name, err := json.Marshal(r.Model)
		if err != nil {
			panic("edit: a text is always JSON: " + err.Error())
		}
		b.Set = append(slices.Clip(b.Set), deployments.Member{Pointer: "/model", Value: name})
	}
	return New(b)
}

// at finds or makes the node that a pointer leads to.
func (n *node) at(path string) *node {
	for token := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		name := schema.UnescapeToken(token)
		next := n.find(name)
		if next == nil {
			next = &node{name: name, index: index(name)}
			n.under = append(n.under, next)
		}
		n = next
	}
	return n
}

func (n *node) find(name string) *node {
	for _, u := range n.under {
		if u.name == name {
			return u
		}
	}
	return nil
}

// index is the array index that a token stands for, -1 for none: RFC 6901, section
// 4, allows digits without leading zeros.
func index(token string) int {
	i, err := strconv.ParseUint(token, 10, 31)
	if err != nil || len(token) > 1 && token[0] == '0' {
		return -1
	}
	return int(i)
}

// complete writes the members that are added.
func (n *node) complete() {
	var inside [][]byte
	for _, u := range n.under {
		u.complete()
		if u.missing != nil {
			inside = append(inside, u.missing)
		}
	}
	value := n.value
	if len(inside) > 0 {
		value = append(append([]byte{'{'}, bytes.Join(inside, []byte{','})...), '}')
	}
	if value == nil {
		return
	}
	name, err := json.Marshal(n.name)
	if err != nil {
		panic("edit: a text is always JSON: " + err.Error())
	}
	n.missing = append(append(name, ':'), value...)
}

// Outcome is what became of a body.
type Outcome int

// The outcomes.
const (
	Untouched Outcome = iota // there is nothing to change in it
	Edited
	Broken // it begins as a JSON object and does not end as one; it is not changed
)

// splice is a part of a body, from its byte from up to before its byte to, and what
// stands in its place.
type splice struct {
	from, to int64
	text     []byte
}

// Apply edits a body. The pieces of the edited one, of which none is empty, are
// added to dst; they share their memory with the body and with e.
func (e *Edit) Apply(dst, body [][]byte) (pieces [][]byte, outcome Outcome) {
	if e == nil || !e.filter.passes(body) {
		return dst, Untouched
	}
	w := walk{cursor: cursor{pieces: body}}
	if w.space(); w.peek() != '{' {
		return dst, Untouched
	}
	if !w.container(&e.root) {
		return dst, Broken
	}
	if w.space(); w.peek() != 0 || len(w.pieces) > 0 {
		return dst, Broken
	}
	if len(w.splices) == 0 {
		return dst, Untouched
	}
	return assemble(dst, body, w.splices), Edited
}

// assemble puts together what is outside of the splices and what is in their place.
func assemble(dst, body [][]byte, splices []splice) [][]byte {
	add := func(p []byte) {
		if len(p) > 0 {
			dst = append(dst, p)
		}
	}
	pos := int64(0) // of the first byte of data
	for _, data := range body {
		for len(splices) > 0 {
			s := splices[0]
			end := pos + int64(len(data))
			if s.from > end || s.from == end && s.to > s.from {
				break
			}
			if s.from >= pos {
				add(data[:s.from-pos])
				add(s.text)
				data, pos = data[s.from-pos:], s.from
			}
			if s.to > end {
				data, pos = nil, end // the rest of the splice is in the pieces that follow
				break
			}
			data, pos = data[s.to-pos:], s.to
			splices = splices[1:]
		}
		add(data)
		pos += int64(len(data))
	}
	return dst
}
