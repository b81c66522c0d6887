package gitsync

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
)

// Trees are written one after the other, each a folder's number of entries and
// then these. An entry is 0 and then its name, mode, size, content and number of
// entries with these; or, when the same node came before, its place among all
// that ended before, beginning with 1. So branches that share files share them
// here as well, and again in memory. Numbers are varints.

func encodeTrees(r *Revision, branches []string) []byte {
	w := &treeWriter{seen: map[*node]uint64{}}
	for _, branch := range branches {
		var entries []*node
		if t, ok := r.Heads[branch].Tree.(tree); ok && t.root != nil {
			entries = t.root.entries
		}
		w.nodes(entries)
	}
	return w.out
}

type treeWriter struct {
	out  []byte
	seen map[*node]uint64
}

func (w *treeWriter) number(n uint64) { w.out = binary.AppendUvarint(w.out, n) }

func (w *treeWriter) nodes(nodes []*node) {
	w.number(uint64(len(nodes)))
	for _, n := range nodes {
		w.node(n)
	}
}

func (w *treeWriter) node(n *node) {
	at := w.seen[n]
	w.number(at)
	if at != 0 {
		return
	}
	w.number(uint64(len(n.name)))
	w.out = append(w.out, n.name...)
	w.number(uint64(n.mode))
	w.number(uint64(n.size))
	w.number(uint64(len(n.data)))
	w.out = append(w.out, n.data...)
	w.nodes(n.entries)
	w.seen[n] = uint64(len(w.seen)) + 1
}

// deepest is how many folders a tree may have above each other; a revision has two.
const deepest = 8

var errTrees = errors.New("it is damaged: its trees cannot be read")

// decodeTrees gives the roots of so many trees. What it gives shares data.
func decodeTrees(data []byte, count int) ([]*node, error) {
	r := &treeReader{rest: data}
	roots := make([]*node, count)
	for i := range roots {
		roots[i] = folder(".", r.nodes(0))
	}
	if r.failed || len(r.rest) > 0 {
		return nil, errTrees
	}
	return roots, nil
}

// treeReader reads until something is wrong, and nothing from then on.
type treeReader struct {
	rest   []byte
	seen   []*node
	spare  []node
	failed bool
}

func (r *treeReader) fail() {
	r.failed, r.rest = true, nil
}

func (r *treeReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *treeReader) bytes() []byte {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	out := r.rest[:n:n]
	r.rest = r.rest[n:]
	return out
}

func (r *treeReader) nodes(depth int) []*node {
	n := r.number()
	if n > uint64(len(r.rest)) || depth > deepest {
		r.fail()
		return nil
	}
	out := make([]*node, 0, n)
	for range n {
		entry := r.node(depth)
		if r.failed {
			return nil
		}
		out = append(out, entry)
	}
	return out
}

func (r *treeReader) node(depth int) *node {
	at := r.number()
	if at > uint64(len(r.seen)) {
		r.fail()
		return nil
	}
	if at > 0 {
		return r.seen[at-1]
	}
	n := r.blank()
	n.name = string(r.bytes())
	n.mode = fs.FileMode(r.number())
	size := r.number()
	n.size = int64(min(size, math.MaxInt64))
	if data := r.bytes(); len(data) > 0 || size == 0 {
		n.data = data
	}
	entries := r.nodes(depth + 1)
	if n.mode.IsDir() {
		*n = *folder(n.name, entries)
	}
	if n.data != nil && uint64(len(n.data)) != size || len(entries) > 0 && !n.IsDir() {
		r.fail()
	}
	r.seen = append(r.seen, n)
	return n
}

// blank is an empty node. They are made many at a time.
func (r *treeReader) blank() *node {
	if len(r.spare) == 0 {
		r.spare = make([]node, 256)
	}
	n := &r.spare[0]
	r.spare = r.spare[1:]
	return n
}
