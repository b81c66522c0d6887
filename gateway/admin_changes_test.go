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
)

// What the admin listener was asked for, in the order of its calls.
func TestChangesOfWhatServes(t *testing.T) {
	var asked []string
	ask := func(what string, err error) func(context.Context, string) error {
		return func(_ context.Context, argument string) error {
			asked = append(asked, what+" "+argument)
			return err
		}
	}
	gone := &gateway.StatusError{Status: http.StatusNotFound, Err: errors.New("no such revision is kept")}
	s := newStage(t, options{})
	handler := s.gateway.Admin(gateway.AdminOptions{
		Gatherer:  prometheus.NewRegistry(),
		Sync:      func(ctx context.Context) error { return ask("sync", nil)(ctx, "") },
		Accept:    ask("accept", nil),
		Pin:       ask("pin", gone),
		Unpin:     func(ctx context.Context) error { return ask("unpin", nil)(ctx, "") },
		Revisions: func(context.Context) (any, error) { return []string{"one"}, nil },
	})
	call := func(method, path string, header ...string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, path, http.NoBody)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		handler.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		method, path string
		header       []string
		status       int
		body         string
	}{
		{"POST", "/sync", nil, http.StatusOK, "{}"},
		{"POST", "/sync?accept=1234567", nil, http.StatusOK, "{}"},
		{"POST", "/sync?accept=", []string{"Sec-Fetch-Site", "none"}, http.StatusOK, "{}"},
		{"POST", "/pin?commit=1234567", nil, http.StatusNotFound, "no such revision is kept"},
		{"POST", "/unpin", nil, http.StatusOK, "{}"},
		{"GET", "/revisions", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, http.StatusOK, `"one"`},
		{"GET", "/revisions", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, http.StatusOK, `"one"`},
		{"GET", "/revisions", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, http.StatusForbidden, "browser"},
		{"GET", "/debug/pprof/profile", []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden, "browser"},
		{"GET", "/debug/pprof/cmdline", []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"}, http.StatusForbidden, "browser"},
		{"GET", "/debug/pprof/cmdline", []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)", "Sec-Fetch-Site", "none"}, http.StatusOK, ""},
		{"GET", "/debug/pprof/cmdline", []string{"User-Agent", "Go-http-client/1.1"}, http.StatusOK, ""},
		{"GET", "/revisions", []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"}, http.StatusOK, `"one"`},
		{"GET", "/pin?commit=1234567", nil, http.StatusMethodNotAllowed, ""},
		{"POST", "/sync", []string{"Origin", "https://example.com"}, http.StatusForbidden, "browser"},
		{"POST", "/unpin", []string{"Origin", "http://example.com"}, http.StatusForbidden, "browser"},
		{"POST", "/pin?commit=1234567", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden, "browser"},
		{"POST", "/sync", []string{"Sec-Fetch-Site", "same-origin"}, http.StatusForbidden, "browser"},
	} {
		if got := call(c.method, c.path, c.header...); got.Code != c.status || !strings.Contains(got.Body.String(), c.body) {
			t.Errorf("%s %s %q: %d %s", c.method, c.path, c.header, got.Code, got.Body)
		}
	}
	want := "sync ,accept 1234567,accept ,pin 1234567,unpin "
	if got := strings.Join(asked, ","); got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

// A revision that must not serve yet is checked, and changes nothing.
func TestCheckServesNothing(t *testing.T) {
	s := newStage(t, options{})
	s.serve(files{"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  only: {static: {\"data\": 1}}\n"})
	before := s.gateway.Current()
	if err := s.check(files{"endpoints/e.yaml": "schemaVersion: 2\n"}); err == nil {
		t.Error("a bad revision is not refused")
	}
	if err := s.check(files{"endpoints/other.yaml": "schemaVersion: 1\nbackends:\n  only: {static: {\"data\": 2}}\n"}); err != nil {
		t.Errorf("a good revision: %v", err)
	}
	if got := s.post("/v1/e", "{}"); got.status != http.StatusOK || s.gateway.Current() != before {
		t.Errorf("what serves has changed: %+v", got)
	}
	if a := s.gateway.Applied(); a.Count != 1 || a.Last.Parse <= 0 || a.Last.Compile <= 0 || a.Last.Swap <= 0 || a.Total != a.Last {
		t.Errorf("applied is %+v", a)
	}
}

// The console asks by itself who it is that changes something; nothing else of
// the admin listener takes that from a browser.
func TestBrowsersChangeSomethingByTheConsoleOnly(t *testing.T) {
	s := newStage(t, options{})
	handler := s.gateway.Admin(gateway.AdminOptions{
		Gatherer: prometheus.NewRegistry(), Status: func() any { return nil },
		Sync: func(context.Context) error { return nil },
		Console: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
		}),
	})
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", http.StatusTeapot},
		{"GET", "/console/records", http.StatusTeapot},
		{"POST", "/console/new", http.StatusTeapot},
		{"POST", "/", http.StatusForbidden},
		{"POST", "/sync", http.StatusForbidden},
		{"GET", "/nothing", http.StatusNotFound},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(test.method, test.path, http.NoBody)
		r.Header.Set("Origin", "http://127.0.0.1:9090")
		if handler.ServeHTTP(w, r); w.Code != test.want {
			t.Errorf("%s %s: %d instead of %d", test.method, test.path, w.Code, test.want)
		}
	}
}

// A page may come under a name that leads to this machine (DNS rebinding), and then reads
// what it is answered as its own.
func TestWhereNobodyIsAskedNamesOfOthersAreNotAnswered(t *testing.T) {
	s := newStage(t, options{})
	for _, local := range []bool{true, false} {
		handler := s.gateway.Admin(gateway.AdminOptions{
			Gatherer: prometheus.NewRegistry(), Status: func() any { return nil }, Local: local,
			Sync:    func(context.Context) error { return nil },
			Console: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
		})
		call := func(method, path, host string) int {
			w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, http.NoBody)
			r.Host = host
			handler.ServeHTTP(w, r)
			return w.Code
		}
		for _, host := range []string{"127.0.0.1:9090", "127.0.0.1", "[::1]:9090", "localhost:9090", "localhost", "gateway.localhost:9090", "10.0.0.1:9090", ""} {
			if status := call("GET", "/status", host); status != http.StatusOK {
				t.Errorf("%q: %d", host, status)
			}
		}
		for _, host := range []string{"evil.example:9090", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost", "[::1].evil.example:9090"} {
			for _, path := range []string{"/status", "/endpoints", "/metrics", "/debug/pprof/cmdline", "/revisions", "/records"} {
				if status := call("GET", path, host); (status == http.StatusForbidden) != local {
					t.Errorf("%q, local %v: %s is answered with %d", host, local, path, status)
				}
			}
			if status := call("POST", "/sync", host); (status == http.StatusForbidden) != local {
				t.Errorf("%q, local %v: a sync is answered with %d", host, local, status)
			}
			for path, want := range map[string]int{"/healthz": http.StatusOK, "/console/records": http.StatusTeapot} {
				if status := call("GET", path, host); status != want {
					t.Errorf("%q, local %v: %s, which asks by itself or tells nothing, is answered with %d", host, local, path, status)
				}
			}
		}
	}
}
