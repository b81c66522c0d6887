package schema_test

import (
	"iter"
	"strings"

	"gopkg.in/yaml.v3"
)

// members are the keys and values of a mapping, in its order.
func members(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

// member is the value of a mapping's key, nil without it.
func member(n *yaml.Node, key string) *yaml.Node {
	for name, value := range members(n) {
		if name == key {
			return value
		}
	}
	return nil
}

func scalars(list *yaml.Node) []string {
	all := make([]string, len(list.Content))
	for i, n := range list.Content {
		all[i] = n.Value
	}
	return all
}

// elements are those of a list, none without it.
func elements(list *yaml.Node) []*yaml.Node {
	if list == nil {
		return nil
	}
	return list.Content
}

// flow writes a value on one line, as YAML, with the quotes that it has or without.
func flow(n *yaml.Node, quotes bool) string {
	switch n.Kind { //nolint:exhaustive // all others are scalars
	case yaml.MappingNode:
		var all []string
		for name, value := range members(n) {
			all = append(all, name+": "+flow(value, quotes))
		}
		return "{" + strings.Join(all, ", ") + "}"
	case yaml.SequenceNode:
		all := make([]string, len(n.Content))
		for i, value := range n.Content {
			all[i] = flow(value, quotes)
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	if quotes && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		return `"` + n.Value + `"`
	}
	return n.Value
}

// code is text in a cell of a table, as code; nothing for nothing.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}

// cell is text that stands in a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// sentenceAfter is what follows a separator, as a sentence.
func sentenceAfter(text, separator string) string {
	_, after, ok := strings.Cut(text, separator)
	if !ok || after == "" {
		return text
	}
	return strings.ToUpper(after[:1]) + after[1:]
}
