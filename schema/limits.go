package schema

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// The limits of one document.
const (
	MaxFileSize = 64 << 10 // bytes of a file

	maxDepth = 64       // of nesting, with aliases followed
	maxNodes = 64 << 10 // with every alias counted as what it stands for; no file without aliases has more
	maxBytes = 1 << 20  // of all scalars, counted likewise
)

// The tags that yaml.v3 gives to what is written without one.
const (
	nullTag      = "!!null"
	boolTag      = "!!bool"
	strTag       = "!!str"
	intTag       = "!!int"
	floatTag     = "!!float"
	timestampTag = "!!timestamp"
	mergeTag     = "!!merge"
)

// survey walks a tree with its aliases followed and stops at the first limit,
// so that whoever walks it afterwards need not count.
type survey struct {
	doc          *document
	nodes, bytes int
	open         []*yaml.Node // anchored nodes that the walk is inside of
	aliased      *yaml.Node   // outermost alias that the walk is behind of
}

// withinLimits reports whether the tree can be walked recursively. It also
// reports the tags in it and takes them away.
func (d *document) withinLimits(root *yaml.Node) bool {
	return (&survey{doc: d}).walk(root, 1)
}

func (s *survey) walk(n *yaml.Node, depth int) bool {
	at := s.doc.at(n.Line, n.Column)
	if s.aliased != nil {
		at = s.doc.at(s.aliased.Line, s.aliased.Column)
	}
	s.nodes++
	s.bytes += len(n.Value)
	switch {
	case depth > maxDepth:
		s.doc.report(at, RuleSize, "nested deeper than %d levels", maxDepth)
		return false
	case s.nodes > maxNodes || s.bytes > maxBytes:
		s.doc.report(at, RuleSize, "the document grows beyond %d values or %d KiB when its aliases are followed", maxNodes, maxBytes>>10)
		return false
	case n.Kind == yaml.AliasNode && slices.Contains(s.open, n.Alias):
		s.doc.report(at, RuleSize, "the alias *%s stands inside of its own anchor", n.Value)
		return false
	case n.Kind == yaml.AliasNode:
		return s.follow(n, depth)
	}
	s.untag(n)
	if n.Anchor != "" {
		s.open = append(s.open, n)
		defer func() { s.open = s.open[:len(s.open)-1] }()
	}
	for _, child := range n.Content {
		if !s.walk(child, depth+1) {
			return false
		}
	}
	return true
}

// follow walks what an alias stands for. Problems are reported at the alias.
func (s *survey) follow(n *yaml.Node, depth int) bool {
	if s.aliased == nil {
		s.aliased = n
		defer func() { s.aliased = nil }()
	}
	return s.walk(n.Alias, depth+1)
}

// untag refuses a written tag and goes on as if it was not there. Plain YAML
// says every type that documents need.
func (s *survey) untag(n *yaml.Node) {
	if n.Style&yaml.TaggedStyle == 0 {
		return
	}
	s.doc.report(s.doc.at(n.Line, n.Column), RuleType, "the tag %s is not allowed; quote what is a text, and write other values plainly", n.Tag)
	n.Style &^= yaml.TaggedStyle
	n.Tag = ""
	n.Tag = n.ShortTag()
}
