package schema

import (
	"bytes"
	"slices"
)

// BodyRules say what is changed in bodies that are JSON objects.
type BodyRules struct {
	Set    []Member
	Remove []Value[string] // JSON pointers
}

// Member is what a JSON pointer leads to.
type Member struct {
	Pointer Value[string]
	Value   []byte // compact JSON
}

// The limits of BodyRules.
const (
	MaxMembers    = 64  // set and removed
	MaxMemberName = 128 // bytes of each part of a pointer
)

// DefaultRemove is what is left out of the bodies of copies where a mirror does
// not say: the webhook that Modelbit calls with the answer, which would otherwise
// be called for the copy as well.
func DefaultRemove() []string { return []string{"/response_webhook"} }

// Same reports whether both change bodies in the same way.
func (b *BodyRules) Same(c *BodyRules) bool {
	return slices.EqualFunc(b.Remove, c.Remove, func(p, q Value[string]) bool { return p.V == q.V }) &&
		slices.EqualFunc(b.Set, c.Set, func(m, n Member) bool { return m.Pointer.V == n.Pointer.V && bytes.Equal(m.Value, n.Value) })
}
