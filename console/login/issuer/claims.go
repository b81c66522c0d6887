package issuer

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Anybody is the claim that everybody has whom the provider lets in.
const Anybody = "anybody"

// Claim is something that a provider may say of somebody.
type Claim struct{ Name, Value string }

// ParseClaim reads NAME=VALUE, or Anybody.
func ParseClaim(s string) (Claim, error) {
	if s == Anybody {
		return Claim{Name: Anybody}, nil
	}
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" || value == "" {
		return Claim{}, fmt.Errorf("%.80q is no claim; write it as NAME=VALUE, such as groups=models or email=jo@example.com, or %s", s, Anybody)
	}
	return Claim{name, value}, nil
}

// claims are what a provider says of somebody.
type claims struct {
	Subject           string `json:"sub"`
	Nonce             string `json:"nonce"`
	AuthorizedParty   string `json:"azp"`
	Name              string `json:"name"`
	PreferredUsername string `json:"preferred_username"`
	Email             string `json:"email"`
	EmailVerified     any    `json:"email_verified"` // some providers send it as a text

	all   map[string]json.RawMessage
	trust bool // see Options.TrustEmail
}

// verified reports whether the provider has made sure of the address.
func (c *claims) verified() bool {
	return fmt.Sprint(c.EmailVerified) == "true" || c.trust && c.EmailVerified == nil
}

// has reports whether a claim is made. An address counts only if it is verified:
// at many providers people choose it themselves.
func (c *claims) has(claim Claim) bool {
	if claim.Name == Anybody && claim.Value == "" {
		return true
	}
	if claim.Name == "email" && !c.verified() {
		return false
	}
	var one string
	if json.Unmarshal(c.all[claim.Name], &one) == nil {
		return one == claim.Value
	}
	var several []string
	return json.Unmarshal(c.all[claim.Name], &several) == nil && slices.Contains(several, claim.Value)
}

// user is who somebody is here; the error is a *RefusedError.
func (c *claims) user(o *Options) (login.User, error) {
	u := login.User{Name: c.label(), Display: plain(c.Name), Email: c.Email, Subject: c.Subject}
	if u.Display == "" {
		u.Display = u.Name
	}
	switch {
	case slices.ContainsFunc(o.Editors, c.has):
		u.Role = login.Editor
	case slices.ContainsFunc(o.Viewers, c.has):
		u.Role = login.Viewer
		return u, nil
	default:
		return u, &RefusedError{"you are known to the provider, but nothing that it says of you lets you in here"}
	}
	if a, err := mail.ParseAddress(c.Email); err != nil || a.Address != c.Email || strings.ContainsAny(c.Email, "<>\r\n") || !c.verified() {
		return u, &RefusedError{"the provider tells no verified address of yours, which your commits need for their author"}
	}
	return u, nil
}

// label is a name for the log and for branches.
func (c *claims) label() string {
	local, _, _ := strings.Cut(c.Email, "@")
	for _, name := range []string{c.PreferredUsername, local, c.Subject} {
		name = strings.Map(func(r rune) rune {
			if schema.IsLabel("a" + string(r)) {
				return r
			}
			return '-'
		}, name)
		name = strings.TrimLeft(name[:min(len(name), mostLabel)], "-._")
		if schema.IsLabel(name) {
			return name
		}
	}
	return "somebody"
}

const (
	mostLabel = 40
	mostPlain = 100
)

// plain is a text without what commits do not take in a name.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == '<' || r == '>' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > mostPlain {
		s = string(r[:mostPlain])
	}
	return strings.TrimSpace(s)
}
