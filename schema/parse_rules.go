package schema

import (
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// requestPath is the grammar of what is appended to URLs: segments of RFC 3986
// without escapes, which could be read in two ways.
var requestPath = regexp.MustCompile(`^(/[A-Za-z0-9._~!$&'()*+,=:@-]*)+$`)

// rulesOf is whose rules are read.
type rulesOf struct {
	secrets bool     // headers may hold placeholders
	forward bool     // what forwardAuthorization is where it is not written
	model   bool     // they may name one
	remove  []string // from bodies where it is not written
}

// rules reads how requests are changed on their way.
func (d *document) rules(m *mapping, of rulesOf) Rules {
	r := Rules{ForwardAuthorization: of.forward}
	if n, ok := m.take("path"); ok {
		r.Path = d.pathRule(n)
	}
	if n, ok := m.take("host"); ok {
		r.Host = d.requestHost(n)
	}
	if n, ok := m.take("headers"); ok {
		d.headerRules(n, of, &r)
	}
	if n, ok := m.take("forwardAuthorization"); ok {
		r.ForwardAuthorization, _ = d.boolean(n, "forwardAuthorization")
	}
	r.Body = d.body(m, of.remove)
	if of.model {
		r.Model = d.model(m)
	}
	d.apart(&r.Body, r.Model)
	return r
}

func (d *document) pathRule(n node) (r PathRule) {
	m, ok := d.mapping(n, "path")
	if !ok {
		return r
	}
	defer m.done()
	replace, replaced := m.take("replace")
	prefix, prefixed := m.take("prefix")
	switch {
	case replaced && prefixed:
		d.report(prefix.pos, RuleConflict, "path has both replace and prefix; it takes one of them")
	case replaced:
		r.Replace = d.requestPath(replace, "replace")
	case prefixed:
		r.Prefix = d.requestPath(prefix, "prefix")
		if len(r.Prefix) > 0 && strings.HasSuffix(r.Prefix, "/") {
			d.report(prefix.pos, RuleValue, "prefix must not end with /; the rest of the caller's path begins with one")
		}
	case !m.misspelt("replace", "prefix"):
		d.report(m.pos, RuleMissingKey, `path needs the key "replace" or "prefix"`)
	}
	return r
}

func (d *document) requestPath(n node, what string) string {
	v, ok := d.str(n, what)
	dots := func(segment string) bool { return segment == "." || segment == ".." }
	switch {
	case !ok:
	case !requestPath.MatchString(v.V):
		d.report(v.Pos, RuleValue, "%s cannot be %s; it begins with / and takes letters, digits and -._~!$&'()*+,=:@", what, quoted(v.V))
	case len(v.V) > longestPath:
		d.report(v.Pos, RuleValue, "%s is longer than %d bytes", what, longestPath)
	case slices.ContainsFunc(strings.Split(v.V, "/"), dots):
		d.report(v.Pos, RuleValue, "%s cannot have . or .. for a segment", what)
	default:
		return v.V
	}
	return ""
}

// requestHost is what a request asks for in Host: a host, with or without a port.
func (d *document) requestHost(n node) string {
	v, ok := d.str(n, "host")
	if !ok {
		return ""
	}
	u, err := url.Parse("http://" + v.V)
	if err != nil || u.Host != v.V || !isHost(u.Hostname()) || strings.HasSuffix(v.V, ":") || !portAllowed(u) || len(v.V) > longestHost {
		d.report(v.Pos, RuleValue, "host cannot be %s; write a name or an address, such as models.internal or models.internal:8080", quoted(v.V))
		return ""
	}
	return v.V
}

// headerRules reads fields that are set, or a mapping of fields to set, to add and
// to remove. It is the latter if one of these keys holds more than the value of a
// field.
func (d *document) headerRules(n node, of rulesOf, r *Rules) {
	m, ok := d.mapping(n, "headers")
	if !ok {
		return
	}
	more := func(e entry) bool {
		return isHeaderRule(e) && (e.value.Kind == yaml.MappingNode || e.value.Kind == yaml.SequenceNode)
	}
	if !slices.ContainsFunc(m.entries, more) {
		d.ambiguousFields(m)
		r.Headers = d.fields(m, of)
		return
	}
	defer m.done()
	if n, ok := m.take("set"); ok {
		if set, ok := d.mapping(n, "set"); ok {
			r.Headers = d.fields(set, of)
		}
	}
	if n, ok := m.take("add"); ok {
		if add, ok := d.mapping(n, "add"); ok {
			r.Added = d.fields(add, of)
		}
	}
	if n, ok := m.take("remove"); ok {
		r.Removed = d.fieldNames(n)
	}
	d.strayFields(m)
	d.contradictions(r)
}

func isHeaderRule(e entry) bool { return e.name == "set" || e.name == "add" || e.name == "remove" }

// ambiguousFields reports fields that are named as what more could be said of
// fields.
func (d *document) ambiguousFields(m *mapping) {
	for _, e := range m.entries {
		if isHeaderRule(e) {
			d.report(e.key.pos, RuleConflict, "%s would be a header field here; write %s for that, or a mapping or a list of fields behind %s", e.name, textproto.CanonicalMIMEHeaderKey(e.name), e.name)
		}
	}
}

// strayFields reports fields that stand beside set, add and remove.
func (d *document) strayFields(m *mapping) {
	for i := range m.entries {
		e := &m.entries[i]
		if _, near := Nearest(e.name, m.known); e.taken || near {
			continue // done says so
		}
		e.taken = true
		d.report(e.key.pos, RuleUnknownKey, "%s stands beside set, add or remove; if it is a header field, write it under set", quoted(e.name))
	}
}

// contradictions reports fields that are removed and yet sent.
func (d *document) contradictions(r *Rules) {
	for _, h := range slices.Concat(r.Headers, r.Added) {
		for _, name := range r.Removed {
			if name.V == h.Name.V {
				d.report(name.Pos, RuleConflict, "the header field %s is removed and set; set alone stands in place of the caller's", name.V)
			}
		}
	}
}

// fieldNames are the names of fields to remove.
func (d *document) fieldNames(n node) []Value[string] {
	items, ok := d.list(n, "remove")
	if !ok {
		return nil
	}
	names := make([]Value[string], 0, len(items))
	for _, item := range items {
		s, ok := d.str(item, "the name of a header field")
		if !ok {
			continue
		}
		name, ok := d.fieldName(s, "removed")
		switch {
		case !ok:
		case slices.ContainsFunc(names, func(v Value[string]) bool { return v.V == name.V }):
			d.report(name.Pos, RuleValue, "the header field %s is listed twice", name.V)
		default:
			names = append(names, name)
		}
	}
	return names
}
