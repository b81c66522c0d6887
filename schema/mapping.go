package schema

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// fewKeys is how many keys are compared one by one; more go into a map. Most
// mappings have few, and maps of them are most of what parsing would allocate.
const fewKeys = 16

// mostListed bounds the names that a message lists.
const mostListed = 20

// mapping is a YAML mapping that is read key by key. What nobody has taken in
// the end is unknown.
type mapping struct {
	doc     *document
	pos     Position
	what    string // how messages call it
	entries []entry
	index   map[string]int // of the entries, by name, if they are many
	known   []string       // keys that were asked for
	unread  bool           // something that was written is not among the entries
}

// entry is a key and its value. Its name is the key as written.
type entry struct {
	name  string
	key   node
	value node
	taken bool
}

// mapping is n as a mapping, its duplicate keys reported and left out, its
// merge keys (<<) followed.
func (d *document) mapping(n node, what string) (*mapping, bool) {
	if n.Kind != yaml.MappingNode {
		d.mistyped(n, what, "a mapping")
		return nil, false
	}
	m := &mapping{doc: d, pos: n.pos, what: what, entries: make([]entry, 0, len(n.Content)/2), known: make([]string, 0, 8)}
	m.collect(n)
	return m, true
}

// collect adds the entries of n that m does not have yet, and then those of the
// mappings that n merges: what is written wins over what is merged, and what
// is merged first over the rest.
func (m *mapping) collect(n node) {
	own := keysOf{node: n}
	var merged []node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := m.doc.resolve(n.Content[i]), m.doc.resolve(n.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			m.doc.mistyped(key, "a key", "a text")
			m.unread = true
			continue
		}
		name := key.Value
		if first := own.first(m.doc, name, i); first != i {
			m.doc.report(key.pos, RuleDuplicateKey, "the key %s is already set in line %d", quoted(name), n.Content[first].Line)
			m.unread = true
			continue
		}
		if key.Tag == mergeTag {
			merged = append(merged, value)
			continue
		}
		m.add(entry{name: name, key: key, value: value})
	}
	for _, value := range merged {
		m.merge(value)
	}
}

// keysOf finds the first of the keys of one mapping that bears a name.
type keysOf struct {
	node
	index map[string]int // of the content, by name, if there are many
}

// first is the place in the content of the first key of that name, which is at
// the place i unless it comes before.
func (k *keysOf) first(d *document, name string, i int) int {
	if len(k.Content) <= 2*fewKeys {
		for j := 0; j < i; j += 2 {
			if key := d.resolve(k.Content[j]); key.Kind == yaml.ScalarNode && key.Value == name {
				return j
			}
		}
		return i
	}
	if k.index == nil {
		k.index = make(map[string]int, len(k.Content)/2)
	}
	if j, ok := k.index[name]; ok {
		return j
	}
	k.index[name] = i
	return i
}

func (m *mapping) add(e entry) {
	if m.has(e.name) {
		return
	}
	m.entries = append(m.entries, e)
	switch n := len(m.entries); {
	case m.index != nil:
		m.index[e.name] = n - 1
	case n > fewKeys:
		m.index = make(map[string]int, 2*n)
		for i, e := range m.entries {
			m.index[e.name] = i
		}
	}
}

// find is the place of an entry among the entries.
func (m *mapping) find(name string) (int, bool) {
	if m.index != nil {
		i, ok := m.index[name]
		return i, ok
	}
	i := slices.IndexFunc(m.entries, func(e entry) bool { return e.name == name })
	return i, i >= 0
}

// merge adds what a merge key names: a mapping, or a list of them.
func (m *mapping) merge(value node) {
	switch value.Kind {
	case yaml.MappingNode:
		m.collect(value)
		return
	case yaml.SequenceNode:
		for _, item := range value.Content {
			part := m.doc.resolve(item)
			if part.Kind != yaml.MappingNode {
				m.doc.mistyped(part, "what << merges", "a mapping")
				m.unread = true
				continue
			}
			m.collect(part)
		}
	default:
		m.doc.mistyped(value, "what << merges", "a mapping or a list of mappings")
		m.unread = true
	}
}

// take is the value of a key, false when it is not written.
func (m *mapping) take(key string) (node, bool) {
	m.known = append(m.known, key)
	i, ok := m.find(key)
	if !ok {
		return node{}, false
	}
	m.entries[i].taken = true
	return m.entries[i].value, true
}

// position is where a key stands. A nil mapping has none.
func (m *mapping) position(key string) (Position, bool) {
	if m == nil {
		return Position{}, false
	}
	i, ok := m.find(key)
	if !ok {
		return Position{}, false
	}
	return m.entries[i].key.pos, true
}

// need is the value of a key that must be written. A misspelt key is reported
// as such, and not as a missing one too.
func (m *mapping) need(key string) (node, bool) {
	n, ok := m.take(key)
	if !ok && !m.misspelt(key) {
		m.doc.report(m.pos, RuleMissingKey, "%s needs the key %q", m.what, key)
	}
	return n, ok
}

// done reports every key that nobody has asked for.
func (m *mapping) done() {
	for _, e := range m.entries {
		if e.taken {
			continue
		}
		if near, ok := Nearest(e.name, m.known); ok && !m.has(near) {
			m.doc.report(e.key.pos, RuleUnknownKey, "unknown key %s; did you mean %q?", quoted(e.name), near)
			continue
		}
		if len(m.known) > mostListed {
			m.doc.report(e.key.pos, RuleUnknownKey, "unknown key %s; none of the %d keys that %s takes is near", quoted(e.name), len(m.known), m.what)
			continue
		}
		m.doc.report(e.key.pos, RuleUnknownKey, "unknown key %s; %s takes %s", quoted(e.name), m.what, enumerate(m.known))
	}
}

func (m *mapping) has(key string) bool {
	_, ok := m.find(key)
	return ok
}

// enumerate is names for a message, sorted.
func enumerate(names []string) string {
	sorted := slices.Sorted(slices.Values(names))
	return strings.Join(slices.Compact(sorted), ", ")
}

// misspelt reports whether an unknown key of m is near to one of the names, so
// that done will say all there is to say.
func (m *mapping) misspelt(names ...string) bool {
	for _, e := range m.entries {
		if _, near := Nearest(e.name, names); near && !e.taken {
			return true
		}
	}
	return false
}
