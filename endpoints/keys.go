package endpoints

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

const (
	// MaxBodyKey is how many bytes of a body are read ahead for a body key. A
	// larger body counts as one without the key.
	MaxBodyKey = 1 << 20

	// MaxSubject is how many bytes a subject can have, since it stands in every
	// record of the request. A longer value counts as not present.
	MaxSubject = 4 << 10
)

// Keys is a ladder of keys: the first that is present and not empty wins.
type Keys []schema.Key

// NeedBody reports whether some key of the ladder is in the body.
func (ks Keys) NeedBody() bool {
	return slices.ContainsFunc(ks, func(k schema.Key) bool { return k.Source == schema.KeyBody })
}

// Subject is the value of the first key that is present and not empty in r.
// body is the whole body if it could be read ahead, else nil; it is looked at
// only when the ladder comes to a body key. claims are those of the caller's
// verified token, a JSON object, nil without one. Where a header field, cookie or query
// parameter is repeated, its first value that is not empty counts.
//
// In a body, strings count as what they say, and numbers and booleans as they
// are written; anything else, and a body that is not JSON, is not present. Of a
// name that is repeated in an object the first counts.
//
// Claims are read by the same rules; objects and lists among them are not present.
//
// The subject may share memory with r, not with body or claims.
func (ks Keys) Subject(r *http.Request, body, claims []byte) (subject string, ok bool) {
	subject, _, ok = ks.Find(r, body, claims)
	return subject, ok
}

// Find is Subject, and tells whose value it is.
func (ks Keys) Find(r *http.Request, body, claims []byte) (subject string, of schema.Key, ok bool) {
	for _, k := range ks {
		switch k.Source {
		case schema.KeyHeader:
			subject = header(r.Header[k.Name])
		case schema.KeyCookie:
			subject = cookie(r.Header["Cookie"], k.Name)
		case schema.KeyQuery:
			subject = parameter(r.URL.RawQuery, k.Name)
		case schema.KeyBody:
			subject = member(body, k.Name)
		case schema.KeyJWT:
			subject = claim(claims, k.Name)
		}
		if subject != "" && len(subject) <= MaxSubject {
			return subject, k, true
		}
	}
	return "", schema.Key{}, false
}

// claim is a member of the claims.
func claim(claims []byte, name string) string {
	if claims == nil {
		return ""
	}
	return member(claims, "/"+escapeToken.Replace(name))
}

// escapeToken writes a name as a token of a JSON pointer (RFC 6901, section 3).
var escapeToken = strings.NewReplacer("~", "~0", "/", "~1")

func header(values []string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// cookie finds a cookie as a server does (RFC 6265, section 5.4), without making
// a list of all of them.
func cookie(lines []string, name string) string {
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			n, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if n != name {
				continue
			}
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if value != "" {
				return value
			}
		}
	}
	return ""
}

// parameter finds a query parameter with the rules of url.ParseQuery, without
// making a map of all of them.
func parameter(query, name string) string {
	for pair := range strings.SplitSeq(query, "&") {
		if strings.Contains(pair, ";") {
			continue
		}
		n, value, _ := strings.Cut(pair, "=")
		if value == "" || !decodesTo(n, name) {
			continue
		}
		if decoded, err := url.QueryUnescape(value); err == nil && decoded != "" {
			return decoded
		}
	}
	return ""
}

func decodesTo(escaped, name string) bool {
	if !strings.ContainsAny(escaped, "%+") {
		return escaped == name
	}
	decoded, err := url.QueryUnescape(escaped)
	return err == nil && decoded == name
}
