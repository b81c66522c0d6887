package gateway

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Header fields that callers show their keys and tokens in, in the form of the keys
// of http.Header.
const (
	headerAuthorization = "Authorization"
	headerAPIKey        = "X-Api-Key"
)

// caller is who sends a request, as far as that is shown: by an API key, by a token,
// or not at all.
type caller struct {
	key     *access.Key
	token   *token.Token
	field   string   // of the header, that the key or the token stands in
	strange *refused // he shows something else, and this is the answer where that is not the deployment's business
}

// known reports whether it was shown.
func (c *caller) known() bool { return c.key != nil || c.token != nil }

// name is what records call him, empty if that was not shown.
func (c *caller) name() string {
	switch {
	case c.key != nil:
		return c.key.Name
	case c.token != nil:
		return c.token.Name()
	}
	return ""
}

// allowed says why he may not call an endpoint that asks for so much, nil if he may.
func (c *caller) allowed(endpoint string, mode schema.Access) *refused {
	switch {
	case c.key != nil && !c.key.Allows(endpoint):
		return &refused{http.StatusForbidden, "wrong_endpoint", "the API key is not good for the endpoint " + quoted(endpoint)}
	case c.token != nil && !c.token.Allows(endpoint):
		return &refused{http.StatusForbidden, "wrong_endpoint", "the token is not good for the endpoint " + quoted(endpoint)}
	case c.known(), mode == schema.AccessPublic, mode == schema.AccessOptional && c.strange == nil:
		return nil
	}
	return c.stranger()
}

// stranger is the answer to him where only known callers are let in.
func (c *caller) stranger() *refused {
	if c.strange != nil {
		return c.strange
	}
	return &refused{http.StatusUnauthorized, "no_key", "this endpoint needs an API key: send it as Authorization: Bearer KEY, or as X-API-Key: KEY"}
}

// caller finds out who sends a request, and says why what he shows is not good. path
// is that of the request, out of which what should not be there is taken.
func (d *door) caller(ctx context.Context, r *http.Request, now time.Time, path *string) (caller, *refused) {
	if d.exposed(r, path) {
		return caller{}, &refused{http.StatusUnauthorized, "key_in_url", "an API key or a token must not stand in a URL, which is logged on its way; send it in a header, and replace this one"}
	}
	shown := d.shown(r.Header)
	c := caller{field: shown.field}
	if shown.others {
		c.strange = &refused{http.StatusUnauthorized, "unknown_key", "the API key is not known"}
	}
	switch {
	case shown.broken:
		return c, &refused{http.StatusUnauthorized, "malformed_key", "an API key stands among other things in a header field; send it as Authorization: Bearer KEY, or as X-API-Key: KEY"}
	case shown.good > 1:
		return c, &refused{http.StatusUnauthorized, "several_keys", "the request bears more than one API key or token, or one and something else in one header field"}
	case shown.key != "":
		c.key = d.keys.Find(shown.key)
		if why := notGood(c.key, now); why != nil {
			return c, why
		}
	case shown.token != "":
		verified, reason := d.tokens.Verify(ctx, now, shown.token)
		switch c.token = verified; {
		case reason == token.Away:
			return c, &refused{http.StatusServiceUnavailable, string(reason), reason.Message()}
		case reason == token.Foreign:
			c.strange = &refused{http.StatusUnauthorized, string(reason), reason.Message()}
		case reason != token.Good:
			return c, &refused{http.StatusUnauthorized, string(reason), reason.Message()}
		}
	}
	return c, nil
}

// notGood says why a key that was looked for is not good, nil if it is.
func notGood(k *access.Key, now time.Time) *refused {
	switch {
	case k == nil:
		return &refused{http.StatusUnauthorized, "unknown_key", "the API key is not known"}
	case k.Expired(now):
		return &refused{http.StatusUnauthorized, "expired_key", "the API key has expired"}
	}
	return nil
}

// exposed reports whether there is a key or a token in the URL, and sees to it that it
// gets no further.
func (d *door) exposed(r *http.Request, path *string) bool {
	redacted, inPath := d.redact(*path)
	_, inQuery := d.redact(r.URL.RawQuery)
	*path = redacted
	return inPath || inQuery
}

// redact stars out the keys and tokens in a part of a URL, and all of it where their
// letters are escaped.
func (d *door) redact(text string) (redacted string, found bool) {
	redacted, found = d.redactPlain(text)
	if plain := unescaped(redacted); plain != redacted {
		if _, escaped := d.redactPlain(plain); escaped {
			return "***", true
		}
	}
	return redacted, found
}

func (d *door) redactPlain(text string) (redacted string, found bool) {
	redacted, found = access.Redact(text)
	found = found && d.keys.Within(text)
	if d.tokens == nil {
		return redacted, found
	}
	redacted, more := token.Redact(redacted)
	return redacted, found || more
}

// unescaped is a part of a URL as a deployment reads it. What is no good escape stays as
// it is, and hides no good one behind it.
func unescaped(text string) string {
	i := strings.IndexByte(text, '%')
	if i < 0 {
		return text
	}
	plain := make([]byte, 0, len(text))
	for ; i >= 0; i = strings.IndexByte(text, '%') {
		plain, text = append(plain, text[:i]...), text[i:]
		n := min(len(text), len("%41"))
		if letter, err := hex.DecodeString(text[1:n]); err == nil && len(letter) == 1 {
			plain = append(plain, letter[0])
		} else {
			n = 1
			plain = append(plain, '%')
		}
		text = text[n:]
	}
	return string(append(plain, text...))
}

// credentials is what a request shows of who sends it.
type credentials struct {
	key, token string // the text of one; empty: there is none
	field      string // the header field that it stands in
	good       int    // how many keys and tokens there are
	others     bool   // there is what is neither
	broken     bool   // there is a key in what is neither
}

// shown finds the credentials in the header of a request.
func (d *door) shown(h http.Header) credentials {
	var c credentials
	for _, field := range [...]string{headerAuthorization, headerAPIKey} {
		values := h[field]
		for _, v := range values {
			switch text := bare(v); {
			case access.IsKey(text):
				c.key, c.field = text, field
				c.good += len(values) // one of two lines is the second one's word against the first one's
			case d.tokens != nil && token.Is(text):
				c.token, c.field = text, field
				c.good += len(values)
			case text != "":
				c.others = true
				c.broken = c.broken || d.keys.Within(text)
			}
		}
	}
	return c
}

// bare is a credential without the scheme Bearer, if it has that.
func bare(v string) string {
	if text, ok := bearer(v); ok {
		return text
	}
	return strings.Trim(v, " \t")
}

// bearer is the credential of a field's value that has the scheme Bearer (RFC 6750,
// section 2.1).
func bearer(v string) (text string, ok bool) {
	v = strings.Trim(v, " \t")
	const scheme = "Bearer "
	if len(v) <= len(scheme) || !strings.EqualFold(v[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimLeft(v[len(scheme):], " "), true
}
