package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strings"
)

// proof is what a delivery brings to prove where it comes from. Forges send
// several forms of the same at once; one that holds is enough.
type proof struct {
	token    []byte   // the secret itself, from GitLab
	body     [][]byte // HMAC-SHA256 of the body
	standard [][]byte // HMAC-SHA256 of the prefix and the body
	prefix   string   // "id.timestamp." of Standard Webhooks
}

// Names of header fields that bring proof.
const (
	fieldHub256    = "X-Hub-Signature-256"
	fieldHub       = "X-Hub-Signature" // sha256 from Bitbucket; sha1 from others, which proves nothing here
	fieldGitea     = "X-Gitea-Signature"
	fieldForgejo   = "X-Forgejo-Signature"
	fieldGitLab    = "X-Gitlab-Token"
	fieldStandard  = "Webhook-Signature"
	fieldID        = "Webhook-Id"
	fieldTimestamp = "Webhook-Timestamp"
)

// maxProofs is more than any forge sends; what comes after it is not looked at.
const maxProofs = 8

// readProof leaves out what cannot be a proof.
func readProof(h http.Header) proof {
	p := proof{token: []byte(h.Get(fieldGitLab))}
	for _, name := range []string{fieldHub256, fieldHub} {
		if digits, ok := strings.CutPrefix(h.Get(name), "sha256="); ok {
			p.body = appendSum(p.body, digits, hex.DecodeString)
		}
	}
	for _, name := range []string{fieldGitea, fieldForgejo} {
		p.body = appendSum(p.body, h.Get(name), hex.DecodeString)
	}
	if id, at := h.Get(fieldID), h.Get(fieldTimestamp); id != "" && at != "" {
		p.prefix = id + "." + at + "."
		for signature := range strings.FieldsSeq(h.Get(fieldStandard)) {
			if text, ok := strings.CutPrefix(signature, "v1,"); ok {
				p.standard = appendSum(p.standard, text, base64.StdEncoding.DecodeString)
			}
		}
	}
	return p
}

func appendSum(all [][]byte, text string, decode func(string) ([]byte, error)) [][]byte {
	if len(all) >= maxProofs {
		return all
	}
	if sum, err := decode(text); err == nil && len(sum) == sha256.Size {
		return append(all, sum)
	}
	return all
}

// empty tells that nothing in the body could make the delivery acceptable.
func (p proof) empty() bool { return len(p.body) == 0 && len(p.standard) == 0 }

// byToken compares in constant time, also if the lengths differ.
func (p proof) byToken(secrets []secret) bool {
	given, holds := sha256.Sum256(p.token), 0
	for _, s := range secrets {
		want := sha256.Sum256(s.text)
		holds |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	return len(p.token) > 0 && holds == 1
}

// checking is a body that is hashed with every secret as it streams by.
type checking struct {
	proof
	bodies    []hash.Hash
	standards []hash.Hash
}

func (p proof) begin(secrets []secret) *checking {
	c := &checking{proof: p}
	for _, s := range secrets {
		if len(p.body) > 0 {
			c.bodies = append(c.bodies, hmac.New(sha256.New, s.text))
		}
		if len(p.standard) > 0 {
			h := hmac.New(sha256.New, s.standard)
			_, _ = io.WriteString(h, p.prefix)
			c.standards = append(c.standards, h)
		}
	}
	return c
}

// Write implements io.Writer; it never fails.
func (c *checking) Write(b []byte) (int, error) {
	for _, hashes := range [][]hash.Hash{c.bodies, c.standards} {
		for _, h := range hashes {
			_, _ = h.Write(b)
		}
	}
	return len(b), nil
}

// holds tells, at the end of the body, whether any secret proves it.
func (c *checking) holds() bool {
	return anyEqual(c.bodies, c.body) || anyEqual(c.standards, c.standard)
}

func anyEqual(hashes []hash.Hash, sums [][]byte) bool {
	equal := false
	for _, h := range hashes {
		made := h.Sum(nil)
		for _, sum := range sums {
			equal = hmac.Equal(made, sum) || equal
		}
	}
	return equal
}
