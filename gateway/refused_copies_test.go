package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
)

// What is refused by the attempt, be it half-way through the body, has no answer that a
// mirror's could be compared with; and a mirror that answers a TRACE would tell the log
// the secrets that are set on copies.
func TestWhatTheGatewayRefusesIsNotCopied(t *testing.T) {
	const most = 10
	live, copied := newReplica(t, "v1"), newReplica(t, "m")
	s := newStage(t, options{forward: forward.Options{MaxRequestBytes: 2 * most}})
	mirrors := "mirrors: {m: {deployment: {branch: main, name: m, version: 1}}}\n"
	s.serve(files{
		"endpoints/e.yaml":      aliasOf("live", mirrors),
		"endpoints/keyed.yaml":  aliasOf("live", mirrors+"assignment: {key: body:/user}"),
		"endpoints/edited.yaml": aliasOf("edited", mirrors),
		"endpoints/wide.yaml":   aliasOf("wide", mirrors),
		"endpoints/static.yaml": "schemaVersion: 1\nbackends: {a: {static: 1}}\n" + mirrors,
		"deployments/live.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + live.url + ", maxRequestBytes: 10B}\n",
		"deployments/edited.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + live.url +
			", maxRequestBytes: 10B, model: another}\n",
		"deployments/wide.yaml": deployment(live.url),
		"deployments/m.yaml":    deployment(copied.url),
	})
	calls := 0
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodTrace, "/v1/e", "", http.StatusMethodNotAllowed},
		{http.MethodTrace, "/v1/static", "", http.StatusMethodNotAllowed},
		{http.MethodPost, "/v1/e", strings.Repeat("b", most+1), http.StatusRequestEntityTooLarge},
		{http.MethodPost, "/v1/wide", strings.Repeat("b", 2*most+1), http.StatusRequestEntityTooLarge},
		{http.MethodPost, "/v1/keyed", `{"user": "me"}`, http.StatusRequestEntityTooLarge},
		{http.MethodPost, "/v1/edited", `{"a": 123}`, http.StatusRequestEntityTooLarge}, // once it names the model
	} {
		for _, chunked := range []bool{false, true} {
			body := io.Reader(strings.NewReader(c.body))
			if chunked {
				body = struct{ io.Reader }{body}
			}
			if c.body == "" {
				body = http.NoBody
			}
			if got := s.do(c.method, c.path, body); got.status != c.status {
				t.Errorf("%s %s, chunked %v: %d %s", c.method, c.path, chunked, got.status, got.body)
			}
			calls++
		}
	}
	for _, f := range s.written(calls, role("mirror")) {
		if f["outcome"] != "dropped" || f["errorKind"] != "refused" {
			t.Errorf("a copy: %v", f)
		}
	}
	if got := copied.requests(); len(got) > 0 {
		t.Errorf("the mirror got %v", got)
	}
	if got := s.do(http.MethodPost, "/v1/e", struct{ io.Reader }{strings.NewReader(strings.Repeat("b", most))}); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.written(1, func(f fields) bool { return f["role"] == "mirror" && f["outcome"] == "ok" })
}

func TestAQueryThatNobodyCanSendIsTheCallersFault(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "m")
	s := newStage(t, options{})
	tree := mirrored(live.url, map[string]string{"m": copied.url})
	tree["deployments/live.yaml"] = "schemaVersion: 1\nversions:\n  1: {url: " + live.url + ", breaker: {minRequests: 2}}\n"
	s.serve(tree)
	caller := s.at(s.clients()["HTTP/2"])
	const calls = 10
	for range calls {
		if got := caller.do(http.MethodGet, "/v1/e?a b", http.NoBody); got.status != http.StatusBadRequest || !strings.Contains(got.body, "the query has a blank") {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	s.written(calls, func(f fields) bool { return f["role"] == "live" && f["errorKind"] == "bad_request" })
	s.written(calls, func(f fields) bool { return f["role"] == "mirror" && f["errorKind"] == "refused" })
	if got := caller.do(http.MethodGet, "/v1/e?a%20b", http.NoBody); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.written(1, func(f fields) bool { return f["role"] == "mirror" && f["outcome"] == "ok" })
	for name, r := range map[string]*replica{"live": live, "the mirror": copied} {
		if got := r.requests(); len(got) != 1 || got[0].uri != "/?a%20b" {
			t.Errorf("%s got %v", name, got)
		}
	}
}
