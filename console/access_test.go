package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/console"
)

func split() map[string]string {
	return map[string]string{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  # the old one\n  a: {static: 1, weight: 3}  # stays\n  b: {static: 2, weight: 1}\nassignment: {key: header:x-user-id}\n",
	}
}

func TestEveryPageAnswers(t *testing.T) {
	s := newStage(t, split(), func(o *console.Options) { o.Recent = nil })
	s.logIn("editor")
	for path, want := range map[string]string{
		"/":                           "/console/endpoints/e",
		"/?q=nothing":                 "Nothing matches",
		"/console/endpoints/e":        "endpoints/e.yaml",
		"/console/endpoints/e/change": "Add a mirror",
		"/console/endpoints/e/try":    "real request",
		"/console/new":                "New endpoint",
		"/console/records":            "No records are kept",
		"/console/revisions":          "No revision has served yet",
		"/console/assets/console.css": "--accent",
		"/console/assets/console.js":  "EventSource",
	} {
		got := s.get(path)
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%s answers %d, without %q:\n%s", path, got.status, want, got.body)
		}
		if !strings.Contains(got.header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'") {
			t.Errorf("%s has the policy %q", path, got.header.Get("Content-Security-Policy"))
		}
		if strings.Contains(got.body, "style=\"") || strings.Contains(got.body, "<style") || strings.Contains(got.body, " onclick") {
			t.Errorf("%s has styles or scripts in it, which the policy keeps from working", path)
		}
	}
	if got := s.get("/console/endpoints/none"); got.status != http.StatusNotFound {
		t.Errorf("an endpoint that is not there is answered %d", got.status)
	}
}

func TestOtherNamesNeedALogin(t *testing.T) {
	for _, test := range []struct {
		loopback bool
		host     string
		want     int
	}{
		{true, "127.0.0.1:9090", http.StatusOK},
		{true, "[::1]:9090", http.StatusOK},
		{true, "localhost:9090", http.StatusOK},
		{true, "evil.example.com:9090", http.StatusSeeOther},
		{true, "127.0.0.1.evil.example.com", http.StatusSeeOther},
		{false, "127.0.0.1:9090", http.StatusSeeOther},
	} {
		s := newStage(t, split(), func(o *console.Options) { o.Loopback = test.loopback })
		s.host = test.host
		if got := s.get("/"); got.status != test.want {
			t.Errorf("%+v: %d", test, got.status)
		}
		if test.want != http.StatusOK { // else they go on
			if got := s.get("/console/events/endpoints"); got.status != http.StatusUnauthorized {
				t.Errorf("%+v: events are answered %d", test, got.status)
			}
		}
		if got := s.get("/console/login"); got.status != http.StatusOK || test.want != http.StatusOK && strings.Contains(got.body, "git.example.com") {
			t.Errorf("%+v: the login tells where the repository is: %d\n%s", test, got.status, got.body)
		}
	}
}

func TestNobodyIsLedElsewhereByALogin(t *testing.T) {
	s := newStage(t, split(), nil)
	for _, to := range []string{"https://evil.example.com", "//evil.example.com", `/\evil.example.com`, "javascript:alert(1)", ""} {
		got := s.send(http.MethodPost, "/console/login", url.Values{"name": {"viewer"}, "password": {password}, "to": {to}}, nil)
		if got.location != "/" {
			t.Errorf("%q leads to %q", to, got.location)
		}
	}
}

// Each is a request that changes something, and is refused.
func TestOnlyEditorsChangeSomethingFromPagesOfTheConsole(t *testing.T) {
	for name, test := range map[string]struct {
		user   string
		write  bool
		token  func(string) string
		header map[string]string
	}{
		"nobody":        {"", true, nil, nil},
		"a viewer":      {"viewer", true, nil, nil},
		"no token":      {"editor", true, func(string) string { return "" }, nil},
		"another token": {"editor", true, func(t string) string { return t[1:] + "A" }, nil},
		"another site":  {"editor", true, nil, map[string]string{"Sec-Fetch-Site": "cross-site"}},
		"another origin": {"editor", true, nil, map[string]string{
			"Sec-Fetch-Site": "", "Origin": "https://evil.example.com",
		}},
		"without --console-write": {"editor", false, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, split(), func(o *console.Options) { o.Write = test.write })
			token := ""
			if test.user != "" {
				token = s.logIn(test.user)
			}
			if test.token != nil {
				token = test.token(token)
			}
			form := url.Values{"token": {token}, "about": {"delete"}, "endpoint": {"e"}, "was": {s.files["endpoints/e.yaml"]}}
			for _, path := range []string{"/console/publish", "/console/preview", "/console/sync", "/console/pin", "/console/endpoints/e/try"} {
				if got := s.send(http.MethodPost, path, form, test.header); got.status != http.StatusForbidden {
					t.Errorf("%s is answered %d", path, got.status)
				}
			}
			if len(s.pushed) > 0 {
				t.Errorf("%d commits were pushed", len(s.pushed))
			}
		})
	}
}

func TestALogoutEndsTheSession(t *testing.T) {
	s := newStage(t, split(), nil)
	token := s.logIn("editor")
	if got := s.send(http.MethodPost, "/console/logout", url.Values{"token": {"wrong"}}, nil); got.status != http.StatusSeeOther {
		t.Errorf("a wrong logout is answered %d", got.status)
	}
	if got := s.get("/"); !strings.Contains(got.body, "Log out") {
		t.Error("a wrong token logs out")
	}
	s.send(http.MethodPost, "/console/logout", url.Values{"token": {token}}, nil)
	if got := s.get("/"); strings.Contains(got.body, "Log out") {
		t.Error("the session goes on")
	}
}
