package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
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
		if got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "above 100 bytes") || got.header.Get("Retry-After") != "" {
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

// TestBodiesThatDoNotFitNowMayComeAgain has a body be under way, and others come that fit
// without it.
func TestBodiesThatDoNotFitNowMayComeAgain(t *testing.T) {
	url, arrived, release := hold(t)
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/e.yaml": aliasOf("model", "maxInFlightBytes: 100\nassignment: {key: body:/user}"), "deployments/model.yaml": deployment(url),
	})
	const body = `{"user": "x", "padding": "0123456789012345678901234567890123456789"}`
	var caller sync.WaitGroup
	caller.Go(func() {
		if got := s.post("/v1/e", body); got.status != http.StatusOK {
			t.Errorf("the first: %d %s", got.status, got.body)
		}
	})
	<-arrived
	for _, second := range []io.Reader{strings.NewReader(body), struct{ io.Reader }{strings.NewReader(body)}} {
		got := s.do(http.MethodPost, "/v1/e", second)
		if got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "would be above 100 bytes") ||
			got.header.Get("Retry-After") != "1" || got.header.Get("RateLimit-Limit") != "100" || got.header.Get("RateLimit-Reset") != "1" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
	}
	release()
	caller.Wait()
	if got := s.post("/v1/e", body); got.status != http.StatusOK {
		t.Errorf("later: %d %s", got.status, got.body)
	}
}

// TestAStreamOfGRPCMayGoOn sends more in one call than may be under way at a time.
func TestAStreamOfGRPCMayGoOn(t *testing.T) {
	const limit, all = 128 << 10, 2 << 20
	got := make(chan int64, 1)
	url := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got <- n
		w.WriteHeader(http.StatusOK)
	})
	s := newStage(t, options{})
	s.serve(files{"endpoints/e.yaml": aliasOf("model", "maxInFlightBytes: 128KiB"), "deployments/model.yaml": deployment(url)})
	at, client := s.tls()
	s = s.at(caller{at, client})
	sent := s.do(http.MethodPost, "/v1/e", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", all))}, "Content-Type", "application/grpc")
	if n := <-got; sent.status != http.StatusOK || n != all || sent.header.Get("Grpc-Status") != "" {
		t.Errorf("the deployment got %d bytes of %d under a limit of %d: %d %v", n, all, limit, sent.status, sent.header)
	}
	testbed.Eventually(t, "nothing is left of it", func() bool {
		return s.do(http.MethodPost, "/v1/e", strings.NewReader(strings.Repeat("x", limit))).status == http.StatusOK && <-got == limit
	})
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
