package mirror

import (
	"bytes"

	"github.com/switchyard-gateway/switchyard/gateway/edit"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
)

// edit changes the copy's body as the mirror has it. Memory for pieces comes from
// the worker.
func (c *Copy) edit(w *worker) {
	whole := c.body
	if whole == nil {
		return
	}
	for _, e := range c.Edits {
		c.body = c.body.edited(e, w)
	}
	if c.body == whole {
		return
	}
	rest := c.Fields[:0]
	for line := range bytes.SplitAfterSeq(c.Fields, []byte("\r\n")) {
		if name, _, _ := bytes.Cut(line, []byte(":")); !forward.Digest(string(name)) {
			rest = append(rest, line...)
		}
	}
	c.Fields = rest
}

// edited is a complete body after an edit, and otherwise the same to the byte; b
// itself if there is nothing to change in it. Another body than b shares its
// memory, and takes over one hold of it.
func (b *body) edited(e *edit.Edit, w *worker) *body {
	w.pieces = w.pieces[:0]
	for _, block := range b.blocks {
		w.pieces = append(w.pieces, block.data)
	}
	defer clear(w.pieces)
	pieces, outcome := e.Apply(nil, w.pieces)
	if outcome != edit.Edited {
		return b
	}
	rest := &body{memory: b.memory, whole: b}
	rest.refs.Store(1)
	for _, p := range pieces {
		rest.blocks = append(rest.blocks, &block{data: p, class: shared})
		rest.size += int64(len(p))
	}
	return rest
}
