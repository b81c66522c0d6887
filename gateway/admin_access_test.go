package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestAdminListenerAsksForItsToken(t *testing.T) {
	const token = "0123456789abcdef-of-the-admin"
	tokens, failing := "old-token-that-goes-soon\n\n  "+token+"\n", error(nil)
	s := newStage(t, options{})
	synced := 0
	handler := s.gateway.Admin(gateway.AdminOptions{
		Gatherer: prometheus.NewRegistry(),
		Status:   func() any { return nil },
		Sync:     func(context.Context) error { synced++; return nil },
		Tokens:   func() (string, error) { return tokens, failing },
		Console:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
	})
	call := func(method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, http.NoBody)
		change(r)
		handler.ServeHTTP(w, r)
		return w
	}
	bare := func(*http.Request) {}
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	paths := []string{"/status", "/endpoints", "/metrics", "/debug/pprof/", "/nothing"}
	for _, path := range paths {
		for name, change := range map[string]func(*http.Request){
			"none": bare, "empty": bearer(""), "wrong": bearer("x" + token), "beginning": bearer(token[:20]), "both": bearer(strings.TrimSpace(tokens)),
			"no scheme": func(r *http.Request) { r.Header.Set("Authorization", token) },
			"as a user": func(r *http.Request) { r.SetBasicAuth(token, "") },
			"query":     func(r *http.Request) { r.URL.RawQuery = "token=" + token },
		} {
			w := call(http.MethodGet, path, change)
			if w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic") {
				t.Errorf("%s with %s: %d %s", path, name, w.Code, w.Body)
			}
		}
		for name, change := range map[string]func(*http.Request){
			"bearer": bearer(token), "older": bearer("old-token-that-goes-soon"),
			"password": func(r *http.Request) { r.SetBasicAuth("anybody", token) },
		} {
			if w := call(http.MethodGet, path, change); w.Code == http.StatusUnauthorized {
				t.Errorf("%s with %s: %d %s", path, name, w.Code, w.Body)
			}
		}
	}
	for path, want := range map[string]int{"/": http.StatusTeapot, "/console/login": http.StatusTeapot, "/consol": http.StatusUnauthorized, "/console/../status": http.StatusTeapot} {
		if w := call(http.MethodGet, path, bare); w.Code != want {
			t.Errorf("%s, which the console sees to or not: %d instead of %d", path, w.Code, want)
		}
	}
	for _, probe := range []string{"/healthz", "/readyz"} {
		if w := call(http.MethodGet, probe, bare); w.Code == http.StatusUnauthorized {
			t.Errorf("%s: %d", probe, w.Code)
		}
	}
	if w := call(http.MethodPost, "/sync", bare); w.Code != http.StatusUnauthorized || synced != 0 {
		t.Errorf("sync without a token: %d", w.Code)
	}
	if w := call(http.MethodPost, "/sync?accept=1234567", bearer(token)); w.Code != http.StatusOK || synced != 1 {
		t.Errorf("sync with a token: %d %s", w.Code, w.Body)
	}
	failing = errors.New("the file is gone")
	if w := call(http.MethodGet, "/status", bearer(token)); w.Code != http.StatusUnauthorized {
		t.Errorf("without tokens to compare with: %d", w.Code)
	}
	var last fields
	testbed.Eventually(t, "the change is logged", func() bool {
		for _, f := range testbed.Lines[fields](t, s.log) {
			if f["event"] == "admin" && f["level"] == "info" {
				last = f
			}
		}
		return last != nil
	})
	if f := last; f["path"] != "/sync" || f["accept"] != "1234567" || f["status"] != 200.0 || f["method"] != "POST" || f["remote"] == "" {
		t.Errorf("the change is logged as %v", f)
	}
	if log := s.log.String(); strings.Contains(log, token) || strings.Contains(log, "old-token") {
		t.Errorf("a token is in the log:\n%s", log)
	}
}
