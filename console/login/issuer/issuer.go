package issuer

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/switchyard-gateway/switchyard/console/login"
)

// Options is who lets people in, and whom.
type Options struct {
	URL      string // of the provider, as it stands in what it issues
	ClientID string
	Secret   func() (string, error) // of the client, read at each login; nil: it has none
	Scopes   []string               // beside openid
	Back     string                 // URL to which the provider sends browsers back, which End answers
	Editors  []Claim                // one of them lets somebody change something
	Viewers  []Claim                // one of them lets somebody look
	Lasts    time.Duration          // how long what the provider said of somebody counts; DefaultLasts if 0

	// TrustEmail takes addresses of which the provider does not say whether they are verified
	// as such: for one at which nobody sets his own.
	TrustEmail bool
}

// Issuer logs people in. It is safe for concurrent use.
type Issuer struct {
	o      Options
	client *http.Client
	begun  *login.Cookies[attempt]

	mu       sync.Mutex
	provider *oidc.Provider // nil: it was not asked yet, or did not answer
}

// Cookie is the name of the cookie that ties a login to the browser it was begun
// in.
const Cookie = "switchyard_login"

// attempt is a login that has begun.
type attempt struct {
	state    string
	nonce    string
	verifier string
	to       string
}

// DefaultLasts is how long what a provider said of somebody counts. Whom it turns
// away later stays no longer than that.
const DefaultLasts = time.Hour

// Lasts is how long what the provider said of somebody counts.
func (i *Issuer) Lasts() time.Duration { return cmp.Or(i.o.Lasts, DefaultLasts) }

// within bounds each call of the provider.
const within = 10 * time.Second

// New makes an issuer. The provider is asked when somebody logs in, so that the
// process starts without it.
func New(o Options) *Issuer {
	return &Issuer{o: o, client: &http.Client{Timeout: within}, begun: login.NewCookies[attempt](login.CookieOptions{
		Name: Cookie, Path: "/console/login", SameSite: http.SameSiteLaxMode, // the browser comes back from another site
		Life: 10 * time.Minute, Most: 10_000,
	})}
}

// ErrStale is the answer to a browser that comes back without having begun a
// login here, or too late, or twice.
var ErrStale = errors.New("this login was not begun here, took too long, or has ended already")

// RefusedError says why the provider, or this console, does not let somebody in.
type RefusedError struct{ Reason string }

// Error is the reason.
func (e *RefusedError) Error() string { return e.Reason }

// Begin leads a browser to the provider; to is where it is afterwards. The error
// says that the provider does not answer.
func (i *Issuer) Begin(w http.ResponseWriter, r *http.Request, to string) error {
	config, _, err := i.config(r.Context())
	if err != nil {
		return err
	}
	begun := attempt{state: login.Random(), nonce: login.Random(), verifier: oauth2.GenerateVerifier(), to: to}
	i.begun.Give(w, begun, i.secure(r))
	http.Redirect(w, r, config.AuthCodeURL(begun.state, oidc.Nonce(begun.nonce), oauth2.S256ChallengeOption(begun.verifier)), http.StatusSeeOther)
	return nil
}

// secure reports whether the browser speaks TLS, be it to a proxy in front.
func (i *Issuer) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(i.o.Back, "https:")
}

// End says who came back from the provider, and where he wanted to go. The error
// is ErrStale, a *RefusedError, or says what the provider did wrong.
func (i *Issuer) End(w http.ResponseWriter, r *http.Request) (user login.User, to string, err error) {
	begun, ok := i.begun.Take(w, r, i.secure(r))
	query := r.URL.Query()
	if !ok || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(begun.state)) != 1 {
		return user, "", ErrStale
	}
	if query.Has("error") {
		return user, "", &RefusedError{fmt.Sprintf("the provider says %.200q", strings.TrimSpace(query.Get("error")+" "+query.Get("error_description")))}
	}
	if query.Has("iss") && query.Get("iss") != i.o.URL { // RFC 9207
		return user, "", errors.New("the answer is of another provider")
	}
	said, err := i.redeem(r.Context(), query.Get("code"), begun)
	if err != nil {
		return user, "", err
	}
	user, err = said.user(&i.o)
	return user, begun.to, err
}

// redeem has the provider say who it is that a code was given to.
func (i *Issuer) redeem(ctx context.Context, code string, begun attempt) (*claims, error) {
	config, provider, err := i.config(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, i.client)
	given, err := config.Exchange(ctx, code, oauth2.VerifierOption(begun.verifier))
	if err != nil {
		return nil, fmt.Errorf("redeem the code at %s: %w", i.o.URL, err)
	}
	raw, ok := given.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("the provider gives no id_token")
	}
	token, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: i.o.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("check what %s says: %w", i.o.URL, err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(begun.nonce)) != 1 {
		return nil, errors.New("check the nonce: the token was issued for another login")
	}
	said := &claims{trust: i.o.TrustEmail}
	if err := errors.Join(token.Claims(said), token.Claims(&said.all)); err != nil {
		return nil, fmt.Errorf("read the claims: %w", err)
	}
	if said.AuthorizedParty != i.o.ClientID && (len(token.Audience) > 1 || said.AuthorizedParty != "") {
		return nil, errors.New("check the audience: the token was issued to another client")
	}
	return said, nil
}

// config is how the provider is spoken to, which it tells itself.
func (i *Issuer) config(ctx context.Context) (*oauth2.Config, *oidc.Provider, error) {
	provider, err := i.discover(ctx)
	if err != nil {
		return nil, nil, err
	}
	config := &oauth2.Config{
		ClientID: i.o.ClientID, Endpoint: provider.Endpoint(), RedirectURL: i.o.Back, Scopes: append([]string{oidc.ScopeOpenID}, i.o.Scopes...),
	}
	if i.o.Secret != nil {
		secret, err := i.o.Secret()
		if err != nil {
			return nil, nil, fmt.Errorf("read the secret of the client: %w", err)
		}
		config.ClientSecret = strings.TrimSpace(secret)
	}
	return config, provider, nil
}

// discover asks the provider once what it is; if it does not answer, the next one
// who logs in asks again.
func (i *Issuer) discover(ctx context.Context) (*oidc.Provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider != nil {
		return i.provider, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, i.client), i.o.URL)
	if err != nil {
		return nil, fmt.Errorf("ask the provider %s: %w", i.o.URL, err)
	}
	i.provider = provider
	return provider, nil
}
