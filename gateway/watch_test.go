package gateway_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Who tries an endpoint out gets the answers of the copies of this request, of no
// other, and none when he has gone.
func TestAnswersOfMirrorsAreWatchedByRequest(t *testing.T) {
	s := newStage(t, options{})
	s.serve(mirrored(newEcho(t, "text/plain"), map[string]string{"m1": newEcho(t, "text/plain"), "m2": newEcho(t, "text/plain")}))
	var mu sync.Mutex
	got := map[string]string{}
	stop := s.gateway.WatchCopies("watched", func(a gateway.MirrorAnswer) {
		mu.Lock()
		defer mu.Unlock()
		got[a.Mirror] += string(a.Body)
		if a.Cut {
			t.Errorf("the answer of %s is cut", a.Mirror)
		}
	})
	call := func(id string) {
		t.Helper()
		s.post("/v1/e", "body of "+id, "X-Request-Id", id)
		testbed.Eventually(t, "the copies have their records", func() bool {
			copies := 0
			for _, f := range testbed.Lines[fields](t, s.log) {
				if f["role"] == "mirror" && f["requestId"] == id {
					copies++
				}
			}
			return copies == 2
		})
	}
	call("other")
	call("watched")
	stop()
	call("late")
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(map[string]string{"m1": "body of watched", "m2": "body of watched"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
