package token

import (
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// The bounds of a key set: maxKeys is above what any issuer has, and shorter keys
// of RSA are not to be trusted (RFC 7518, section 3.3).
const (
	maxKeys    = 100
	minRSABits = 2048
)

// keySet is the keys of the issuer at one time. It is immutable.
type keySet struct {
	at   time.Time
	all  []jose.JSONWebKey
	byID map[string][]jose.JSONWebKey // kid is no promise of being the only one
}

// parseKeys reads a key set (RFC 7517, section 5). Keys that are of no use for
// verifying are passed over, as that document asks: an issuer may have those of
// kinds to come.
func parseKeys(data []byte, at time.Time) (*keySet, error) {
	var written struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &written); err != nil {
		return nil, fmt.Errorf("the key set is no JSON: %w", err)
	}
	if len(written.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys; %d are the most", len(written.Keys), maxKeys)
	}
	s := &keySet{at: at, byID: map[string][]jose.JSONWebKey{}}
	for _, text := range written.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(text, &k) != nil || !usable(&k) {
			continue
		}
		s.all = append(s.all, k)
		s.byID[k.KeyID] = append(s.byID[k.KeyID], k)
	}
	if len(s.all) == 0 {
		return nil, fmt.Errorf("none of the %d keys of the key set can verify a token", len(written.Keys))
	}
	return s, nil
}

// usable reports whether a key is a public one for signatures.
func usable(k *jose.JSONWebKey) bool {
	if !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
		return false
	}
	public, isRSA := k.Key.(*rsa.PublicKey)
	return !isRSA || public.N.BitLen() >= minRSABits
}

// find is the keys that a token may be signed with, by what its header says. A
// token that names no key is of the only one that there is.
func (s *keySet) find(id, algorithm string) []jose.JSONWebKey {
	if s == nil {
		return nil
	}
	named := s.byID[id]
	if id == "" {
		if len(s.all) > 1 {
			return nil
		}
		named = s.all
	}
	var fit []jose.JSONWebKey
	for _, k := range named {
		if k.Algorithm == "" || k.Algorithm == algorithm {
			fit = append(fit, k)
		}
	}
	return fit
}
