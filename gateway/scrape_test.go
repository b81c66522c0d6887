package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// stuck is a scrape that takes metrics up to the first of that name, and nothing more
// until the test ends.
func (s *stage) stuck(name string) {
	s.t.Helper()
	metrics := make(chan prometheus.Metric)
	go func() {
		defer close(metrics)
		s.gateway.Collector().Collect(metrics)
	}()
	s.t.Cleanup(func() {
		for range metrics { // what is left is of no interest
		}
	})
	for m := range metrics {
		if strings.Contains(m.Desc().String(), `"`+name+`"`) {
			return
		}
	}
	s.t.Fatalf("nothing is called %s", name)
}

// Copies are dropped, and requests refused, in the goroutine of the live request; and
// commits come whenever they come.
func TestM02AScrapeThatIsStuckHoldsUpNobody(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "m")
	_, document := newKey("endpoints: closed")
	tree := mirrored(live.url, map[string]string{"m": copied.url})
	tree["endpoints/e.yaml"] += "access: public\n"
	tree["endpoints/closed.yaml"], tree["endpoints/shut.yaml"] = aliasOf("live", "access: required"), aliasOf("live", "access: required")
	tree["keys/k.yaml"] = document
	for _, at := range []string{"switchyard_attempts_total", "switchyard_access_refused_total"} {
		t.Run(at, func(t *testing.T) {
			s := newStage(t, options{})
			s.serve(tree)
			s.post("/v1/e", "{}")
			s.post("/v1/closed", "{}")
			s.written(2, func(fields) bool { return true })
			s.stuck(at)
			done := make(chan string, 5) // as many as there are calls
			go func() {
				defer close(done)
				for what, call := range map[string]func() int{
					"the copy is dropped":        func() int { return s.post("/v1/e", "{}", "X-Switchyard-Mirror", "m").status },
					"the copy is compared":       func() int { return s.post("/v1/e", "{}").status },
					"the caller has no key":      func() int { return s.post("/v1/closed", "{}").status - http.StatusUnauthorized + http.StatusOK },
					"likewise, elsewhere":        func() int { return s.post("/v1/shut", "{}").status - http.StatusUnauthorized + http.StatusOK },
					"a revision begins to serve": func() int { s.serve(tree); return http.StatusOK },
				} {
					if status := call(); status != http.StatusOK {
						t.Errorf("%s: status %d", what, status)
					}
					done <- what
				}
			}()
			for range 5 {
				testbed.Receive(t, "the next request is answered", done)
			}
			s.written(5, func(fields) bool { return true })
		})
	}
}
