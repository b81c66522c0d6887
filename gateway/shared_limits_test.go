package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// sharing is a limiter of one gateway.
func sharing(t *testing.T, address string) *shared.Limiter {
	t.Helper()
	l, err := shared.New(shared.Options{URL: "redis://" + address, Prefix: "test", Timeout: testbed.Patience, Retry: 10 * time.Millisecond, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	testbed.Eventually(t, "the server answers", l.Up)
	return l
}

func TestGatewaysShareRates(t *testing.T) {
	redis := miniredis.NewMiniRedis()
	if err := redis.StartAddr(testbed.Address(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	address := redis.Addr()
	one, two := newStage(t, options{shared: sharing(t, address)}), newStage(t, options{shared: sharing(t, address)})
	key, document := newKey("endpoints: '*'\nrateLimit: {requests: 3, per: 1h}\nmaxInFlight: 10")
	f := files{
		"endpoints/pricing.yaml": "schemaVersion: 1\nbackends: {a: {static: 1}}\nrateLimit: {requests: 5, per: 1h}\n",
		"endpoints/users.yaml":   "schemaVersion: 1\nbackends: {a: {static: 1}}\naccess: public\n", "keys/k.yaml": document,
	}
	one.serve(f)
	two.serve(f)
	for n, s := range []*stage{one, two, one} {
		if got := s.post("/v1/pricing", "{}", "Authorization", key); got.status != http.StatusOK {
			t.Fatalf("request %d: %d %s", n, got.status, got.body)
		}
	}
	for _, s := range []*stage{one, two} {
		got := s.post("/v1/pricing", "{}", "Authorization", key)
		if got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "rate limit of the API key") || got.header.Get("Retry-After") == "" || got.header.Get("RateLimit-Limit") != "3" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
		if got := s.post("/v1/users", "{}"); got.status != http.StatusOK {
			t.Errorf("without limits: %d %s", got.status, got.body)
		}
	}
	redis.Close()
	for range 2 { // each by its own limit now, of which one was used here
		if got := two.post("/v1/pricing", "{}", "Authorization", key); got.status != http.StatusOK {
			t.Errorf("while the server is away: %d %s", got.status, got.body)
		}
	}
	if got := two.post("/v1/pricing", "{}", "Authorization", key); got.status != http.StatusTooManyRequests {
		t.Errorf("while the server is away there is no limit: %d", got.status)
	}
	if err := redis.StartAddr(address); err != nil {
		t.Fatal(err)
	}
	other, otherDocument := newKey("endpoints: '*'")
	f["keys/other.yaml"] = otherDocument
	one.serve(f)
	testbed.Eventually(t, "the shared limit holds again", func() bool {
		got := one.post("/v1/pricing", "{}", "Authorization", key)
		return got.status == http.StatusTooManyRequests
	})
	refused := 0
	for range 5 { // of the endpoint's five, three were used by the key
		if got := one.post("/v1/pricing", "{}", "Authorization", other); got.status == http.StatusTooManyRequests && strings.Contains(got.body, "rate limit of the endpoint") {
			refused++
		}
	}
	if refused == 0 {
		t.Error("the endpoint has no limit")
	}
	if table := one.admin("GET", "/endpoints", nil).body; strings.Contains(table, `"inFlight": 1`) {
		t.Errorf("a refused request is in flight:\n%s", table)
	}
}
