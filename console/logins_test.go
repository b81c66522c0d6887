package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/console/login/issuer"
	"github.com/switchyard-gateway/switchyard/console/login/issuer/issuertest"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// With a token of the admin listener nothing is shown without it, on loopback
// either; who gave it once looks until it is another one.
func TestTheTokenOfTheListenerOpensTheConsole(t *testing.T) {
	token := "0123456789abcdef-of-the-admin"
	s := newStage(t, split(), func(o *console.Options) {
		o.Tokens = func() (string, error) { return "older-token-of-the-admin\n" + token + "\n", nil }
	})
	if got := s.get("/console/records"); got.status != http.StatusSeeOther || got.location != "/console/login?to=%2Fconsole%2Frecords" {
		t.Errorf("without a token: %d to %s", got.status, got.location)
	}
	if got := s.get("/console/events/status"); got.status != http.StatusUnauthorized {
		t.Errorf("events without a token: %d", got.status)
	}
	for header, want := range map[string]int{"Bearer " + token: http.StatusOK, "Bearer x" + token: http.StatusSeeOther, "": http.StatusSeeOther} {
		if got := s.send(http.MethodGet, "/", nil, map[string]string{"Authorization": header}); got.status != want {
			t.Errorf("%q: %d instead of %d", header, got.status, want)
		}
	}
	if got := s.get("/console/login"); !strings.Contains(got.body, "Token of the admin listener") || strings.Contains(got.body, "git.example.com") {
		t.Errorf("the login is\n%s", got.body)
	}
	give := func(token string) answer {
		return s.send(http.MethodPost, "/console/login", url.Values{"admin": {token}, "to": {"/console/records"}}, nil)
	}
	if got := give("x" + token); got.status != http.StatusUnauthorized || !strings.Contains(got.body, "The token is wrong") {
		t.Errorf("a wrong token: %d", got.status)
	}
	got := give(token)
	if got.status != http.StatusSeeOther || got.location != "/console/records" {
		t.Fatalf("the token is answered %d to %s", got.status, got.location)
	}
	s.cookie = (&http.Response{Header: got.header}).Cookies()[0]
	if got := s.get("/console/endpoints/e"); got.status != http.StatusOK || strings.Contains(got.body, "/e/change") {
		t.Errorf("who gave the token sees %d, or may change", got.status)
	}
	token = "another-token-0123456789"
	if got := s.get("/"); got.status != http.StatusSeeOther {
		t.Errorf("the session outlives the token: %d", got.status)
	}
	for range 30 { // each makes the wait longer, however slow the machine is
		if got = give("wrong"); got.status == http.StatusTooManyRequests {
			break
		}
	}
	if got.status != http.StatusTooManyRequests {
		t.Errorf("who guesses need not wait: %d", got.status)
	}
}

// Who comes through a proxy that is trusted fails for himself alone, and cannot name
// himself otherwise; whom others say that they come from counts for nothing.
func TestBehindAProxyEachAddressFailsForItself(t *testing.T) {
	trusted, another := forward.Proxies{netip.MustParsePrefix("192.0.2.0/24")}, forward.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name    string
		proxies forward.Proxies
		from    string // as X-Forwarded-For, with a number
		waits   bool
	}{
		{"one who names himself otherwise each time", trusted, "6.6.6.%d, 198.51.100.1", true},
		{"one with a network, through two proxies", trusted, "2001:db8::%d, 192.0.2.7", true},
		{"many", trusted, "198.51.100.%d", false},
		{"many through a proxy that is not trusted", another, "198.51.100.%d", true},
		{"many where none is trusted", nil, "198.51.100.%d", true},
	} {
		s := newStage(t, split(), func(o *console.Options) {
			o.Proxies, o.Tokens = c.proxies, func() (string, error) { return "0123456789abcdef-of-the-admin", nil }
		})
		waits := false
		for i := 1; i < 30 && !waits; i++ {
			got := s.send(http.MethodPost, "/console/login", url.Values{"admin": {"wrong"}}, map[string]string{"X-Forwarded-For": fmt.Sprintf(c.from, i)})
			waits = got.status == http.StatusTooManyRequests
			if !waits && got.status != http.StatusUnauthorized {
				t.Fatalf("%s: a wrong token is answered %d", c.name, got.status)
			}
		}
		if waits != c.waits {
			t.Errorf("%s: to have to wait is %v", c.name, waits)
		}
	}
}

// Who has shown a certificate to the listener may look.
func TestACertificateOpensTheConsole(t *testing.T) {
	for _, certified := range []bool{false, true} {
		s := newStage(t, split(), func(o *console.Options) { o.Loopback, o.Certified = false, certified })
		if got := s.get("/"); (got.status == http.StatusOK) != certified {
			t.Errorf("certified %v: %d", certified, got.status)
		}
	}
}

// Whom an OpenID provider knows logs in, and makes the commits.
func TestAnEditorOfTheProviderChangesSomething(t *testing.T) {
	provider := issuertest.New(t)
	provider.Say = map[string]any{"name": "Jo Doe", "email": "jo@example.com", "email_verified": true, "groups": []string{"models"}}
	s := newStage(t, split(), func(o *console.Options) {
		o.Issuer = issuer.New(issuer.Options{
			URL: provider.URL, ClientID: issuertest.ID, Secret: func() (string, error) { return issuertest.Secret, nil },
			Back: "http://127.0.0.1:9090" + console.IssuedPath, Editors: []issuer.Claim{{Name: "groups", Value: "models"}},
		})
	})
	got := s.throughProvider("/console/login/issuer?to=/console/records")
	if got.status != http.StatusOK || !strings.Contains(got.body, `content="0; url=/console/records"`) {
		t.Fatalf("the login ends with %d\n%s", got.status, got.body)
	}
	for _, c := range (&http.Response{Header: got.header}).Cookies() {
		if c.Name == "switchyard_console" {
			s.cookie = c
		}
	}
	if s.cookie.Name != "switchyard_console" || s.cookie.MaxAge != 3600 {
		t.Errorf("what the provider says counts for %d s, not for an hour: %v", s.cookie.MaxAge, s.cookie)
	}
	token := tokenIn(t, s.get("/").body)
	form := url.Values{"token": {token}, "about": {"change"}, "endpoint": {"e"}, "was": {s.files["endpoints/e.yaml"]}, "b.a.weight": {"4"}}
	if got := s.send(http.MethodPost, "/console/publish", form, nil); got.status != http.StatusOK || len(s.pushed) != 1 {
		t.Fatalf("the change is answered %d\n%s", got.status, got.body)
	}
	if c := s.pushed[0]; c.Name != "Jo Doe" || c.Email != "jo@example.com" {
		t.Errorf("the author is %s <%s>", c.Name, c.Email)
	}

	s.cookie = nil
	provider.Say = map[string]any{"email": "stranger@example.com", "email_verified": true}
	if got := s.throughProvider("/console/login/issuer"); got.status != http.StatusForbidden || !strings.Contains(got.body, "nothing that it says of you lets you in") {
		t.Errorf("a stranger is answered %d\n%s", got.status, got.body)
	}
	if got := s.get(console.IssuedPath + "?code=x&state=y"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "was not begun here") {
		t.Errorf("a login that was not begun is answered %d", got.status)
	}
}

// A browser that speaks TLS to a proxy in front sends the session nowhere without it.
func TestSessionsStayWithinTLS(t *testing.T) {
	for at, want := range map[string]bool{"": false, "http://127.0.0.1:9090": false, "https://switchyard.example.com": true} {
		s := newStage(t, split(), func(o *console.Options) { o.URL = at })
		token := s.logIn("viewer")
		if s.cookie.Secure != want {
			t.Errorf("%q: the cookie is secure: %v", at, s.cookie.Secure)
		}
		got := s.send(http.MethodPost, "/console/logout", url.Values{"token": {token}}, nil)
		if gone := (&http.Response{Header: got.header}).Cookies(); len(gone) != 1 || gone[0].Secure != want || gone[0].MaxAge >= 0 {
			t.Errorf("%q: the logout sets %v", at, gone)
		}
	}
}

// throughProvider begins a login, and comes back from the provider.
func (s *stage) throughProvider(path string) answer {
	s.t.Helper()
	begun := s.get(path)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	sent, err := client.Get(begun.location)
	if err != nil {
		s.t.Fatal(err)
	}
	defer sent.Body.Close()
	back, err := sent.Location()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cookie = (&http.Response{Header: begun.header}).Cookies()[0]
	return s.get(back.RequestURI())
}

// Other gateways are asked with their token, which goes nowhere else.
func TestPeersAreAskedWithTheirToken(t *testing.T) {
	elsewhere := ""
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { elsewhere = r.Header.Get("Authorization") + "!" }))
	defer other.Close()
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer peers-token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/moved/status":
			http.Redirect(w, r, other.URL, http.StatusFound)
		default:
			_, _ = w.Write([]byte(`{"revision": {"commit": "0123456789abcdef"}}`))
		}
	}))
	defer peer.Close()
	for token, want := range map[string]string{"peers-token\n": "0123456789", "wrong": "401 Unauthorized", "": "no token"} {
		s := newStage(t, split(), func(o *console.Options) {
			o.Revisions = func(context.Context) ([]console.Kept, error) { return nil, nil }
			o.Peers = console.Peers{URLs: []string{peer.URL, peer.URL + "/moved"}, Token: func() (string, error) { return token, nil }, Transport: &http.Transport{DisableKeepAlives: true}, Within: testbed.Patience}
		})
		if got := s.get("/console/revisions"); !strings.Contains(got.body, want) {
			t.Errorf("%q: no %q in\n%s", token, want, got.body)
		}
	}
	if elsewhere != "" {
		t.Errorf("a redirect was followed with %s", elsewhere)
	}
}
