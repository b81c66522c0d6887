package schema

import (
	"bytes"
	"encoding/json"

	"gopkg.in/yaml.v3"
)

// static is a node as compact JSON. Keys keep their order and numbers their
// digits. It is nil when the node cannot be said in JSON.
func (d *document) static(n node) []byte {
	if n.Kind == yaml.ScalarNode && n.Tag == nullTag && n.Value == "" {
		d.report(n.pos, RuleType, "static has no value; write null if null is the answer")
		return nil
	}
	before := len(d.problems)
	var b bytes.Buffer
	d.json(&b, n, "static")
	if len(d.problems) > before {
		return nil
	}
	return b.Bytes()
}

// json writes a node; what is how messages call the whole.
func (d *document) json(b *bytes.Buffer, n node, what string) {
	switch n.Kind {
	case yaml.MappingNode:
		d.jsonObject(b, n, what)
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			d.json(b, d.resolve(item), what)
		}
		b.WriteByte(']')
	default:
		d.jsonScalar(b, n, what)
	}
}

func (d *document) jsonObject(b *bytes.Buffer, n node, what string) {
	m, _ := d.mapping(n, what)
	b.WriteByte('{')
	for i, e := range m.entries {
		if i > 0 {
			b.WriteByte(',')
		}
		if key, ok := d.str(e.key, "a key of "+what); ok {
			jsonString(b, key.V)
		}
		b.WriteByte(':')
		d.json(b, e.value, what)
	}
	b.WriteByte('}')
}

func (d *document) jsonScalar(b *bytes.Buffer, n node, what string) {
	switch n.Tag {
	case nullTag:
		b.WriteString("null")
	case boolTag:
		v, _ := d.boolean(n, what)
		if v {
			b.WriteString("true")
		} else {
			b.WriteString("false")
		}
	case intTag, floatTag:
		if !decimal.MatchString(n.Value) {
			d.notDecimal(n, "a number of "+what)
			return
		}
		b.WriteString(n.Value)
	case strTag:
		d.jsonText(b, n)
	default:
		d.report(n.pos, RuleType, "%s has no form in JSON; quote it: %q", describe(n), n.Value)
	}
}

// jsonText writes a text, or refuses what was meant as a number.
func (d *document) jsonText(b *bytes.Buffer, n node) {
	if overflows(n) {
		d.report(n.pos, RuleValue, "the number %s is out of range; quote it if it is a text", quoted(n.Value))
		return
	}
	jsonString(b, n.Value)
}

// jsonString writes a JSON string without the escapes that are only there for
// HTML.
func jsonString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a form, and a buffer takes all
	b.Truncate(b.Len() - 1)
}
