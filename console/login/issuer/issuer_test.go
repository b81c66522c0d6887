package issuer_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/console/login/issuer"
	"github.com/switchyard-gateway/switchyard/console/login/issuer/issuertest"
)

const back = "http://127.0.0.1:9090/console/login/issued"

// stage is a console of which nothing is there but the login.
type stage struct {
	t        *testing.T
	provider *issuertest.Provider
	issuer   *issuer.Issuer
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return stageOf(t, issuertest.New(t))
}

// stageOf makes a stage of a provider, which does as it should from now on.
func stageOf(t *testing.T, p *issuertest.Provider) *stage {
	t.Helper()
	p.Sign, p.Give = nil, nil
	p.Say = map[string]any{"name": "Jo Doe", "email": "jo@example.com", "email_verified": true, "preferred_username": "jo", "groups": []string{"staff", "models"}}
	return &stage{t: t, provider: p, issuer: issuer.New(issuer.Options{
		URL: p.URL, ClientID: issuertest.ID, Secret: func() (string, error) { return issuertest.Secret + "\n", nil }, Back: back,
		Scopes: []string{"email"}, Editors: claims(t, "groups=models", "email=admin@example.com"), Viewers: claims(t, "groups=staff"),
	})}
}

func claims(t *testing.T, all ...string) (out []issuer.Claim) {
	t.Helper()
	for _, text := range all {
		c, err := issuer.ParseClaim(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// come is a browser that comes back from the provider.
type come struct {
	at     *url.URL
	cookie *http.Cookie
}

// begin begins a login, and goes on to where the provider sends the browser.
func (s *stage) begin() come {
	s.t.Helper()
	w := httptest.NewRecorder()
	if err := s.issuer.Begin(w, httptest.NewRequest(http.MethodGet, "/console/login/issuer", http.NoBody), "/console/records"); err != nil {
		s.t.Fatal(err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		s.t.Fatalf("the cookie is %v", cookies)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(w.Header().Get("Location"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	at, err := answer.Location()
	if err != nil || !strings.HasPrefix(at.String(), back) {
		s.t.Fatalf("the provider answers %s and leads to %v: %v", answer.Status, at, err)
	}
	return come{at, cookies[0]}
}

// end has a browser come back.
func (s *stage) end(c come) (login.User, string, error) {
	r := httptest.NewRequest(http.MethodGet, c.at.RequestURI(), http.NoBody)
	if c.cookie != nil {
		r.AddCookie(c.cookie)
	}
	return s.issuer.End(httptest.NewRecorder(), r)
}

func TestWhoTheProviderKnowsLogsIn(t *testing.T) {
	provider := issuertest.New(t)
	for name, test := range map[string]struct {
		say  map[string]any
		want login.User
	}{
		"an editor by a group": {nil, login.User{Name: "jo", Role: login.Editor, Display: "Jo Doe", Email: "jo@example.com", Subject: "1234"}},
		"a viewer by a group": {
			map[string]any{"groups": []string{"staff"}, "email_verified": false},
			login.User{Name: "jo", Role: login.Viewer, Display: "Jo Doe", Email: "jo@example.com", Subject: "1234"},
		},
		"an editor by an address": {
			map[string]any{"groups": "none", "email": "admin@example.com", "preferred_username": nil, "name": "A <b>\nc"},
			login.User{Name: "admin", Role: login.Editor, Display: "A bc", Email: "admin@example.com", Subject: "1234"},
		},
		"a name that is none here": {
			map[string]any{"preferred_username": "../Zoë Q", "name": ""},
			login.User{Name: "Zo--Q", Role: login.Editor, Display: "Zo--Q", Email: "jo@example.com", Subject: "1234"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := stageOf(t, provider)
			maps.Copy(s.provider.Say, test.say)
			user, to, err := s.end(s.begin())
			if err != nil || to != "/console/records" {
				t.Fatalf("to %q: %v", to, err)
			}
			if diff := cmp.Diff(test.want, user, cmpopts.IgnoreUnexported(login.User{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Each is an attempt to come in that must not succeed.
func TestAttacksOnALoginAtTheProviderFail(t *testing.T) {
	provider := issuertest.New(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	say := func(key string, value any) func(*stage) {
		return func(s *stage) { s.provider.Say[key] = value }
	}
	for name, test := range map[string]struct {
		prepare func(*stage)
		come    func(*stage, come) come
		want    error // ErrStale, a *RefusedError, or another one
	}{
		"no cookie":          {come: func(_ *stage, c come) come { c.cookie = nil; return c }, want: issuer.ErrStale},
		"another state":      {come: with("state", func(v string) string { return v[1:] + "A" }), want: issuer.ErrStale},
		"no state":           {come: with("state", func(string) string { return "" }), want: issuer.ErrStale},
		"an invented cookie": {come: func(_ *stage, c come) come { c.cookie.Value = c.cookie.Value[1:] + "A"; return c }, want: issuer.ErrStale},
		"another's login":    {come: func(s *stage, c come) come { return come{c.at, s.begin().cookie} }, want: issuer.ErrStale},
		"a replay":           {come: func(s *stage, c come) come { _, _, _ = s.end(c); return c }, want: issuer.ErrStale},
		"another's code": {come: func(s *stage, c come) come {
			return with("code", func(string) string { return s.begin().at.Query().Get("code") })(s, c)
		}},
		"a code that was used": {come: func(s *stage, c come) come {
			code := c.at.Query().Get("code")
			_, _, _ = s.end(c)
			return with("code", func(string) string { return code })(s, s.begin())
		}},
		"another provider's answer": {come: with("iss", func(string) string { return "https://evil.example.com" })},
		"an error of the provider":  {come: with("error", func(string) string { return "access_denied" }), want: &issuer.RefusedError{}},
		"another nonce":             {prepare: say("nonce", "another")},
		"no nonce":                  {prepare: say("nonce", nil)},
		"another audience":          {prepare: say("aud", "another")},
		"several audiences":         {prepare: say("aud", []string{issuertest.ID, "another"})},
		"another authorized party":  {prepare: say("azp", "another")},
		"another issuer":            {prepare: say("iss", "https://evil.example.com")},
		"a token that has expired":  {prepare: say("exp", time.Now().Add(-time.Hour).Unix())},
		"another key": {prepare: func(s *stage) {
			s.provider.Sign = func(c map[string]any) string { return issuertest.Signed(other, c) }
		}},
		"no signature":                   {prepare: func(s *stage) { s.provider.Sign = func(c map[string]any) string { return bare("none", c) + "." } }},
		"signed by the secret":           {prepare: func(s *stage) { s.provider.Sign = signedBySecret }},
		"no token":                       {prepare: func(s *stage) { s.provider.Give = func(a map[string]any) { delete(a, "id_token") } }},
		"nobody of the lists":            {prepare: say("groups", []string{"visitors", "model"}), want: &issuer.RefusedError{}},
		"an address as a group":          {prepare: func(s *stage) { s.provider.Say["groups"], s.provider.Say["email"] = nil, "groups=models@example.com" }, want: &issuer.RefusedError{}},
		"an unverified address":          {prepare: func(s *stage) { s.provider.Say = map[string]any{"email": "admin@example.com"} }, want: &issuer.RefusedError{}},
		"an author that is two":          {prepare: say("email", "jo@example.com> <admin@example.com"), want: &issuer.RefusedError{}},
		"an editor of no address":        {prepare: say("email", ""), want: &issuer.RefusedError{}},
		"an author of whom nobody knows": {prepare: say("email_verified", nil), want: &issuer.RefusedError{}},
		"an unverified author":           {prepare: say("email_verified", "false"), want: &issuer.RefusedError{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := stageOf(t, provider)
			if test.prepare != nil {
				test.prepare(s)
			}
			c := s.begin()
			if test.come != nil {
				c = test.come(s, c)
			}
			user, _, err := s.end(c)
			refused := &issuer.RefusedError{}
			switch {
			case err == nil:
				t.Errorf("%+v comes in", user)
			case errors.Is(test.want, issuer.ErrStale) != errors.Is(err, issuer.ErrStale), (test.want != nil && !errors.Is(test.want, issuer.ErrStale)) != errors.As(err, &refused):
				t.Errorf("%v instead of %v", err, test.want)
			case strings.Contains(err.Error(), issuertest.Secret):
				t.Errorf("the secret is told: %v", err)
			}
		})
	}
}

// with changes a parameter with which a browser comes back.
func with(key string, change func(string) string) func(*stage, come) come {
	return func(_ *stage, c come) come {
		query := c.at.Query()
		query.Set(key, change(query.Get(key)))
		at := *c.at
		at.RawQuery = query.Encode()
		return come{&at, c.cookie}
	}
}

// bare is a token without its signature.
func bare(algorithm string, claims map[string]any) string {
	text, _ := json.Marshal(claims)
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + algorithm + `","kid":"k"}`))
	return head + "." + base64.RawURLEncoding.EncodeToString(text)
}

func signedBySecret(claims map[string]any) string {
	text := bare("HS256", claims)
	mac := hmac.New(sha256.New, []byte(issuertest.Secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Where addresses are trusted of which the provider says nothing, those of which it says that
// they are not verified are not.
func TestAddressesAreTrustedWhereThatIsSaid(t *testing.T) {
	provider := issuertest.New(t)
	for verified, comes := range map[any]bool{nil: true, true: true, false: false, "false": false} {
		s := stageOf(t, provider)
		s.provider.Say["email_verified"] = verified
		s.issuer = issuer.New(issuer.Options{
			URL: provider.URL, ClientID: issuertest.ID, Secret: func() (string, error) { return issuertest.Secret, nil }, Back: back,
			Editors: claims(t, "groups=models"), TrustEmail: true,
		})
		user, _, err := s.end(s.begin())
		refused := &issuer.RefusedError{}
		if (err == nil) != comes || err != nil && !errors.As(err, &refused) {
			t.Errorf("verified %v: %+v, %v", verified, user, err)
		}
	}
}

func TestAProviderThatIsDownIsAskedAgain(t *testing.T) {
	s := newStage(t)
	good := s.issuer
	s.issuer = issuer.New(issuer.Options{URL: "http://127.0.0.1:1", ClientID: issuertest.ID, Back: back})
	if err := s.issuer.Begin(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody), "/"); err == nil || !strings.Contains(err.Error(), "ask the provider http://127.0.0.1:1") {
		t.Errorf("%v", err)
	}
	s.issuer = good
	if _, _, err := s.end(s.begin()); err != nil {
		t.Error(err)
	}
}

func TestClaimsAreWrittenAsNameAndValue(t *testing.T) {
	for text, want := range map[string]issuer.Claim{
		"groups=a=b": {Name: "groups", Value: "a=b"}, "anybody": {Name: issuer.Anybody}, "https://x/roles=r": {Name: "https://x/roles", Value: "r"},
	} {
		if got, err := issuer.ParseClaim(text); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "groups", "=x", "groups="} {
		if got, err := issuer.ParseClaim(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}
