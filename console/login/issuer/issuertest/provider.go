// Package issuertest is an OpenID provider for tests: it lets everybody in at once,
// as whoever [Provider.Say] says, and is as strict with clients as real ones are.
package issuertest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// ID and Secret are those of the one client.
const (
	ID     = "console"
	Secret = "the secret of the client"
)

// Provider is the provider. Its fields may be changed between logins.
type Provider struct {
	URL  string
	Say  map[string]any                     // claims beside those that every token has
	Sign func(claims map[string]any) string // makes the token; nil: as it should
	Give func(answer map[string]any)        // changes what the client gets for a code; nil: nothing

	key   *rsa.PrivateKey
	mu    sync.Mutex
	codes map[string]asked
}

// asked is what a code was given for.
type asked struct{ challenge, nonce, redirect string }

// New starts a provider, which ends with the test. Its host is localhost, so that
// to browsers it is another site than 127.0.0.1.
func New(t testing.TB) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{key: key, codes: map[string]asked{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.configuration)
	mux.HandleFunc("GET /keys", p.keys(&key.PublicKey))
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.URL = "http://localhost:" + at.Port()
	return p
}

func (p *Provider) configuration(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (p *Provider) keys(key *rsa.PublicKey) http.HandlerFunc {
	text := base64.RawURLEncoding.EncodeToString
	return func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k", "n": text(key.N.Bytes()), "e": text(big.NewInt(int64(key.E)).Bytes()),
		}}})
	}
}

// authorize is the page at which people would log in.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	to, err := url.Parse(query.Get("redirect_uri"))
	if err != nil || query.Get("client_id") != ID || query.Get("response_type") != "code" || query.Get("code_challenge_method") != "S256" {
		http.Error(w, "this is no request of the client", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = asked{query.Get("code_challenge"), query.Get("nonce"), query.Get("redirect_uri")}
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {query.Get("state")}, "iss": {p.URL}}
	to.RawQuery = back.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// token gives the client what a code stands for, once.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	was, ok := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	if id == "" {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	plain, _ := url.QueryUnescape(secret)
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	switch {
	case id != ID || plain != Secret && secret != Secret:
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
	case !ok, was.redirect != r.FormValue("redirect_uri"), was.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
	default:
		given := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "id_token": p.issue(was.nonce)}
		if p.Give != nil {
			p.Give(given)
		}
		answer(w, http.StatusOK, given)
	}
}

func (p *Provider) issue(nonce string) string {
	claims := map[string]any{
		"iss": p.URL, "aud": ID, "sub": "1234", "nonce": nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	maps.Copy(claims, p.Say)
	if p.Sign != nil {
		return p.Sign(claims)
	}
	return Signed(p.key, claims)
}

// Signed is a token as the provider issues it.
func Signed(key *rsa.PrivateKey, claims map[string]any) string {
	text, err := json.Marshal(claims)
	if err != nil {
		panic("claims are JSON: " + err.Error())
	}
	return oidctest.SignIDToken(key, "k", "RS256", string(text))
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller left
}
