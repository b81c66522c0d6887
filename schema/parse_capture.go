package schema

import (
	"net/textproto"
	"slices"
	"strings"
)

// Bounds of what is captured.
const (
	maxCapture        = 256 << 10 // bytes of a body
	mostCaptured      = 16        // header fields
	defaultMaxCapture = 64 << 10
)

// confidential reports whether a header field, canonical, holds what must not stand in
// records: credentials, also where a server takes underscores for hyphens.
func confidential(name string) bool {
	name = textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
	return name == "Proxy-Authorization" || name == "Set-Cookie" || slices.Contains(Credentials(), name)
}

// capture reads what is captured of requests and answers.
func (d *document) capture(n node) *Capture {
	m, ok := d.mapping(n, "capture")
	if !ok {
		return nil
	}
	defer m.done()
	c := &Capture{Percent: Value[float64]{100, m.pos}, MaxBytes: Value[int64]{defaultMaxCapture, m.pos}}
	for _, part := range []struct {
		key string
		on  *bool
	}{{"request", &c.Request}, {"response", &c.Response}} {
		if n, written := m.take(part.key); written {
			on, typed := d.boolean(n, part.key)
			*part.on, ok = on, ok && typed
		}
	}
	if ok && !c.Request && !c.Response && !m.misspelt("request", "response") {
		d.report(m.pos, RuleValue, "capture captures nothing; write request: true, response: true or both, or leave capture out")
	}
	if n, ok := m.take("percent"); ok {
		c.Percent = d.share(n, "to capture nothing leave capture out")
	}
	if n, ok := m.take("maxBytes"); ok {
		c.MaxBytes = Value[int64]{d.bytes(n, "maxBytes", 1, maxCapture, "from 1 to 256KiB"), n.pos}
	}
	if n, ok := m.take("redact"); ok {
		c.Redact = d.patterns(n, "redact")
	}
	if n, ok := m.take("headers"); ok {
		c.Headers = d.capturedHeaders(n)
	}
	return c
}

// texts reads a list of texts, at most so many, none of them twice. read says what
// a text stands for, or reports what is wrong with it.
func (d *document) texts(n node, what string, most int, read func(Value[string]) (string, bool)) []Value[string] {
	items, ok := d.oneOrMore(n, what)
	if !ok {
		return nil
	}
	if len(items) > most {
		d.report(n.pos, RuleSize, "%s has %d items; %d are allowed", what, len(items), most)
		return nil
	}
	all := make([]Value[string], 0, len(items))
	for _, item := range items {
		s, ok := d.str(item, "an item of "+what)
		if !ok {
			continue
		}
		text, ok := read(s)
		switch {
		case !ok:
		case slices.ContainsFunc(all, func(v Value[string]) bool { return v.V == text }):
			d.report(s.Pos, RuleValue, "%s is listed twice", quoted(text))
		default:
			all = append(all, Value[string]{text, s.Pos})
		}
	}
	return all
}

// capturedHeaders is the names of header fields, in canonical form.
func (d *document) capturedHeaders(n node) []Value[string] {
	return d.texts(n, "headers", mostCaptured, func(s Value[string]) (string, bool) {
		name := textproto.CanonicalMIMEHeaderKey(s.V)
		switch {
		case !isToken(s.V):
			d.report(s.Pos, RuleName, "%s is no name of a header field; it takes letters, digits and -", quoted(s.V))
		case confidential(name):
			d.report(s.Pos, RuleSecret, "the header field %s holds credentials and is never captured", name)
		default:
			return name, true
		}
		return "", false
	})
}
