package token

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // heeds letter case and refuses doubled names
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Options says whose tokens are trusted. What is not said below has a default.
type Options struct {
	Issuer     string   // URL, as it stands in the claim iss
	Audiences  []string // one of which has to stand in the claim aud; at least one
	KeysURL    string   // of the issuer's key set; empty: what its discovery document says
	Algorithms []string // those of schema.TokenAlgorithms that are allowed; empty: all
	// EndpointsClaim names the claim that lists what endpoints a token is good for;
	// empty: it is good for all.
	EndpointsClaim string
	Skew           time.Duration // by how much the issuer's clock may differ; 0: not at all
	Transport      http.RoundTripper
	Logger         zerolog.Logger

	Fresh    time.Duration // between two readings of the keys; 5 m
	Stale    time.Duration // for how long keys are trusted that cannot be read again; 24 h
	Early    time.Duration // between two readings that unknown keys cause; 10 s
	Patience time.Duration // for how long a token waits for such a reading; 1 s
	Timeout  time.Duration // of a reading; 10 s
}

func (o *Options) defaults() {
	fill := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	fill(&o.Fresh, 5*time.Minute)
	fill(&o.Stale, 24*time.Hour)
	fill(&o.Early, 10*time.Second)
	fill(&o.Patience, time.Second)
	fill(&o.Timeout, 10*time.Second)
	if len(o.Algorithms) == 0 {
		o.Algorithms = schema.TokenAlgorithms()
	}
}

// Verifier verifies tokens. It is safe for concurrent use; Run has to be under way
// for it to know any keys.
type Verifier struct {
	options    Options
	algorithms []jose.SignatureAlgorithm
	expected   jwt.Expected
	client     *http.Client

	keys  atomic.Pointer[keySet] // nil: none were read
	reads [2]atomic.Uint64       // that failed, that went well
	down  atomic.Pointer[string] // why the last reading failed; nil: it did not

	ask   chan struct{} // capacity 1, full while asked is true and Run has not seen it
	early *rate.Limiter
	mu    sync.Mutex
	asked bool          // a reading was asked for and has not ended
	read  chan struct{} // closed when the next reading has ended
}

// New makes a Verifier. The error says what is wrong with the options.
func New(o Options) (*Verifier, error) {
	o.defaults()
	if len(o.Audiences) == 0 || slices.Contains(o.Audiences, "") {
		return nil, errors.New("tokens need an audience: those of an issuer that are meant for others would be good otherwise")
	}
	if err := schema.CheckIssuerURL(o.Issuer); err != nil {
		return nil, err
	}
	v := &Verifier{
		options:  o,
		expected: jwt.Expected{Issuer: o.Issuer, AnyAudience: o.Audiences},
		client:   newClient(o),
		ask:      make(chan struct{}, 1),
		early:    rate.NewLimiter(rate.Every(o.Early), 1),
		read:     make(chan struct{}),
	}
	for _, a := range o.Algorithms {
		if !slices.Contains(schema.TokenAlgorithms(), a) {
			return nil, fmt.Errorf("the algorithm %q is not allowed", a)
		}
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(a))
	}
	return v, nil
}

// Verify checks a token at a time. It waits for the issuer, up to Options.Patience,
// only for a token that is signed with a key it does not know, and that not often.
func (v *Verifier) Verify(ctx context.Context, now time.Time, text string) (*Token, Reason) {
	if !Is(text) {
		return nil, Malformed
	}
	if !v.ours(unverified(text)) {
		return nil, Foreign
	}
	jws, err := jose.ParseSignedCompact(text, v.algorithms)
	if err != nil {
		return nil, Malformed
	}
	payload, reason := v.signed(ctx, now, jws)
	if reason != Good {
		return nil, reason
	}
	return v.claimed(now, payload)
}

// unverified is the payload of what has the form of a token.
func unverified(text string) []byte {
	_, rest, _ := strings.Cut(text, ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil
	}
	return decoded
}

// ours reports whether a payload says that it is of the issuer, as those of all its
// tokens do. Whoever makes tokens for himself need not say who he is.
func (v *Verifier) ours(payload []byte) bool {
	var said struct {
		Issuer any `json:"iss"`
	}
	return json.Unmarshal(payload, &said) == nil && said.Issuer == v.options.Issuer
}

// signed is the payload if it was signed by a key of the issuer.
func (v *Verifier) signed(ctx context.Context, now time.Time, jws *jose.JSONWebSignature) ([]byte, Reason) {
	header := jws.Signatures[0].Header
	keys := v.current(now)
	candidates := keys.find(header.KeyID, header.Algorithm)
	if len(candidates) == 0 {
		v.renewed(ctx)
		if keys = v.current(now); keys == nil {
			return nil, Away
		}
		if candidates = keys.find(header.KeyID, header.Algorithm); len(candidates) == 0 {
			return nil, UnknownKey
		}
	}
	for _, key := range candidates {
		if payload, err := jws.Verify(key); err == nil {
			return payload, Good
		}
	}
	return nil, Forged
}

// claimed is the token of a payload that the issuer has signed.
func (v *Verifier) claimed(now time.Time, payload []byte) (*Token, Reason) {
	var claims jwt.Claims
	var all map[string]any
	if json.Unmarshal(payload, &claims) != nil || json.Unmarshal(payload, &all) != nil || claims.Expiry == nil || claims.Subject == "" {
		return nil, Malformed
	}
	expected := v.expected
	expected.Time = now
	switch err := claims.ValidateWithLeeway(expected, v.options.Skew); {
	case err == nil:
	case errors.Is(err, jwt.ErrExpired):
		return nil, Expired
	case errors.Is(err, jwt.ErrInvalidAudience):
		return nil, Audience
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return nil, Foreign
	default:
		return nil, Early
	}
	t := &Token{Subject: claims.Subject, Claims: payload, expires: claims.Expiry.Time().Add(v.options.Skew), all: v.options.EndpointsClaim == ""}
	if !t.all {
		t.endpoints = patterns(all[v.options.EndpointsClaim])
	}
	return t, Good
}

// Issuer is whose tokens are verified.
func (v *Verifier) Issuer() string { return v.options.Issuer }

// Audiences are whom tokens have to be for. The list must not be changed.
func (v *Verifier) Audiences() []string { return v.options.Audiences }
