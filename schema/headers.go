package schema

import (
	"net/textproto"
	"slices"
	"strings"
)

// perConnection reports whether a canonical header field belongs to one
// connection or to the framing of one message (RFC 9110, section 7.6.1; RFC
// 9112), or is taken out of the header by net/http.
func perConnection(canonical string) bool {
	return slices.Contains([]string{
		"Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	}, canonical)
}

// byGateway reports whether the gateway itself sets a canonical header field
// on every request to a deployment.
func byGateway(canonical string) bool {
	return strings.HasPrefix(canonical, "X-Switchyard-") || strings.HasPrefix(canonical, "X-Forwarded-") ||
		slices.Contains([]string{"Forwarded", "Traceparent", "Tracestate", "X-Request-Id"}, canonical)
}

// fields are header fields with their values.
func (d *document) fields(m *mapping, of rulesOf) []Header {
	first := map[string]Position{}
	headers := make([]Header, 0, len(m.entries))
	for i := range m.entries {
		e := &m.entries[i]
		e.taken = true
		_, text := d.str(e.key, "the name of a header field")
		value, ok := d.headerValue(e.value, of)
		written := Value[string]{e.name, e.key.pos}
		name := Value[string]{textproto.CanonicalMIMEHeaderKey(e.name), e.key.pos}
		named := false
		if text {
			_, named = d.fieldName(written, "set")
		}
		switch at, again := first[name.V]; {
		case !named:
		case again:
			d.report(name.Pos, RuleDuplicateKey, "the header field %s is already set in line %d", name.V, at.Line)
		case ok:
			headers = append(headers, Header{name, value})
		}
		first[name.V] = name.Pos
	}
	return headers
}

// fieldName is the canonical name of a field that is to be set or removed.
func (d *document) fieldName(written Value[string], done string) (Value[string], bool) {
	name := Value[string]{textproto.CanonicalMIMEHeaderKey(written.V), written.Pos}
	switch {
	case !isToken(written.V):
		d.report(name.Pos, RuleName, "%s is no name of a header field; it takes letters, digits and -", quoted(written.V))
	case name.V == "Host":
		d.report(name.Pos, RuleName, "the header field Host cannot be %s; it follows from the URL, or from the key host", done)
	case perConnection(name.V):
		d.report(name.Pos, RuleName, "the header field %s cannot be %s; it belongs to one connection", name.V, done)
	case byGateway(name.V):
		d.report(name.Pos, RuleName, "the header field %s cannot be %s; the gateway sets it", name.V, done)
	default:
		return name, true
	}
	return name, false
}

func (d *document) headerValue(n node, of rulesOf) (Value[string], bool) {
	v, ok := d.str(n, "a header's value")
	if !ok {
		return v, false
	}
	bad := func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7F && r < 0xA0 }
	if i := strings.IndexFunc(v.V, bad); i >= 0 {
		d.report(v.Pos, RuleValue, "a header's value cannot hold line ends or other control characters; for a long text write > instead of |, and >- without the last line end")
		return v, false
	}
	all, err := Placeholders(v.V)
	switch {
	case err != nil:
		d.report(v.Pos, RuleSecret, "%s", err)
	case len(all) > 0 && !of.secrets:
		d.report(v.Pos, RuleSecret, "%s stands in deployments only; set the header field on a version of its own for the mirror", all[0])
	default:
		return v, true
	}
	return v, false
}
