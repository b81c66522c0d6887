package access_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// many is a set of n keys and the text of one of them.
func many(tb testing.TB, n int) (*access.Set, string) {
	tb.Helper()
	files := map[string]string{}
	var text string
	for i := range n {
		var hash schema.KeyHash
		text, hash = access.NewKey()
		files[fmt.Sprintf("keys/k%d.yaml", i)] = document(hash, "endpoints: ['pricing_*', 'users_*']")
	}
	return load(tb, files), text
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		set, good := many(b, n)
		unknown, _ := access.NewKey()
		for name, text := range map[string]string{"good": good, "unknown": unknown, "no_key": "Basic dXNlcjpwYXNzd29yZA=="} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if k := set.Find(text); k != nil && !k.Allows("users_v1") {
						b.Fatal("the key is not good")
					}
				}
			})
		}
	}
}

func BenchmarkMeter(b *testing.B) {
	m := access.Metered{access.OfKey: meter(schema.Allowance{Rate: schema.RateLimit{Requests: 1e9, Per: time.Second, Burst: 1e9}, InFlight: 10, InFlightBytes: 1 << 20})}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := m.Admit(now, 100); ok {
			m.Release(100)
		}
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	set, good := many(t, 100)
	unknown, _ := access.NewKey()
	for _, text := range []string{good, unknown, ""} {
		if n := testbed.Allocs(100, func() { set.Find(text) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
	}
}
