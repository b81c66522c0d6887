// Package tokentest has an OpenID Connect issuer for tests: an HTTP server with a
// discovery document and keys, which makes tokens.
package tokentest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer makes tokens, and tells by which keys they are checked.
type Issuer struct {
	URL string
	// Asked is how often its keys were asked for.
	Asked atomic.Int64
	// Away, while it is true, has every request answered with 503.
	Away atomic.Bool
	// Hold, if it is not nil, is waited for before keys are told. It is set before the
	// first request.
	Hold chan struct{}

	tb   testing.TB
	mu   sync.Mutex
	keys []jose.JSONWebKey // public ones
}

// Key is one of an issuer's, with which tokens are signed.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Private   crypto.Signer
}

// New starts an issuer that has no keys.
func New(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.answer(w, map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		i.Asked.Add(1)
		if i.Hold != nil {
			select {
			case <-i.Hold:
			case <-r.Context().Done():
			}
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		i.answer(w, jose.JSONWebKeySet{Keys: i.keys})
	})
	server := httptest.NewServer(mux)
	tb.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

func (i *Issuer) answer(w http.ResponseWriter, v any) {
	if i.Away.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// RSA adds a key with which tokens are signed as RS256.
func (i *Issuer) RSA(id string) Key {
	i.tb.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.tb.Fatal(err)
	}
	return i.Add(Key{id, jose.RS256, private})
}

// EC adds a key with which tokens are signed as ES256.
func (i *Issuer) EC(id string) Key {
	i.tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.tb.Fatal(err)
	}
	return i.Add(Key{id, jose.ES256, private})
}

// Add adds a key.
func (i *Issuer) Add(k Key) Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
	return k
}

// Set makes these all that the issuer tells of keys.
func (i *Issuer) Set(keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Claims are those of a good token for an audience, which more are put over.
func (i *Issuer) Claims(audience string, more map[string]any) map[string]any {
	all := map[string]any{
		"iss": i.URL, "aud": audience, "sub": "user-1",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for name, value := range more {
		if value == nil {
			delete(all, name)
			continue
		}
		all[name] = value
	}
	return all
}

// Token is a good token for an audience, but for what more says.
func (i *Issuer) Token(k Key, audience string, more map[string]any) string {
	i.tb.Helper()
	return Sign(i.tb, k.Algorithm, jose.JSONWebKey{Key: k.Private, KeyID: k.ID}, i.Claims(audience, more))
}

// Sign makes a token with any key, which the header names.
func Sign(tb testing.TB, algorithm jose.SignatureAlgorithm, key jose.JSONWebKey, claims map[string]any) string {
	tb.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		tb.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
