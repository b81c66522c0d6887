package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/switchyard-gateway/switchyard/access/token/tokentest"
)

// shown are requests that show a token, in each field where one may stand.
func shown(path string, tokens ...string) (all []sent) {
	for _, text := range tokens {
		for _, field := range []string{"Authorization: Bearer ", "Authorization: ", "X-API-Key: "} {
			all = append(all, sent{path: path, fields: []string{field + text}})
		}
	}
	return all
}

func encoded(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// forgedTokens say what a good one says, and the issuer has not signed them.
func forgedTokens(b *besieged) (tried, through int) {
	claims := b.issuer.Claims("switchyard", map[string]any{"endpoints": "*"})
	evil := tokentest.New(b.t)
	theirs := evil.RSA("issued")
	der, err := x509.MarshalPKIXPublicKey(b.issued.Private.Public())
	must0(b.t, err)
	var all []string
	for _, header := range []map[string]any{{"alg": "none"}, {"alg": "None"}, {"alg": "NONE", "kid": "issued"}, {"alg": "", "kid": "issued"}, {"kid": "issued"}, {"alg": "RS256", "kid": "issued"}} {
		for _, signature := range []string{"", "AA", encoded(claims)} {
			all = append(all, encoded(header)+"."+encoded(claims)+"."+signature)
		}
	}
	for _, secret := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), []byte(strings.Repeat("secret", 20))} {
		for _, algorithm := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
			all = append(all, tokentest.Sign(b.t, algorithm, jose.JSONWebKey{Key: secret, KeyID: "issued"}, claims))
		}
	}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.RS512, jose.PS256} {
		all = append(all, tokentest.Sign(b.t, algorithm, jose.JSONWebKey{Key: theirs.Private, KeyID: "issued"}, claims))
	}
	for name, value := range map[jose.HeaderKey]any{
		"jku": evil.URL + "/keys", "x5u": evil.URL + "/keys", "jwk": jose.JSONWebKey{Key: theirs.Private.Public(), KeyID: "issued"}, "x5c": []string{base64.StdEncoding.EncodeToString(der)},
	} {
		options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{name: value, "kid": "issued"}}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: theirs.Private}, options)
		must0(b.t, err)
		payload, err := json.Marshal(claims)
		must0(b.t, err)
		signed, err := signer.Sign(payload)
		must0(b.t, err)
		text, err := signed.CompactSerialize()
		must0(b.t, err)
		all = append(all, text)
	}
	parts := strings.Split(b.goodToken(), ".")
	all = append(all, parts[0]+"."+encoded(claims)+"."+parts[2], evil.Token(theirs, "switchyard", map[string]any{"endpoints": "*"}))
	tried, through = b.refusedAll(shown("/v1/pricing", all...), http.StatusUnauthorized)
	return tried, through + int(evil.Asked.Load())
}

// misusedTokens are signed by the issuer.
func misusedTokens(b *besieged) (tried, through int) {
	var all []string
	for _, more := range []map[string]any{
		{"exp": time.Now().Add(-time.Minute).Unix()},
		{"exp": nil},
		{"exp": "never"},
		{"nbf": time.Now().Add(time.Hour).Unix()},
		{"iat": time.Now().Add(time.Hour).Unix()},
		{"aud": nil},
		{"aud": "others"},
		{"aud": []string{"others"}},
		{"aud": "switchyard-test"},
		{"aud": ""},
		{"iss": "https://evil.example"},
		{"iss": b.issuer.URL + "/"},
		{"iss": nil},
		{"sub": nil},
		{"sub": ""},
	} {
		more["endpoints"] = "*"
		all = append(all, b.issuer.Token(b.issued, "switchyard", more))
	}
	tried, through = b.refusedAll(shown("/v1/pricing", all...), http.StatusUnauthorized)
	var others []string
	for _, endpoints := range []any{nil, "", []string{}, "pricing open", []string{"pricing"}, "secre", "*x", 7, map[string]any{"secret": true}} {
		others = append(others, b.issuer.Token(b.issued, "switchyard", map[string]any{"endpoints": endpoints}))
	}
	more, got := b.refusedAll(shown("/v1/secret", others...), http.StatusForbidden)
	return tried + more, through + got
}

// unknownTokenKeys may have the issuer asked once more, and not for each token.
func unknownTokenKeys(b *besieged) (tried, through int) {
	theirs := tokentest.New(b.t).EC("")
	before := b.issuer.Asked.Load()
	var all []string
	for n := range 100 {
		all = append(all, tokentest.Sign(b.t, theirs.Algorithm, jose.JSONWebKey{Key: theirs.Private, KeyID: fmt.Sprintf("key-%d", n)}, b.issuer.Claims("switchyard", map[string]any{"endpoints": "*"})))
	}
	began := time.Now()
	tried, through = b.refusedAll(shown("/v1/pricing", all...), http.StatusUnauthorized)
	most := int64(2 + time.Since(began)/(10*time.Second))
	return tried, through + int(max(0, b.issuer.Asked.Load()-before-most))
}
