package serve_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// A copy that waited for a connection would spend its time on that, and count against a
// mirror that is only busy.
func TestAsManyCopiesAreUnderWayAsThereAreWorkers(t *testing.T) {
	const workers = 80
	for _, own := range []bool{false, true} {
		t.Run("own upstream "+strconv.FormatBool(own), func(t *testing.T) {
			copies := newGated()
			r := start(t, serve.Options{OwnUpstream: own, Mirror: mirror.Options{Workers: workers, Timeout: testbed.Patience}},
				documents(testbed.HTTP(t, testbed.Says("live")), testbed.HTTP(t, copies.answer)))
			for range workers {
				if status, body := r.call(http.MethodPost, r.url+"/v1/model", "{}"); status != http.StatusOK {
					t.Fatalf("%d %s", status, body)
				}
			}
			for range workers {
				testbed.Receive(t, "a copy", copies.begun)
			}
			close(copies.let)
		})
	}
}
