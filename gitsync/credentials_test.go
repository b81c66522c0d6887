package gitsync_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const secret = "s3cr3t/+token"

// guarded serves the repository to those who send the password.
func (r *repo) guarded(password *atomic.Value) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if _, got, _ := req.BasicAuth(); got != password.Load().(string) {
				w.Header().Set("WWW-Authenticate", "Basic")
				http.Error(w, "bad password "+got, http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

func withUser(url, user string) string { return strings.Replace(url, "://", "://"+user+"@", 1) }

func TestTokenFileIsReadAgainWhenAccessIsRefused(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var password atomic.Value
	password.Store("first")
	o := options(r.serve(r.guarded(&password)))
	o.Auth.TokenFile = filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(o.Auth.TokenFile, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	f := follow(t, o, nil)
	f.mustSync()
	password.Store("second")
	if err := f.sync(); !errors.Is(err, gitsync.ErrAuth) {
		t.Fatalf("sync with the old token: %v", err)
	}
	write("second")
	f.mustSync()
	write("")
	password.Store("third")
	if err := f.sync(); !errors.Is(err, gitsync.ErrAuth) {
		t.Fatalf("sync with an empty token file: %v", err)
	}
	if err := os.Remove(o.Auth.TokenFile); err != nil {
		t.Fatal(err)
	}
	if err := f.sync(); !errors.Is(err, gitsync.ErrAuth) {
		t.Fatalf("sync without a token file: %v", err)
	}
}

// Forges answer 404 to a token that is good, but not for this repository.
func TestTokenFileIsReadAgainWhereItShowsNoRepository(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	o := options(r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if _, got, _ := req.BasicAuth(); got != "right" {
				http.NotFound(w, req)
				return
			}
			next.ServeHTTP(w, req)
		})
	}))
	o.Auth.TokenFile = filepath.Join(t.TempDir(), "token")
	write(t, o.Auth.TokenFile, "another's")
	f := follow(t, o, nil)
	if err := f.sync(); !errors.Is(err, gitsync.ErrNoRepository) {
		t.Errorf("sync with another's token: %v", err)
	}
	write(t, o.Auth.TokenFile, "right")
	f.mustSync()
}

// Neither logs nor errors, status or state may show what was in the URL or the
// token file, whatever fails and whatever the server echoes.
func TestSecretsShowNowhere(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var password atomic.Value
	password.Store(secret)
	url := withUser(r.serve(r.guarded(&password)), "someone:s3cr3t%2F%2Btoken")
	o := options(url)
	o.StateDir = t.TempDir()
	f := follow(t, o, nil)
	f.mustSync()
	basic := base64.StdEncoding.EncodeToString([]byte("someone:" + secret))
	var seen strings.Builder
	look := func(f *following, err error) {
		s := f.Status()
		text, jsonErr := json.Marshal(s)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		fmt.Fprintf(&seen, "%s\n%v %+v %#v\n%+v %v\n%s\n", f.log, err, err, err, s, s.LastError, text)
		for e := err; e != nil; e = errors.Unwrap(e) {
			fmt.Fprintf(&seen, "%v %+v %#v\n", e, e, e)
		}
	}
	look(f, nil)
	eventually(t, func() bool { return len(keptFiles(t, o.StateDir)) == 1 })
	state, err := os.ReadFile(keptFiles(t, o.StateDir)[0])
	if err != nil {
		t.Fatal(err)
	}
	seen.Write(state)
	password.Store("another")
	look(f, f.sync())

	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		line := "ERR no access for " + user + " " + password + " " + req.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		_, _ = fmt.Fprintf(w, "%04x%s", len(line)+4, line)
	}))
	defer echo.Close()
	for _, url := range []string{echo.URL + "/x.git", "http://" + testbed.Address(t) + "/x.git", "http://localhost:1/%zz", "http://localhost:x/y"} {
		for _, user := range []string{"someone:s3cr3t%2F%2Btoken", "s3cr3t%2F%2Btoken"} {
			_, err := gitsync.Read(t.Context(), options(withUser(url, user)), "")
			if err == nil {
				t.Errorf("%s could be read", url)
			}
			fmt.Fprintf(&seen, "%v %+v %#v\n", err, err, err)
		}
	}
	for _, hidden := range []string{"s3cr3t", "someone", basic} {
		if i := strings.Index(seen.String(), hidden); i >= 0 {
			t.Errorf("%q shows in: %s", hidden, seen.String()[max(0, i-200):i+40])
		}
	}
}

func TestCredentialsNeedAProtectedWay(t *testing.T) {
	take := options("")
	for _, c := range []struct {
		url  string
		auth gitsync.Auth
		ok   bool
	}{
		{"http://git.example.com/x.git", gitsync.Auth{}, true},
		{"http://git.example.com/x.git", gitsync.Auth{Token: secret}, false},
		{"http://git.example.com/x.git", gitsync.Auth{TokenFile: "/x"}, false},
		{"http://u:p@git.example.com/x.git", gitsync.Auth{}, false},
		{"http://u:p@127.0.0.1.example.com/x.git", gitsync.Auth{}, false},
		{"http://u:p@127.0.0.1/x.git", gitsync.Auth{}, true},
		{"http://u:p@[::1]:80/x.git", gitsync.Auth{}, true},
		{"http://localhost/x.git", gitsync.Auth{Token: secret}, true},
		{"https://u:p@git.example.com/x.git", gitsync.Auth{}, true},
		{"https://git.example.com/x.git?private_token=" + secret, gitsync.Auth{}, false},
		{"ssh://git:" + "pw" + "@git.example.com/x.git", gitsync.Auth{KeyFile: "k"}, false},
		{"git@git.example.com:x.git", gitsync.Auth{KeyFile: "k"}, true},
		{"git@git.example.com:x.git", gitsync.Auth{}, false},
		{"git://git.example.com/x.git", gitsync.Auth{}, false},
		{"ftp://git.example.com/x.git", gitsync.Auth{}, false},
		{"file://elsewhere/x.git", gitsync.Auth{}, false},
		{"https://git.example.com", gitsync.Auth{}, false},
		{"https://git.example.com/x.git", gitsync.Auth{CAFile: "/nowhere"}, false},
		{"", gitsync.Auth{}, false},
	} {
		o := take
		o.URL, o.Auth = c.url, c.auth
		o.Take = (&following{}).take
		_, err := gitsync.New(o)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.url, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestOwnCertificateAuthority(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	s := httptest.NewTLSServer(r.httpHandler())
	defer s.Close()
	o := options(s.URL + "/models.git")
	if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, gitsync.ErrUnreachable) {
		t.Errorf("an unknown authority gave %v", err)
	}
	o.Auth.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, o.Auth.CAFile, "CERTIFICATE", s.Certificate().Raw)
	live, err := gitsync.Read(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	r.compare(t, "over TLS", live)
}

// A server that asks for a certificate is shown the one that is in the files by
// then, and who has none is refused.
func TestClientCertificateIsShown(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	s := httptest.NewUnstartedServer(r.httpHandler())
	var mu sync.Mutex
	var shown []string
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
		cert, err := x509.ParseCertificate(raw[0])
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			shown = append(shown, cert.Subject.CommonName)
		}
		return err
	}}
	s.StartTLS()
	defer s.Close()
	dir := t.TempDir()
	o := options(s.URL + "/models.git")
	o.Auth.CAFile = filepath.Join(dir, "ca.pem")
	writePEM(t, o.Auth.CAFile, "CERTIFICATE", s.Certificate().Raw)
	if _, err := gitsync.Read(t.Context(), o, ""); !errors.Is(err, gitsync.ErrUnreachable) {
		t.Errorf("without a certificate: %v", err)
	}
	o.Auth.ClientCertFile, o.Auth.ClientKeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	o.Take = (&following{}).take
	if _, err := gitsync.New(o); err == nil || !strings.Contains(err.Error(), "client certificate: ") {
		t.Errorf("files that are not there gave %v", err)
	}
	certify(t, o.Auth, "first")
	f := follow(t, o, nil)
	r.compare(t, "with a certificate", f.mustSync())
	certify(t, o.Auth, "second")
	s.CloseClientConnections()
	f.mustSync()
	_ = f.stop()
	s.Close()
	if diff := cmp.Diff([]string{"first", "second"}, slices.Compact(shown)); diff != "" {
		t.Error(diff)
	}
}

// certify writes a certificate of its own for name, and its key.
func certify(t *testing.T, auth gitsync.Auth, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, auth.ClientCertFile, "CERTIFICATE", cert)
	writePEM(t, auth.ClientKeyFile, "PRIVATE KEY", text)
}

func writePEM(t *testing.T, file, kind string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A redirect to another host must not take the password along.
func TestRedirectLeavesCredentialsBehind(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var leaked atomic.Bool
	other := r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Header.Get("Authorization") != "" {
				leaked.Store(true)
			}
			next.ServeHTTP(w, req)
		})
	})
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, strings.TrimSuffix(other, "/models.git")+req.URL.String(), http.StatusFound)
	}))
	defer first.Close()
	live, err := gitsync.Read(t.Context(), options(withUser(first.URL+"/models.git", "someone:"+"pw")), "")
	if err != nil {
		t.Fatal(err)
	}
	r.compare(t, "redirected", live)
	if leaked.Load() {
		t.Error("the password went to another host")
	}
}
