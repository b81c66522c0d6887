package token

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/switchyard-gateway/switchyard/access"
)

// maxToken is how many bytes a token may have.
const maxToken = 16 << 10

// maxName is up to how many bytes of a subject stand in records: OpenID Connect
// Core 1.0, section 2, allows no more.
const maxName = 255

// Token is a verified token. It is immutable.
type Token struct {
	Subject string
	// Claims are all that the issuer says, as a JSON object.
	Claims []byte

	expires   time.Time
	endpoints []string // patterns of names
	all       bool     // of the endpoints
}

// Name is what records call whoever bears the token. No API key can have such a
// name.
func (t *Token) Name() string {
	subject := t.Subject
	if len(subject) > maxName {
		subject = strings.ToValidUTF8(subject[:maxName], "")
	}
	return "jwt:" + subject
}

// Expired reports whether the token is no longer good.
func (t *Token) Expired(now time.Time) bool { return now.After(t.expires) }

// Allows reports whether the token is good for an endpoint.
func (t *Token) Allows(endpoint string) bool {
	return t.all || slices.ContainsFunc(t.endpoints, func(pattern string) bool { return access.Matches(pattern, endpoint) })
}

// Is reports whether a text has the form of a token: three parts of base64url with
// points between them (RFC 7515, section 7.1), the first of which is a JSON object. It
// says nothing of whether it is a good one.
func Is(text string) bool {
	if len(text) > maxToken || !strings.HasPrefix(text, "eyJ") || strings.Count(text, ".") != 2 {
		return false
	}
	for i := range len(text) {
		if !letter(text[i]) && text[i] != '.' {
			return false
		}
	}
	return true
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

var inText = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)

// Redact stars out every token in a text. A text without one is returned as it is.
func Redact(text string) (redacted string, found bool) {
	if !strings.Contains(text, "eyJ") || !inText.MatchString(text) {
		return text, false
	}
	return inText.ReplaceAllString(text, "***"), true
}

// Reason is why a token is not good, as it is called in metrics; empty for a good
// one.
type Reason string

// The reasons.
const (
	Good       Reason = ""
	Foreign    Reason = "foreign_token"     // it does not say that it is of the issuer
	Malformed  Reason = "bad_token"         // it is none, or it is signed in a way that is not allowed
	Forged     Reason = "bad_signature"     // it is not signed by the issuer
	UnknownKey Reason = "unknown_token_key" // the issuer has no such key
	Expired    Reason = "expired_token"
	Early      Reason = "early_token" // it is not valid yet
	Audience   Reason = "wrong_audience"
	Away       Reason = "issuer_away" // the issuer's keys are not known
)

// Message tells the caller.
func (r Reason) Message() string {
	switch r {
	case Foreign:
		return "the token is not of the issuer that the gateway trusts"
	case Malformed:
		return "the token is malformed, lacks a subject or an expiry, or is signed in a way that is not allowed"
	case Forged:
		return "the token is not signed by its issuer"
	case UnknownKey:
		return "the token is signed with a key that its issuer does not have"
	case Expired:
		return "the token has expired"
	case Early:
		return "the token is not valid yet"
	case Audience:
		return "the token is not for this audience"
	case Away:
		return "tokens cannot be checked: the keys of their issuer could not be read"
	case Good:
	}
	return ""
}

// patterns are the names of endpoints in a claim: a list of them, or one text with
// blanks between them, as scopes are written (RFC 8693, section 4.2).
func patterns(claim any) []string {
	switch v := claim.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var all []string
		for _, item := range v {
			if s, ok := item.(string); ok && utf8.ValidString(s) {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}
