package schema

import (
	"encoding/hex"
	"math"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// The bounds of limits.
const (
	mostRequests     = 1_000_000_000
	longestPer       = 24 * time.Hour
	mostNamePatterns = 100
)

// apiKey reads the document of an API key.
func (d *document) apiKey(root *mapping) *APIKey {
	k := &APIKey{Pos: root.pos}
	if n, ok := root.need("hash"); ok {
		k.Hash = d.keyHash(n)
	}
	if n, ok := root.need("endpoints"); ok {
		k.Endpoints = d.namePatterns(n)
	}
	if n, ok := root.take("expires"); ok {
		k.Expires = d.instant(n, "expires")
	}
	k.Limits = d.allowance(root)
	root.done()
	return k
}

// keyHash is "sha256:" and 64 digits. Messages never repeat what is written:
// somebody may have put the key there.
func (d *document) keyHash(n node) Value[KeyHash] {
	v := Value[KeyHash]{Pos: n.pos}
	s, ok := d.secretText(n, "hash")
	if !ok {
		return v
	}
	digits, prefixed := strings.CutPrefix(s, "sha256:")
	sum, err := hex.DecodeString(digits)
	if !prefixed || err != nil || len(sum) != len(v.V) || strings.ToLower(digits) != digits {
		d.report(n.pos, RuleValue, `hash is "sha256:" and 64 of 0-9 and a-f, as switchyard key create prints it; the key itself must never stand in git`)
		return v
	}
	copy(v.V[:], sum)
	if v.V == (KeyHash{}) {
		d.report(n.pos, RuleValue, "hash is all zeros, which is the hash of no key; paste what switchyard key create prints")
	}
	return v
}

// secretText is a text that no message may show.
func (d *document) secretText(n node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != strTag {
		d.report(n.pos, RuleType, "%s must be a text; quote it", what)
		return "", false
	}
	return n.Value, true
}

// namePatterns are names of endpoints in which * stands for any characters.
func (d *document) namePatterns(n node) []Value[string] {
	items, ok := d.oneOrMore(n, "endpoints")
	if !ok {
		return nil
	}
	if len(items) > mostNamePatterns {
		d.report(n.pos, RuleSize, "endpoints lists more than %d patterns; * stands for any characters of a name", mostNamePatterns)
		return nil
	}
	all := make([]Value[string], 0, len(items))
	for _, item := range items {
		v, ok := d.str(item, "the name of an endpoint")
		switch {
		case !ok:
		case !isPattern(v.V):
			d.report(v.Pos, RuleName, "%s names no endpoint; write a name of %s, in which * stands for any characters", quoted(v.V), endpointForm)
		case slices.ContainsFunc(all, func(w Value[string]) bool { return w.V == v.V }):
			d.report(v.Pos, RuleValue, "%s is listed twice", quoted(v.V))
		default:
			all = append(all, v)
		}
	}
	return all
}

// isPattern reports whether s is an endpoint's name that may have * in it.
func isPattern(s string) bool {
	return len(s) <= longestName && (strings.Trim(s, "*") == "" && s != "" || IsEndpointName(strings.ReplaceAll(s, "*", ""))) && !strings.Contains(s, "**")
}

// instant is a date, whose beginning in UTC is meant, or a time with its zone.
func (d *document) instant(n node, what string) Value[time.Time] {
	v := Value[time.Time]{Pos: n.pos}
	if n.Kind != yaml.ScalarNode || n.Tag != strTag && n.Tag != timestampTag {
		d.mistyped(n, what, "a date such as 2030-01-31, or a time such as 2030-01-31T12:00:00Z")
		return v
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, n.Value); err == nil {
			v.V = t.UTC()
			return v
		}
	}
	d.report(n.pos, RuleValue, "%s must be a date such as 2030-01-31, or a time such as 2030-01-31T12:00:00Z, not %s", what, quoted(n.Value))
	return v
}

// allowance reads what bounds a key or an endpoint.
func (d *document) allowance(m *mapping) Allowance {
	var l Allowance
	if n, ok := m.take("rateLimit"); ok {
		l.Rate = d.rateLimit(n)
	}
	if n, ok := m.take("maxInFlight"); ok {
		v, _ := d.integer(n, "maxInFlight", 1, mostRequests)
		l.InFlight = v.V
	}
	if n, ok := m.take("maxInFlightBytes"); ok {
		l.InFlightBytes = d.bytes(n, "maxInFlightBytes", 1, math.MaxInt64, "1 or above")
	}
	return l
}

func (d *document) rateLimit(n node) RateLimit {
	var r RateLimit
	m, ok := d.mapping(n, "rateLimit")
	if !ok {
		return r
	}
	defer m.done()
	if n, ok := m.need("requests"); ok {
		v, _ := d.integer(n, "requests", 1, mostRequests)
		r.Requests = v.V
	}
	r.Per = DefaultPer
	d.duration(m, "per", &r.Per, time.Millisecond, longestPer)
	r.Burst = r.Requests
	if n, ok := m.take("burst"); ok {
		v, _ := d.integer(n, "burst", 1, mostRequests)
		r.Burst = v.V
	}
	return r
}

// guard reads what an endpoint asks of its callers.
func (d *document) guard(root *mapping) Guard {
	var g Guard
	if n, ok := root.take("access"); ok {
		g.Access = choice(d, n, "access", Accesses())
	}
	if n, ok := root.take("forwardKey"); ok {
		g.ForwardKey, _ = d.boolean(n, "forwardKey")
	}
	g.Limits = d.allowance(root)
	if n, ok := root.take("cors"); ok {
		g.CORS = d.cors(n)
	}
	return g
}

func (d *document) cors(n node) *CORS {
	m, ok := d.mapping(n, "cors")
	if !ok {
		return nil
	}
	defer m.done()
	c := &CORS{Methods: []string{"GET", "HEAD", "POST"}, MaxAge: DefaultCORSMaxAge}
	var origins node
	if origins, ok = m.need("origins"); ok {
		c.Origins = d.origins(origins)
	}
	if n, ok := m.take("methods"); ok {
		c.Methods = plainValues(d.methods(n))
	}
	if n, ok := m.take("headers"); ok {
		c.Headers = d.corsFields(n, "headers")
	}
	if n, ok := m.take("exposeHeaders"); ok {
		c.Expose = d.corsFields(n, "exposeHeaders")
	}
	if n, ok := m.take("credentials"); ok {
		c.Credentials, _ = d.boolean(n, "credentials")
	}
	d.duration(m, "maxAge", &c.MaxAge, 0, 24*time.Hour)
	if c.Credentials && slices.Contains(c.Origins, "*") {
		d.report(origins.pos, RuleConflict, `origins cannot be "*" with credentials: true, which would let every page act as whoever looks at it; list the origins`)
	}
	return c
}

func plainValues(written []Value[string]) []string {
	all := make([]string, len(written))
	for i, v := range written {
		all[i] = v.V
	}
	return all
}

// origins are those of pages, in the form in which browsers send them.
func (d *document) origins(n node) []string {
	items, ok := d.oneOrMore(n, "origins")
	if !ok {
		return nil
	}
	var all []string
	for _, item := range items {
		v, ok := d.str(item, "an origin")
		switch {
		case !ok:
		case v.V != "*" && !isOrigin(v.V):
			d.report(v.Pos, RuleValue, "%s is no origin; write it as browsers do, in small letters and without a path, such as https://app.example.com", quoted(v.V))
		case slices.Contains(all, v.V):
			d.report(v.Pos, RuleValue, "the origin %s is listed twice", v.V)
		default:
			all = append(all, v.V)
		}
	}
	return all
}

// isOrigin reports whether a browser can send s as the origin of a page (RFC
// 6454, section 6.2).
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Opaque != "" || s != u.Scheme+"://"+u.Host || strings.ToLower(s) != s {
		return false
	}
	standard := map[string]string{"http": "80", "https": "443"}
	return u.Port() != standard[u.Scheme] || u.Port() == ""
}

// corsFields are names of header fields in CORS.
func (d *document) corsFields(n node, what string) []string {
	items, ok := d.oneOrMore(n, what)
	if !ok {
		return nil
	}
	var all []string
	for _, item := range items {
		v, ok := d.str(item, "the name of a header field")
		name := textproto.CanonicalMIMEHeaderKey(v.V)
		switch {
		case !ok:
		case !isToken(v.V) || v.V == "*":
			d.report(v.Pos, RuleName, "%s is no name of a header field; it takes letters, digits and -", quoted(v.V))
		case slices.Contains(all, name):
			d.report(v.Pos, RuleValue, "the header field %s is listed twice", name)
		default:
			all = append(all, name)
		}
	}
	return all
}
