package schema

import (
	"cmp"
	"strconv"
)

// Position is a place in a committed file. The zero Line means the file as a
// whole, the zero File the revision as a whole.
type Position struct {
	Branch string // empty for the endpoints branch and for a work tree
	File   string // slash-separated, relative to the root of the tree
	Line   int    // counted from 1
	Column int    // counted from 1, in characters
}

// String is "file:line:col", in front of which git's "branch:" stands where the
// file is not on the endpoints branch.
func (p Position) String() string {
	s := p.File
	if p.Branch != "" {
		s = p.Branch + ":" + s
	}
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
	}
	return s
}

// Compare orders positions by branch, file, line and column; the endpoints
// branch comes first.
func (p Position) Compare(q Position) int {
	return cmp.Or(
		cmp.Compare(p.Branch, q.Branch),
		cmp.Compare(p.File, q.File),
		cmp.Compare(p.Line, q.Line),
		cmp.Compare(p.Column, q.Column),
	)
}

// Value is a parsed value and the place where it was written. A value that was
// not written, and so is a default, has the position of what holds it.
type Value[T any] struct {
	V   T
	Pos Position
}
