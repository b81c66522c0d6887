package token_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/access/token/tokentest"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// TestIssuersThatAreNotBelieved has an issuer answer with what must not be taken for
// its keys, and holds that the log tells why.
func TestIssuersThatAreNotBelieved(t *testing.T) {
	for name, c := range map[string]struct{ discovery, keys, want string }{
		"another's document":  {`{"issuer": "https://evil.example", "jwks_uri": "SELF/keys"}`, `{}`, "that of the issuer"},
		"keys in the clear":   {`{"issuer": "SELF", "jwks_uri": "http://evil.example/keys"}`, `{}`, "not https"},
		"no keys' URL":        {`{"issuer": "SELF"}`, `{}`, "not https"},
		"file":                {`{"issuer": "SELF", "jwks_uri": "file:///etc/passwd"}`, `{}`, "not https"},
		"no JSON":             {`<html>`, `{}`, "no JSON"},
		"keys that are none":  {`{"issuer": "SELF", "jwks_uri": "SELF/keys"}`, `[]`, "no JSON"},
		"no key":              {`{"issuer": "SELF", "jwks_uri": "SELF/keys"}`, `{"keys": []}`, "none of the 0 keys"},
		"odd keys":            {`{"issuer": "SELF", "jwks_uri": "SELF/keys"}`, `{"keys": [{"kty": "EC"}, 7, {"kty": "oct", "k": "AAAA"}]}`, "none of the 3 keys"},
		"too many keys":       {`{"issuer": "SELF", "jwks_uri": "SELF/keys"}`, `{"keys": [` + strings.Repeat("{},", 200) + `{}]}`, "201 keys"},
		"too large":           {`{"issuer": "SELF", "jwks_uri": "SELF/keys"}`, `{"keys": [], "x": "` + strings.Repeat("x", 2<<20) + `"}`, "above 1 MiB"},
		"redirect":            {`{"issuer": "SELF", "jwks_uri": "SELF/moved"}`, `{}`, "answered 302"},
		"no document at all":  {"", `{}`, "answered 404"},
		"doubled issuer name": {`{"issuer": "SELF", "jwks_uri": "SELF/keys", "jwks_uri": "http://evil.example/"}`, `{}`, "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			var self string
			mux := http.NewServeMux()
			mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
				if c.discovery == "" {
					w.WriteHeader(http.StatusNotFound)
				}
				fmt.Fprint(w, strings.ReplaceAll(c.discovery, "SELF", self))
			})
			mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.keys) })
			mux.Handle("/moved", http.RedirectHandler("/keys", http.StatusFound))
			server := httptest.NewServer(mux)
			defer server.Close()
			self = server.URL
			log := &testbed.Log{}
			i := &tokentest.Issuer{URL: self}
			v := verifier(t, i, func(o *token.Options) { o.Logger = zerolog.New(log) })
			testbed.Eventually(t, "the log tells why", func() bool { return strings.Contains(log.String(), c.want) })
			if s := v.Status(); s.Keys != 0 || !strings.Contains(s.Error, c.want) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestWhatOptionsAreRefused(t *testing.T) {
	good := token.Options{Issuer: "https://login.example.com", Audiences: []string{"a"}}
	if _, err := token.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*token.Options){
		"no audience":           func(o *token.Options) { o.Audiences = nil },
		"an empty audience":     func(o *token.Options) { o.Audiences = []string{""} },
		"http":                  func(o *token.Options) { o.Issuer = "http://login.example.com" },
		"no URL":                func(o *token.Options) { o.Issuer = "login" },
		"credentials":           func(o *token.Options) { o.Issuer = "https://a:b@login.example.com" },
		"a symmetric signature": func(o *token.Options) { o.Algorithms = []string{"HS256"} },
		"none":                  func(o *token.Options) { o.Algorithms = []string{"none"} },
	} {
		o := good
		change(&o)
		if _, err := token.New(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestRedactLeavesNoToken(t *testing.T) {
	i := tokentest.New(t)
	good := i.Token(i.EC("k"), audience, nil)
	header, _, _ := strings.Cut(good, ".")
	for text, want := range map[string]string{
		"": "", "/v1/pricing": "/v1/pricing", "eyJ": "eyJ", "a=eyJhbGciOi.b.c": "a=eyJhbGciOi.b.c",
		"/v1/" + good + "/x":   "/v1/***/x",
		"access_token=" + good: "access_token=***",
		good + "&" + good:      "***&***",
		header:                 header,
	} {
		if got, found := token.Redact(text); got != want || found != (text != want) {
			t.Errorf("%q becomes %q, found %v", text, got, found)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	i := tokentest.New(b)
	for _, k := range []tokentest.Key{i.RSA("rsa"), i.EC("ec")} {
		text := i.Token(k, audience, nil)
		v := verifier(b, i, nil)
		testbed.Eventually(b, "the keys are read", func() bool { return v.Status().Keys > 0 })
		b.Run(string(k.Algorithm), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, reason := v.Verify(b.Context(), time.Now(), text); reason != token.Good {
					b.Fatal(reason)
				}
			}
		})
	}
}

// FuzzVerify holds that nothing which is not signed by the issuer is ever good, and
// that what is redacted holds no token.
func FuzzVerify(f *testing.F) {
	i := tokentest.New(f)
	k := i.EC("k")
	good := i.Token(k, audience, nil)
	v := verifier(f, i, func(o *token.Options) { o.Early, o.Patience = time.Hour, time.Nanosecond })
	testbed.Eventually(f, "the keys are read", func() bool { return v.Status().Keys > 0 })
	f.Add(good)
	f.Add(good[:len(good)-2])
	f.Add(part(map[string]any{"alg": "none"}) + "." + part(i.Claims(audience, nil)) + ".")
	f.Add("eyJ.eyJ.")
	f.Fuzz(func(t *testing.T, text string) {
		got, reason := v.Verify(t.Context(), time.Now(), text)
		if (reason == token.Good) != (got != nil) || reason == token.Good && strings.Split(text, ".")[1] != strings.Split(good, ".")[1] {
			t.Errorf("%q is %q: %+v", text, reason, got)
		}
		if redacted, _ := token.Redact(text); strings.Contains(redacted, good) {
			t.Errorf("%q still holds the token", redacted)
		}
	})
}

// FuzzIssuer holds that whatever an issuer says, nothing is taken for a key by which
// an unsigned token is good.
func FuzzIssuer(f *testing.F) {
	f.Add(`{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}`, `{"issuer": "https://a.example", "jwks_uri": "https://a.example/keys"}`)
	f.Add(`{"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}`, `{}`)
	f.Fuzz(func(t *testing.T, keys, discovery string) {
		public, err := token.ParseKeys([]byte(keys))
		if err == nil && (public < 1 || public > 100) {
			t.Errorf("%q is %d keys", keys, public)
		}
		if from, err := token.Discovered([]byte(discovery), "https://a.example"); err == nil && !strings.HasPrefix(from, "http") {
			t.Errorf("keys are at %q", from)
		}
	})
}
