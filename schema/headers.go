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

// headers is the fields that a version sets on its requests.
func (d *document) headers(n node) []Header {
	m, ok := d.mapping(n, "headers")
	if !ok {
		return nil
	}
	first := map[string]Position{}
	headers := make([]Header, 0, len(m.entries))
	for _, e := range m.entries {
		name := Value[string]{textproto.CanonicalMIMEHeaderKey(e.name), e.key.pos}
		_, text := d.str(e.key, "the name of a header field")
		value, ok := d.headerValue(e)
		switch at, again := first[name.V]; {
		case !text || !d.headerName(name, e):
		case again:
			d.report(name.Pos, RuleDuplicateKey, "the header field %s is already set in line %d", name.V, at.Line)
		case ok:
			headers = append(headers, Header{name, value})
		}
		first[name.V] = name.Pos
	}
	return headers
}

func (d *document) headerName(name Value[string], e entry) bool {
	switch {
	case !isToken(e.name):
		d.report(name.Pos, RuleName, "%s is no name of a header field; it takes letters, digits and -", quoted(e.name))
	case name.V == "Host":
		d.report(name.Pos, RuleName, "the header field Host cannot be set; it follows from the URL")
	case perConnection(name.V):
		d.report(name.Pos, RuleName, "the header field %s cannot be set; it belongs to one connection", name.V)
	case byGateway(name.V):
		d.report(name.Pos, RuleName, "the header field %s cannot be set; the gateway sets it", name.V)
	default:
		return true
	}
	return false
}

func (d *document) headerValue(e entry) (Value[string], bool) {
	v, ok := d.str(e.value, "a header's value")
	if !ok {
		return v, false
	}
	bad := func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7F && r < 0xA0 }
	if i := strings.IndexFunc(v.V, bad); i >= 0 {
		d.report(v.Pos, RuleValue, "a header's value cannot hold line ends or other control characters; for a long text write > instead of |, and >- without the last line end")
		return v, false
	}
	if _, err := Placeholders(v.V); err != nil {
		d.report(v.Pos, RuleSecret, "%s", err)
		return v, false
	}
	return v, true
}
