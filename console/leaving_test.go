package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// leave asks for a page as somebody who is gone before he gets it.
func (s *stage) leave(path string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	r.Host = s.host
	if s.cookie != nil {
		r.AddCookie(s.cookie)
	}
	s.console.ServeHTTP(httptest.NewRecorder(), r)
}

// What is found out for all who look is not spoilt by one who leaves meanwhile.
func TestWhoLeavesSpoilsNothingForOthers(t *testing.T) {
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"revision": {"commit": "0123456789abcdef"}}`))
	}))
	defer peer.Close()
	s := newStage(t, split(), func(o *console.Options) {
		var asked []string
		remote(&asked)(o)
		branches, branch := o.Branches, o.Branch
		o.Branches = func(ctx context.Context) ([]string, error) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return branches(ctx)
		}
		o.Branch = func(ctx context.Context, name string) (schema.Tree, error) {
			if ctx.Err() != nil {
				return schema.Tree{}, ctx.Err()
			}
			return branch(ctx, name)
		}
		o.Peers = console.Peers{URLs: []string{peer.URL}, Within: testbed.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	})
	s.logIn("editor")
	for path, want := range map[string]string{
		"/console/endpoints/e/change":       `<option value="feature/x">`,
		"/console/choices?branch=feature/x": `<option value="model_x"`,
		"/console/revisions":                "0123456789",
	} {
		s.leave(path)
		if got := s.get(path); got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%s is answered %d without %q to who stays:\n%s", path, got.status, want, got.body)
		}
	}
}
