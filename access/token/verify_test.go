package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/access/token/tokentest"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const audience = "switchyard"

// verifier trusts an issuer, and runs until the test ends.
func verifier(tb testing.TB, i *tokentest.Issuer, change func(*token.Options)) *token.Verifier {
	tb.Helper()
	transport, err := token.NewTransport("", nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(transport.CloseIdleConnections)
	o := token.Options{Issuer: i.URL, Audiences: []string{audience, "other"}, Transport: transport, Logger: zerolog.Nop(), Skew: 30 * time.Second}
	if change != nil {
		change(&o)
	}
	v, err := token.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { v.Run(ctx) })
	tb.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return v
}

// ready waits until the verifier knows n keys.
func ready(tb testing.TB, v *token.Verifier, n int) {
	tb.Helper()
	testbed.Eventually(tb, "the keys are read", func() bool { return v.Status().Keys == n })
}

func TestGoodTokens(t *testing.T) {
	i := tokentest.New(t)
	rsaKey, ecKey := i.RSA("one"), i.EC("two")
	v := verifier(t, i, nil)
	ready(t, v, 2)
	now := time.Now() // one for all, however long that takes
	for name, text := range map[string]string{
		"RS256":           i.Token(rsaKey, audience, nil),
		"ES256":           i.Token(ecKey, audience, nil),
		"second audience": i.Token(ecKey, "other", nil),
		"audiences":       i.Token(ecKey, "", map[string]any{"aud": []string{"elsewhere", audience}}),
		"within the skew": i.Token(ecKey, audience, map[string]any{"exp": now.Add(-20 * time.Second).Unix()}),
		"early, within":   i.Token(ecKey, audience, map[string]any{"nbf": now.Add(20 * time.Second).Unix()}),
	} {
		got, reason := v.Verify(t.Context(), now, text)
		if reason != token.Good || got.Subject != "user-1" || got.Name() != "jwt:user-1" || !got.Allows("anything") || !json.Valid(got.Claims) {
			t.Errorf("%s: %+v, %s", name, got, reason)
		}
	}
	if n := i.Asked.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func TestEndpointsClaim(t *testing.T) {
	i := tokentest.New(t)
	k := i.EC("k")
	v := verifier(t, i, func(o *token.Options) { o.EndpointsClaim = "endpoints" })
	ready(t, v, 1)
	for _, c := range []struct {
		claim any
		want  bool // good for pricing_v1
	}{
		{[]string{"users", "pricing_*"}, true},
		{"users pricing_v1", true},
		{"*", true},
		{nil, false},
		{[]string{}, false},
		{[]string{"users"}, false},
		{"pricing", false},
		{7, false},
		{map[string]any{"pricing_v1": true}, false},
		{[]any{7, nil}, false},
	} {
		got, reason := v.Verify(t.Context(), time.Now(), i.Token(k, audience, map[string]any{"endpoints": c.claim}))
		if reason != token.Good || got.Allows("pricing_v1") != c.want {
			t.Errorf("%v: %s, %v", c.claim, reason, !c.want)
		}
	}
}

// part is one of a token.
func part(v any) string {
	data, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(data)
}

// symmetric signs with a secret, such as the text of a public key.
func symmetric(t *testing.T, algorithm jose.SignatureAlgorithm, secret []byte, id string, claims map[string]any) string {
	t.Helper()
	return tokentest.Sign(t, algorithm, jose.JSONWebKey{Key: secret, KeyID: id}, claims)
}

func TestAttacksWithTokens(t *testing.T) {
	i, evil := tokentest.New(t), tokentest.New(t)
	rsaKey, ecKey := i.RSA("one"), i.EC("two")
	evilRSA, evilEC := evil.RSA("one"), evil.EC("two")
	v := verifier(t, i, func(o *token.Options) { o.Early, o.Patience = time.Hour, time.Millisecond })
	ready(t, v, 2)
	claims := i.Claims(audience, nil)
	der, err := x509.MarshalPKIXPublicKey(rsaKey.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	good := i.Token(rsaKey, audience, nil)
	parts := strings.Split(good, ".")
	changed := part(i.Claims(audience, map[string]any{"sub": "root"}))
	embedded := func(header map[string]any) string { // signed by a stranger whose key the header holds or names
		for name, value := range map[string]any{"alg": "ES256", "kid": "two"} {
			if header[name] == nil {
				header[name] = value
			}
		}
		options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
		for name, value := range header {
			options.ExtraHeaders[jose.HeaderKey(name)] = value
		}
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: evilEC.Private}, options)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(claims)
		signed, err := s.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	stranger := jose.JSONWebKey{Key: evilEC.Private.Public(), KeyID: "two"}
	for _, c := range []struct {
		name, text string
		want       token.Reason
	}{
		{"alg none", part(map[string]any{"alg": "none"}) + "." + part(claims) + ".", token.Malformed},
		{"alg None", part(map[string]any{"alg": "None", "kid": "one"}) + "." + part(claims) + "." + parts[2], token.Malformed},
		{"no alg", part(map[string]any{"kid": "one"}) + "." + part(claims) + "." + parts[2], token.Malformed},
		{"HS256 with the public key in DER", symmetric(t, jose.HS256, der, "one", claims), token.Malformed},
		{"HS256 with the public key in PEM", symmetric(t, jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "one", claims), token.Malformed},
		{"HS512 with an empty secret's like", symmetric(t, jose.HS512, make([]byte, 64), "two", claims), token.Malformed},
		{"a stranger's key of the same name", tokentest.Sign(t, jose.RS256, jose.JSONWebKey{Key: evilRSA.Private, KeyID: "one"}, claims), token.Forged},
		{"the other key's name", tokentest.Sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey.Private, KeyID: "two"}, claims), token.UnknownKey},
		{"the other key's name and algorithm", tokentest.Sign(t, jose.ES256, jose.JSONWebKey{Key: ecKey.Private, KeyID: "one"}, claims), token.UnknownKey},
		{"an allowed algorithm that is not the key's", tokentest.Sign(t, jose.PS256, jose.JSONWebKey{Key: rsaKey.Private, KeyID: "one"}, claims), token.UnknownKey},
		{"a path for a key's name", tokentest.Sign(t, jose.RS256, jose.JSONWebKey{Key: evilRSA.Private, KeyID: "../../../dev/null"}, claims), token.UnknownKey},
		{"no key's name where there are two", tokentest.Sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey.Private}, claims), token.UnknownKey},
		{"a key in the header", embedded(map[string]any{"jwk": stranger}), token.Forged},
		{"a URL of keys in the header", embedded(map[string]any{"jku": evil.URL + "/keys"}), token.Forged},
		{"a URL of a certificate in the header", embedded(map[string]any{"x5u": evil.URL + "/keys"}), token.Forged},
		{"another payload", parts[0] + "." + changed + "." + parts[2], token.Forged},
		{"no signature", parts[0] + "." + parts[1] + ".", token.Forged},
		{"half a signature", parts[0] + "." + parts[1] + "." + parts[2][:40], token.Forged},
		{"an issuer of one's own", evil.Token(evilRSA, audience, nil), token.Foreign},
		{"an issuer of one's own with alg none", part(map[string]any{"alg": "none"}) + "." + part(evil.Claims(audience, nil)) + ".", token.Foreign},
		{"a trailing slash to the issuer", i.Token(rsaKey, audience, map[string]any{"iss": i.URL + "/"}), token.Foreign},
		{"no issuer", i.Token(rsaKey, audience, map[string]any{"iss": nil}), token.Foreign},
		{"an issuer that is no text", i.Token(rsaKey, audience, map[string]any{"iss": []string{i.URL}}), token.Foreign},
		{"no issuer, with another's algorithm", symmetric(t, jose.HS256, make([]byte, 32), "app", map[string]any{"sub": "u"}), token.Foreign},
		{"no issuer, with another's key", tokentest.Sign(t, jose.RS256, jose.JSONWebKey{Key: evilRSA.Private, KeyID: "theirs"}, map[string]any{"sub": "u"}), token.Foreign},
		{"a payload that is no JSON", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte("text")) + "." + parts[2], token.Foreign},
		{"for others", i.Token(rsaKey, "elsewhere", nil), token.Audience},
		{"for nobody", i.Token(rsaKey, audience, map[string]any{"aud": nil}), token.Audience},
		{"for whoever begins like us", i.Token(rsaKey, audience+"-test", nil), token.Audience},
		{"expired", i.Token(rsaKey, audience, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), token.Expired},
		{"without an expiry", i.Token(rsaKey, audience, map[string]any{"exp": nil}), token.Malformed},
		{"with a text for an expiry", i.Token(rsaKey, audience, map[string]any{"exp": "tomorrow"}), token.Malformed},
		{"not valid yet", i.Token(rsaKey, audience, map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}), token.Early},
		{"issued tomorrow", i.Token(rsaKey, audience, map[string]any{"iat": time.Now().Add(24 * time.Hour).Unix()}), token.Early},
		{"without a subject", i.Token(rsaKey, audience, map[string]any{"sub": nil}), token.Malformed},
		{"a critical extension", embedded(map[string]any{"crit": []string{"b64"}, "b64": false}), token.Malformed},
		{"empty", "", token.Malformed},
		{"two parts", "eyJhbGciOiJub25lIn0." + part(claims), token.Malformed},
		{"too long", good + strings.Repeat("A", 20_000), token.Malformed},
	} {
		got, reason := v.Verify(t.Context(), time.Now(), c.text)
		if got != nil || reason == token.Good {
			t.Fatalf("%s: it is taken for %+v", c.name, got)
		}
		if reason != c.want && (c.name != "a critical extension" || reason != token.Forged) {
			t.Errorf("%s: %s, want %s", c.name, reason, c.want)
		}
		if reason.Message() == "" || strings.Contains(reason.Message(), "eyJ") {
			t.Errorf("%s: the message is %q", c.name, reason.Message())
		}
	}
	if i.Asked.Load() > 2 || evil.Asked.Load() != 0 {
		t.Errorf("the issuer was asked %d times, and a stranger's server %d times", i.Asked.Load(), evil.Asked.Load())
	}
}

func TestKeysThatAreNoneForTokensAreNotUsed(t *testing.T) {
	i := tokentest.New(t)
	good := i.EC("good")
	short, err := rsa.GenerateKey(rand.Reader, 1024) // that it is short is the point
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.Set(
		jose.JSONWebKey{Key: good.Private.Public(), KeyID: "good"},
		jose.JSONWebKey{Key: &short.PublicKey, KeyID: "short"},
		jose.JSONWebKey{Key: []byte("a secret that anybody who reads the key set has"), KeyID: "secret"},
		jose.JSONWebKey{Key: other, KeyID: "private"},
		jose.JSONWebKey{Key: &other.PublicKey, KeyID: "encryption", Use: "enc"},
	)
	v := verifier(t, i, func(o *token.Options) { o.Early, o.Patience = time.Hour, time.Millisecond })
	ready(t, v, 1)
	if _, reason := v.Verify(t.Context(), time.Now(), i.Token(tokentest.Key{Algorithm: good.Algorithm, Private: good.Private}, audience, nil)); reason != token.Good {
		t.Errorf("a token that names no key, of an issuer that has one: %s", reason)
	}
	for id, k := range map[string]tokentest.Key{"encryption": {ID: "encryption", Algorithm: jose.ES256, Private: other}, "private": {ID: "private", Algorithm: jose.ES256, Private: other}} {
		if _, reason := v.Verify(t.Context(), time.Now(), i.Token(k, audience, nil)); reason != token.UnknownKey {
			t.Errorf("%s: %s", id, reason)
		}
	}
}

func TestUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	i, strange := tokentest.New(t), tokentest.New(t)
	k := i.EC("k")
	v := verifier(t, i, func(o *token.Options) { o.Early = time.Hour })
	ready(t, v, 1)
	var callers sync.WaitGroup
	for n := range 50 {
		text := tokentest.Sign(t, jose.ES256, jose.JSONWebKey{Key: strange.EC("x").Private, KeyID: strings.Repeat("x", n+1)}, i.Claims(audience, nil))
		callers.Go(func() {
			for range 20 {
				if _, reason := v.Verify(t.Context(), time.Now(), text); reason != token.UnknownKey {
					t.Errorf("an unknown key: %s", reason)
				}
			}
		})
	}
	callers.Wait()
	testbed.Eventually(t, "the issuer is asked once more", func() bool { return i.Asked.Load() >= 2 })
	if n := i.Asked.Load(); n != 2 {
		t.Errorf("a thousand tokens with unknown keys had the issuer asked %d times", n)
	}
	if _, reason := v.Verify(t.Context(), time.Now(), i.Token(k, audience, nil)); reason != token.Good {
		t.Errorf("a good one after them: %s", reason)
	}
}

func TestANewKeyIsFoundAtOnce(t *testing.T) {
	i := tokentest.New(t)
	i.EC("old")
	v := verifier(t, i, func(o *token.Options) { o.Patience = testbed.Patience })
	ready(t, v, 1)
	fresh := i.RSA("new")
	if _, reason := v.Verify(t.Context(), time.Now(), i.Token(fresh, audience, nil)); reason != token.Good {
		t.Errorf("the first token of a new key: %s", reason)
	}
}

func TestKeysThatTheIssuerDropsAreNotTrusted(t *testing.T) {
	i := tokentest.New(t)
	old, kept := i.EC("old"), i.EC("kept")
	v := verifier(t, i, func(o *token.Options) { o.Fresh, o.Early = time.Millisecond, time.Hour })
	ready(t, v, 2)
	i.Set(jose.JSONWebKey{Key: kept.Private.Public(), KeyID: "kept"})
	ready(t, v, 1)
	if _, reason := v.Verify(t.Context(), time.Now(), i.Token(old, audience, nil)); reason != token.UnknownKey {
		t.Errorf("a key that was dropped: %s", reason)
	}
}

func TestTheIssuerMayBeAway(t *testing.T) {
	i := tokentest.New(t)
	k := i.EC("k")
	i.Away.Store(true)
	log := &testbed.Log{}
	v := verifier(t, i, func(o *token.Options) {
		o.Logger, o.Stale, o.Fresh, o.Patience = zerolog.New(log), time.Hour, time.Millisecond, time.Millisecond
	})
	good := i.Token(k, audience, nil)
	testbed.Eventually(t, "the log tells", func() bool { return strings.Contains(log.String(), "cannot be read") })
	if _, reason := v.Verify(t.Context(), time.Now(), good); reason != token.Away {
		t.Errorf("before any keys were read: %s", reason)
	}
	i.Away.Store(false)
	ready(t, v, 1)
	i.Away.Store(true)
	testbed.Eventually(t, "it is away again", func() bool { return v.Status().Error != "" })
	if _, reason := v.Verify(t.Context(), time.Now(), good); reason != token.Good {
		t.Errorf("while it is away: %s", reason)
	}
	later := time.Now().Add(2 * time.Hour)
	if _, reason := v.Verify(t.Context(), later, i.Token(k, audience, map[string]any{"exp": later.Add(time.Hour).Unix()})); reason != token.Away {
		t.Errorf("when it was away for longer than keys are trusted: %s", reason)
	}
	if n := strings.Count(log.String(), "cannot be read"); n != 2 {
		t.Errorf("it is told %d times that it went away twice:\n%s", n, log.String())
	}
}

func TestAnIssuerThatHangsHoldsNoTokenForLong(t *testing.T) {
	i := tokentest.New(t)
	k := i.EC("k")
	i.Hold = make(chan struct{})
	v := verifier(t, i, func(o *token.Options) { o.Patience = time.Millisecond })
	testbed.Eventually(t, "the keys are asked for", func() bool { return i.Asked.Load() > 0 })
	for range 100 {
		if _, reason := v.Verify(t.Context(), time.Now(), i.Token(k, audience, nil)); reason != token.Away {
			t.Fatalf("%s", reason)
		}
	}
	close(i.Hold)
	ready(t, v, 1)
}
