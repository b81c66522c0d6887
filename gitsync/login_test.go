package gitsync_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

func TestCredentialsFileIsReadAgainWhenAccessIsRefused(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var password atomic.Value
	password.Store("first")
	o := options(r.serve(r.guarded(&password)))
	o.Auth.CredentialsFile = filepath.Join(t.TempDir(), "credentials")
	server := strings.TrimSuffix(o.URL, "/models.git")
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(o.Auth.CredentialsFile, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("https://someone:else@git.example.com", withUser(server, "ada:first"))
	f := follow(t, o, nil)
	f.mustSync()
	password.Store("second/+")
	if err := f.sync(); !errors.Is(err, gitsync.ErrAuth) {
		t.Fatalf("sync with the old password: %v", err)
	}
	write(withUser(server, "ada:second%2F%2B"))
	f.mustSync()
	password.Store("third")
	write("https://someone:else@git.example.com")
	if err := f.sync(); !errors.Is(err, gitsync.ErrAuth) {
		t.Fatalf("sync with a file without the server: %v", err)
	}
}

func TestPassphraseOpensAKey(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var known ssh.PublicKey
	o := options("")
	o.URL, o.Auth = sshServer(t, r, func(c *ssh.ServerConfig) {
		c.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(known.Marshal()) {
				return nil, os.ErrPermission
			}
			return nil, nil
		}
	})
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	o.Auth.KeyFile = filepath.Join(t.TempDir(), "locked")
	if err := os.WriteFile(o.Auth.KeyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	known = signer.PublicKey()
	for _, c := range []struct {
		passphrase func() (string, error)
		want       string // in the error; empty: none
	}{
		{nil, "it has a passphrase"},
		{func() (string, error) { return "another", nil }, "the passphrase is another one"},
		{func() (string, error) { return "", os.ErrNotExist }, "passphrase: "},
		{func() (string, error) { return secret + "\n", nil }, ""},
	} {
		o.Auth.Passphrase = c.passphrase
		_, err := gitsync.Read(t.Context(), o, "")
		switch {
		case c.want == "" && err != nil:
			t.Errorf("with the passphrase: %v", err)
		case c.want != "" && (!errors.Is(err, gitsync.ErrAuth) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// forge is what a GitHub App asks for tokens.
type forge struct {
	*httptest.Server
	t      *testing.T
	key    *rsa.PrivateKey
	lasts  time.Duration // how long a token does
	asked  atomic.Int64  // tokens
	token  atomic.Value  // the newest
	answer atomic.Pointer[http.HandlerFunc]
}

func newForge(t *testing.T, lasts time.Duration) (*forge, *gitsync.GitHubApp) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &forge{t: t, key: key, lasts: lasts}
	f.token.Store("none yet")
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	file := filepath.Join(t.TempDir(), "app.pem")
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return f, &gitsync.GitHubApp{ID: "1234", Installation: "5678", KeyFile: file, API: f.URL + "/api/v3/"}
}

// ServeHTTP gives a new token to whoever proves to be the app.
func (f *forge) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if h := f.answer.Load(); h != nil {
		(*h)(w, req)
		return
	}
	if req.Method != http.MethodPost || req.URL.Path != "/api/v3/app/installations/5678/access_tokens" {
		f.t.Errorf("%s %s", req.Method, req.URL)
	}
	f.verify(req.Header.Get("Authorization"))
	token := fmt.Sprintf("ghs_s3cr3t%d", f.asked.Add(1))
	f.token.Store(token)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{"token": token, "expires_at": time.Now().Add(f.lasts).UTC().Format(time.RFC3339)})
}

// verify checks the proof as RFC 7515 and GitHub's documentation say.
func (f *forge) verify(authorization string) {
	token, _ := strings.CutPrefix(authorization, "Bearer ")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		f.t.Errorf("%q is no token", authorization)
		return
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			f.t.Error(err)
		}
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&f.key.PublicKey, crypto.SHA256, sum[:], decoded[2]); err != nil {
		f.t.Error(err)
	}
	var header struct{ Alg, Typ string }
	var claims struct {
		Iss      string
		Iat, Exp int64
	}
	if json.Unmarshal(decoded[0], &header) != nil || json.Unmarshal(decoded[1], &claims) != nil || header.Alg != "RS256" || header.Typ != "JWT" {
		f.t.Errorf("%s.%s", decoded[0], decoded[1])
	}
	now := time.Now().Unix()
	if claims.Iss != "1234" || claims.Iat >= now || claims.Exp <= now || claims.Exp-claims.Iat > 600 {
		f.t.Errorf("at %d: %+v", now, claims)
	}
}

// appUsers serves the repository to those who send the forge's newest token.
func (r *repo) appUsers(f *forge) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, password, _ := req.BasicAuth(); user != "x-access-token" || password != f.token.Load().(string) {
				http.Error(w, "bad "+user+" "+password, http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

func TestGitHubAppKeepsItsTokenUntilShortlyBeforeItsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lasts time.Duration
		syncs int64
		want  func(tokens int64) bool
	}{
		{"an hour", time.Hour, 5, func(n int64) bool { return n == 1 }},
		{"about to end", 4 * time.Minute, 5, func(n int64) bool { return n >= 5 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
			forge, app := newForge(t, c.lasts)
			o := options(r.serve(r.appUsers(forge)))
			o.Auth.App = app
			f := follow(t, o, nil)
			for range c.syncs {
				f.mustSync()
			}
			if n := forge.asked.Load(); !c.want(n) {
				t.Errorf("%d tokens for %d syncs", n, c.syncs)
			}
		})
	}
}

func TestGitHubAppAsksAgainWhenItsTokenIsWithdrawn(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	forge, app := newForge(t, time.Hour)
	o := options(r.serve(r.appUsers(forge)))
	o.Auth.App = app
	f := follow(t, o, nil)
	f.mustSync()
	forge.token.Store("withdrawn")
	f.mustSync()
	for _, c := range []struct {
		answer http.HandlerFunc
		want   error
	}{
		{func(w http.ResponseWriter, req *http.Request) {
			http.Error(w, `{"message":"s3cr3t `+req.Header.Get("Authorization")+`"}`, http.StatusUnauthorized)
		}, gitsync.ErrAuth},
		{func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusNotFound) }, gitsync.ErrAuth},
		{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }, gitsync.ErrAuth},
		{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, gitsync.ErrUnreachable},
		{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, gitsync.ErrUnreachable},
	} {
		forge.answer.Store(&c.answer)
		_, err := gitsync.Read(t.Context(), o, "")
		if !errors.Is(err, c.want) || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "Bearer ey") {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}

func TestGitHubAppIsGivenWhole(t *testing.T) {
	_, app := newForge(t, time.Hour)
	url := "https://github.com/o/r.git"
	for _, c := range []struct {
		name  string
		url   string
		alter func(*gitsync.GitHubApp)
		ok    bool
	}{
		{"github.com", url, func(a *gitsync.GitHubApp) { a.API = "" }, true},
		{"an API below a path", url, func(a *gitsync.GitHubApp) { a.API = "https://git.example.com/api/v3" }, true},
		{"an API over plain http", url, func(a *gitsync.GitHubApp) { a.API = "http://git.example.com/api/v3" }, false},
		{"an API with a password", url, func(a *gitsync.GitHubApp) { a.API = "https://u:p@git.example.com" }, false},
		{"no API", url, func(a *gitsync.GitHubApp) { a.API = "git.example.com" }, false},
		{"no id", url, func(a *gitsync.GitHubApp) { a.ID = "" }, false},
		{"an installation that is no number", url, func(a *gitsync.GitHubApp) { a.Installation = "5678/../1" }, false},
		{"no key", url, func(a *gitsync.GitHubApp) { a.KeyFile = "/nowhere" }, false},
		{"plain http", "http://git.example.com/o/r.git", func(*gitsync.GitHubApp) {}, false},
		{"ssh", "git@github.com:o/r.git", func(*gitsync.GitHubApp) {}, false},
	} {
		given := *app
		c.alter(&given)
		o := options(c.url)
		o.Auth = gitsync.Auth{App: &given, KeyFile: "k"}
		o.Take = (&following{}).take
		if _, err := gitsync.New(o); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
