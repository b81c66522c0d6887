package gateway_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/records"
)

// Observers see what the log sees: each record, live or mirror, once.
func TestObserversSeeEachRecordOfTheLog(t *testing.T) {
	live, mirror := newReplica(t, "live"), newReplica(t, "mirror")
	ring := recent.New(recent.Options{})
	var mu sync.Mutex
	seen := map[record.Role]int{}
	s := newStage(t, options{observers: []func(*record.Record){ring.Observe, func(r *record.Record) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Role]++
	}}})
	s.serve(mirrored(live.url, map[string]string{"m": mirror.url}))
	const calls = 5
	for range calls {
		s.post("/v1/e", "{}")
	}
	want := map[record.Role]int{record.Live: calls, record.Mirror: calls}
	testbed.Eventually(t, "all records have been seen", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return cmp.Equal(want, seen)
	})
	got := map[string]int{}
	var decoder records.Decoder
	for _, line := range ring.Newest(100, records.Filter{Endpoint: "e"}).Lines {
		var r records.Record
		if err := decoder.Decode(line, &r); err != nil {
			t.Fatal(err)
		}
		got[r.Role+" "+r.Backend+" "+r.Outcome]++
	}
	if diff := cmp.Diff(map[string]int{"live only ok": calls, "mirror m ok": calls}, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func TestWithoutKeptRecordsTheListenerSaysSo(t *testing.T) {
	s := newStage(t, options{})
	if got := s.admin("GET", "/records", nil); got.status != http.StatusNotFound {
		t.Errorf("/records: %+v", got)
	}
}
