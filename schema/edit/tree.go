package edit

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// tree is what a YAML node says, without how it says it: anchors are followed,
// and styles, comments and positions left out.
type tree struct {
	kind     yaml.Kind
	tag      string
	value    string
	keys     []string // of a mapping, in the order of the file
	children []*tree  // values of a mapping, or items of a list
}

// deepest bounds how far trees go: further down lies nothing that is edited.
const deepest = 64

// newTree is the tree of a node. What lies beyond the bound is left out, and so
// are the repetitions of a file whose aliases unfold to more than mostNodes.
func newTree(n *yaml.Node) *tree {
	left := mostNodes
	return grow(n, deepest, &left)
}

// mostNodes bounds what aliases can unfold to. It is above what schema takes.
const mostNodes = 100_000

func grow(n *yaml.Node, depth int, left *int) *tree {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	*left--
	t := &tree{kind: n.Kind, tag: n.ShortTag(), value: n.Value}
	if depth == 0 || *left < 0 {
		return t
	}
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			t.children = append(t.children, grow(c, depth-1, left))
		}
		return t
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		t.keys = append(t.keys, keyOf(n.Content[i]))
		t.children = append(t.children, grow(n.Content[i+1], depth-1, left))
	}
	return t
}

// keyOf is the name of a key, as documents take keys: texts.
func keyOf(n *yaml.Node) string {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Value
}

func (t *tree) equal(o *tree) bool {
	if t == nil || o == nil {
		return t == o
	}
	return t.kind == o.kind && t.tag == o.tag && t.value == o.value &&
		slices.Equal(t.keys, o.keys) && slices.EqualFunc(t.children, o.children, (*tree).equal)
}

// at is the tree at a path, nil if there is none.
func (t *tree) at(path []string) *tree {
	for _, key := range path {
		i := slices.Index(t.keys, key)
		if i < 0 {
			return nil
		}
		t = t.children[i]
	}
	return t
}

// set puts a value where a key stands, or behind the key after; without it, at
// the end.
func (t *tree) set(key string, value *tree, after string) {
	if i := slices.Index(t.keys, key); i >= 0 {
		t.children[i] = value
		return
	}
	i := len(t.keys)
	if j := slices.Index(t.keys, after); j >= 0 {
		i = j + 1
	}
	t.keys = slices.Insert(t.keys, i, key)
	t.children = slices.Insert(t.children, i, value)
}

func (t *tree) remove(key string) {
	if i := slices.Index(t.keys, key); i >= 0 {
		t.keys = slices.Delete(t.keys, i, i+1)
		t.children = slices.Delete(t.children, i, i+1)
	}
}
