package schema

import (
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"unicode"
)

// DefaultSampling is the ladder of keys by which mirrors sample where an
// endpoint does not say.
func DefaultSampling() []Key {
	return []Key{{KeyHeader, "X-User-Id"}, {KeyCookie, "session_id"}, {KeyCookie, "JSESSIONID"}}
}

// keyForms lists what a key can be, for messages.
const keyForms = "header:NAME, cookie:NAME, query:NAME, body:/json/pointer or jwt:CLAIM"

// ParseKey parses a key as it is written in YAML. The name of a header is made
// canonical. The error says what is wrong and what is allowed.
func ParseKey(s string) (Key, error) {
	source, name, ok := strings.Cut(s, ":")
	if !ok {
		return Key{}, fmt.Errorf("%s has no source; write %s", quoted(s), keyForms)
	}
	switch KeySource(source) {
	case KeyHeader:
		return headerKey(name)
	case KeyCookie:
		if !isToken(name) {
			return Key{}, fmt.Errorf("%s is no name of a cookie; write cookie:NAME", quoted(name))
		}
	case KeyQuery:
		if name == "" || len(name) > longestName || strings.ContainsFunc(name, unicode.IsControl) {
			return Key{}, fmt.Errorf("%s is no name of a query parameter; write query:NAME, of at most %d bytes", quoted(name), longestName)
		}
	case KeyBody:
		if problem := pointerProblem(name, "body:/user/id"); problem != "" {
			return Key{}, fmt.Errorf("%s is no JSON pointer: %s", quoted(name), problem)
		}
	case KeyJWT:
		if name == "" || len(name) > longestName || strings.ContainsFunc(name, unicode.IsControl) {
			return Key{}, fmt.Errorf("%s is no name of a claim; write jwt:sub, or another claim of at most %d bytes", quoted(name), longestName)
		}
	default:
		if near, ok := Nearest(source, []string{"header", "cookie", "query", "body", "jwt"}); ok {
			return Key{}, fmt.Errorf("unknown source %s; did you mean %q?", quoted(source), near)
		}
		return Key{}, fmt.Errorf("unknown source %s; write %s", quoted(source), keyForms)
	}
	return Key{KeySource(source), name}, nil
}

// Confidential reports whether the value of a key is a credential or may be one: every
// cookie, as the field Cookie is among Credentials, and parameters of the query whose names
// say so. Header fields that hold credentials are no keys.
func (k Key) Confidential() bool {
	return k.Source == KeyCookie || k.Source == KeyQuery && confidentialParameter(k.Name)
}

// confidentialParameter reports whether a parameter of a query holds a credential, by its
// name, in which letter case does not count, nor - in place of _.
func confidentialParameter(name string) bool {
	switch strings.ReplaceAll(strings.ToLower(name), "-", "_") {
	case "access_key", "access_token", "accesskey", "accesstoken", "api_key", "api_token", "apikey", "apitoken", "app_key", "auth", "auth_token", "authorization",
		"bearer", "client_secret", "credential", "id_token", "jwt", "key", "passwd", "password", "pwd", "refresh_token", "secret", "session", "session_id",
		"session_token", "sessionid", "sid", "sig", "signature", "subscription_key", "token", "user_key", "x_amz_credential", "x_amz_security_token",
		"x_amz_signature", "x_api_key", "x_goog_credential", "x_goog_signature":
		return true
	}
	return false
}

func headerKey(name string) (Key, error) {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !isToken(name):
		return Key{}, fmt.Errorf("%s is no name of a header field; write header:NAME", quoted(name))
	case perConnection(canonical):
		return Key{}, fmt.Errorf("the header field %s belongs to one connection and tells no subject", canonical)
	case confidential(canonical):
		return Key{}, fmt.Errorf("the header field %s holds credentials, which must not stand in records as the subject; name who calls by jwt:sub, cookie:NAME or another field", canonical)
	}
	return Key{KeyHeader, canonical}, nil
}

// UnescapeToken is a token of a pointer as the name that it stands for. The order of
// the replacements is that of RFC 6901, section 4.
func UnescapeToken(token string) string {
	if !strings.Contains(token, "~") {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// pointerProblem says why s is no JSON pointer of RFC 6901 to a part of a body;
// it is empty for a good one.
func pointerProblem(s, example string) string {
	const longest = 1024
	switch {
	case !strings.HasPrefix(s, "/"):
		return "it must begin with /, such as " + example
	case len(s) > longest:
		return fmt.Sprintf("it is longer than %d bytes", longest)
	}
	for rest := s; ; {
		_, after, ok := strings.Cut(rest, "~")
		if !ok {
			return ""
		}
		if after == "" || after[0] != '0' && after[0] != '1' {
			return "~ is written as ~0 in it, and a / in a name as ~1"
		}
		rest = after
	}
}

// ladder is the keys under the key "key" of assignment, sampling and callerTimeout.
func (d *document) ladder(n node, what string) []Value[Key] {
	m, ok := d.mapping(n, what)
	if !ok {
		return nil
	}
	defer m.done()
	value, ok := m.need("key")
	if !ok {
		return nil
	}
	items, ok := d.oneOrMore(value, "key")
	if !ok {
		return nil
	}
	keys := make([]Value[Key], 0, len(items))
	for _, item := range items {
		s, ok := d.str(item, "a key")
		if !ok {
			continue
		}
		k, err := ParseKey(s.V)
		switch {
		case err != nil:
			d.report(s.Pos, RuleValue, "%s", err)
		case slices.ContainsFunc(keys, func(v Value[Key]) bool { return v.V == k }):
			d.report(s.Pos, RuleValue, "the key %s is listed twice", k)
		default:
			keys = append(keys, Value[Key]{k, s.Pos})
		}
	}
	return keys
}
