package schema

import (
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"
)

// longestHost bounds a name of DNS, in bytes.
const longestHost = 253

// TLS says how replicas are met over https. It is immutable.
type TLS struct {
	CA         Value[string] // who must have signed a replica's certificate; empty: one whom the system trusts
	Cert, Key  Value[string] // what the gateway proves itself with; both empty: nothing
	ServerName string        // whom a replica proves to be; empty: the host of its URL
	Insecure   bool          // a replica proves nothing

	// CA, Cert and Key are each one placeholder as written, for a text in PEM.
}

// Same reports whether two of them, which may be nil, mean the same.
func (t *TLS) Same(u *TLS) bool {
	if t == nil || u == nil {
		return t == u
	}
	return t.CA.V == u.CA.V && t.Cert.V == u.Cert.V && t.Key.V == u.Key.V && t.ServerName == u.ServerName && t.Insecure == u.Insecure
}

// tls reads how replicas are met over https.
func (d *document) tls(n node) *TLS {
	t := &TLS{}
	m, ok := d.mappingOrFalse(n, "tls")
	if !ok {
		return t
	}
	defer m.done()
	t.CA = d.material(m, "ca")
	t.Cert, t.Key = d.material(m, "cert"), d.material(m, "key")
	if n, ok := m.take("serverName"); ok {
		t.ServerName = d.serverName(n)
	}
	if n, ok := m.take("insecure"); ok {
		t.Insecure, _ = d.boolean(n, "insecure")
	}
	if at, both := m.position("ca"); both && t.Insecure {
		d.report(at, RuleConflict, "ca says whom to trust, and insecure: true to trust anybody; tls takes one of them")
	}
	d.together(m, "cert", "key")
	d.together(m, "key", "cert")
	return t
}

// together reports a key that stands without another one that belongs to it.
func (d *document) together(m *mapping, key, other string) {
	if at, ok := m.position(key); ok && !m.has(other) && !m.misspelt(other) {
		d.report(at, RuleMissingKey, "%s needs the key %q beside %s", m.what, other, key)
	}
}

// material is a placeholder for a text in PEM, if it is written.
func (d *document) material(m *mapping, key string) Value[string] {
	n, ok := m.take(key)
	if !ok {
		return Value[string]{}
	}
	if n.Kind == yaml.MappingNode {
		d.report(n.pos, RuleType, `%s must be a text; quote it: "${file:/path/to/%s.pem}"`, key, key)
		return Value[string]{}
	}
	v, ok := d.str(n, key)
	if !ok {
		return Value[string]{}
	}
	all, err := Placeholders(v.V)
	switch {
	case err != nil:
		d.report(v.Pos, RuleSecret, "%s", err)
	case len(all) != 1 || all[0].Len != len(v.V):
		d.report(v.Pos, RuleSecret, "%s cannot be %s; write ${file:/path/to/%s.pem}, a file where the gateway runs, or ${env:NAME}", key, quoted(v.V), key)
	default:
		return v
	}
	return Value[string]{}
}

// serverName is the name that a certificate is for.
func (d *document) serverName(n node) string {
	v, ok := d.str(n, "serverName")
	if ok && (!isHost(v.V) || len(v.V) > longestHost) {
		d.report(v.Pos, RuleValue, "serverName cannot be %s; it is the name or the address in a certificate, of letters, digits, - . and _ (write other scripts in punycode)", quoted(v.V))
		return ""
	}
	return v.V
}

// isHost reports whether s is an address or a name that a resolver takes.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	bad := func(r rune) bool { return r > 0x7F || !alphanumeric(byte(r)) && !strings.ContainsRune("-._", r) }
	return s != "" && !strings.ContainsFunc(s, bad)
}
