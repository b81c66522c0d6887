package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// BenchmarkKeyCheck answers from a static backend: without any key, with one that
// is checked, and with one that has limits.
func BenchmarkKeyCheck(b *testing.B) {
	const static = "schemaVersion: 1\nbackends: {only: {static: 1}}\n"
	key, plain := newKey("endpoints: ['other_*', 'pricing_*', pricing]")
	limited, limits := newKey("endpoints: '*'\nrateLimit: {requests: 1000000000, per: 1s}\nmaxInFlight: 10\nmaxInFlightBytes: 1MiB")
	for _, c := range []struct{ name, document, key string }{{"without", "", ""}, {"key", plain, key}, {"limits", limits, limited}} {
		b.Run(c.name, func(b *testing.B) {
			g := newBareGateway()
			f := files{"endpoints/pricing.yaml": static}
			if c.document != "" {
				f["keys/partner.yaml"] = c.document
			}
			if err := g.Apply(revision(f, 1)); err != nil {
				b.Fatal(err)
			}
			ctx, reset := gateway.Seed(b.Context())
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/pricing", http.NoBody)
			w, values := &discarding{header: http.Header{}}, []string{"Bearer " + c.key}
			b.ReportAllocs()
			for b.Loop() {
				if c.key != "" {
					r.Header["Authorization"] = values
				}
				g.ServeHTTP(w, r)
				reset()
			}
			if w.status != http.StatusOK {
				b.Fatalf("answered with %d", w.status)
			}
		})
	}
}

// discarding is a writer that costs next to nothing.
type discarding struct {
	header http.Header
	status int
}

func (w *discarding) Header() http.Header         { return w.header }
func (w *discarding) WriteHeader(status int)      { w.status = status }
func (w *discarding) Write(p []byte) (int, error) { return len(p), nil }

// TestAKeyThatIsCheckedCostsNoAllocation holds also for one with limits.
func TestAKeyThatIsCheckedCostsNoAllocation(t *testing.T) {
	const static = "schemaVersion: 1\nbackends: {only: {static: 1}}\n"
	key, document := newKey("endpoints: ['pricing*']\nmaxInFlight: 10\nrateLimit: {requests: 1000000, per: 1s}")
	allocations := func(f files, key string) float64 {
		g := newBareGateway()
		if err := g.Apply(revision(f, 1)); err != nil {
			t.Fatal(err)
		}
		ctx, reset := gateway.Seed(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/pricing", http.NoBody)
		w, values := &discarding{header: http.Header{}}, []string{"Bearer " + key}
		return testbed.Allocs(200, func() {
			r.Header["Authorization"] = values
			g.ServeHTTP(w, r)
			reset()
		})
	}
	without := allocations(files{"endpoints/pricing.yaml": static}, key)
	with := allocations(files{"endpoints/pricing.yaml": static, "keys/partner.yaml": document}, key)
	if with > without {
		t.Errorf("%v allocations with a key, %v without", with, without)
	}
}
