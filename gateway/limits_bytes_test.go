package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// TestBodiesOfUnknownLengthCountFromTheirFirstByte has bodies be read ahead, for a key in
// them, to find the endpoint, or to change them: they are in memory then, and count
// before any of them is sent on.
func TestBodiesOfUnknownLengthCountFromTheirFirstByte(t *testing.T) {
	r := newReplica(t, "v1")
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/plain.yaml":   aliasOf("model", "maxInFlightBytes: 100"),
		"endpoints/keyed.yaml":   aliasOf("model", "maxInFlightBytes: 100\nassignment: {key: body:/user}"),
		"endpoints/changed.yaml": aliasOf("edited", "maxInFlightBytes: 100"),
		"endpoints/several.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: model, version: 1}}, b: {static: {}, weight: 0}}\nmaxInFlightBytes: 100\nfallback: b\n",
		"deployments/model.yaml": deployment(r.url), "deployments/edited.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + r.url + ", model: other}\n",
	})
	const wide, fits = `{"model": "plain", "user": "x", "padding": "0123456789012345678901234567890123456789012345678901234567890123456789"}`, `{"model": "plain", "user": "x"}`
	for _, path := range []string{"/v1/plain", "/v1/keyed", "/v1/changed", "/v1/several", "/openai/v1/chat/completions"} {
		before := len(r.requests())
		got := s.do(http.MethodPost, path, struct{ io.Reader }{strings.NewReader(wide)})
		if got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "above 100 bytes") ||
			got.header.Get("Retry-After") != "1" || got.header.Get("RateLimit-Limit") != "100" || got.header.Get("RateLimit-Reset") != "1" {
			t.Errorf("%s: %d %v %s", path, got.status, got.header, got.body)
		}
		if after := len(r.requests()); after != before {
			t.Errorf("%s: the deployment got %d requests", path, after-before)
		}
		testbed.Eventually(t, "nothing is left of it", func() bool {
			return s.do(http.MethodPost, path, struct{ io.Reader }{strings.NewReader(fits)}).status == http.StatusOK
		})
	}
	if table := s.admin(http.MethodGet, "/endpoints", nil).body; !strings.Contains(table, `"inFlight": 0`) || strings.Contains(table, `"inFlight": 1`) {
		t.Errorf("something is in flight:\n%s", table)
	}
}

// TestARequestThatTheEndpointRefusesCostsTheKeyNothing spends an endpoint's rate, and has
// a key be refused by it.
func TestARequestThatTheEndpointRefusesCostsTheKeyNothing(t *testing.T) {
	s := newStage(t, options{})
	key, document := newKey("endpoints: '*'\nrateLimit: {requests: 3, per: 1h}")
	s.serve(files{
		"endpoints/narrow.yaml": "schemaVersion: 1\nbackends: {a: {static: 1}}\nrateLimit: {requests: 1, per: 1h}\n",
		"endpoints/wide.yaml":   "schemaVersion: 1\nbackends: {a: {static: 1}}\n", "keys/k.yaml": document,
	})
	post := func(path string) answer { return s.post(path, "{}", "Authorization", key) }
	if got := post("/v1/narrow"); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for range 10 {
		if got := post("/v1/narrow"); got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "rate limit of the endpoint") {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	for n := range 2 {
		if got := post("/v1/wide"); got.status != http.StatusOK {
			t.Errorf("request %d: %d %s", n, got.status, got.body)
		}
	}
	if got := post("/v1/wide"); got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "rate limit of the API key") {
		t.Errorf("%d %s", got.status, got.body)
	}
}
