package gateway_test

import (
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const copiedEndpoint = "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n" +
	"mirrors: {c: {deployment: {branch: main, name: m, version: 2}}}\n"

// TestOverloadShedsMirrorsFirst holds requests one by one: from four fifths of the
// limit on nothing is mirrored, and above the limit nothing is served; each has its
// records.
func TestOverloadShedsMirrorsFirst(t *testing.T) {
	const most = 10
	s, h, m := newStage(t, options{overload: gateway.Overload{MaxInFlight: most}}), newHeld(t), newReplica(t, "m")
	s.serve(files{
		"endpoints/e.yaml":   copiedEndpoint,
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + h.url + "}\n  2: {url: " + m.url + "}\n",
	})
	var wg sync.WaitGroup
	for range most {
		wg.Go(func() {
			if a := s.post("/v1/e", "{}"); a.status != http.StatusOK {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
		<-h.arrived
	}
	for range 3 {
		if a := s.post("/v1/e", "{}"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" {
			t.Errorf("answered %d %v %s", a.status, a.header, a.body)
		}
	}
	for range most {
		h.leave <- struct{}{}
	}
	wg.Wait()
	s.written(3, func(f fields) bool { return f["role"] == "live" && f["errorKind"] == "overload" && f["backend"] == "a" })
	s.written(8, func(f fields) bool { return f["role"] == "mirror" && f["outcome"] == "ok" })
	s.written(2, func(f fields) bool { return f["role"] == "mirror" && f["errorKind"] == "overload" })
	s.written(3, func(f fields) bool { return f["role"] == "mirror" && f["errorKind"] == "refused" })
	if all := s.all(role("mirror")); len(all) != most+3 {
		t.Errorf("%d records of copies", len(all))
	}
	testbed.Eventually(t, "the metrics tell of it", func() bool {
		metrics := s.admin("GET", "/metrics", nil).body
		return strings.Contains(metrics, "switchyard_live_in_flight 0\n") && strings.Contains(metrics, "switchyard_live_shed_total 3\n")
	})
	h.leave <- struct{}{}
	if a := s.post("/v1/e", "{}"); a.status != http.StatusOK {
		t.Errorf("answered %d when the rush is over", a.status)
	}
}

func TestMemoryThatIsAliveShedsRequests(t *testing.T) {
	ballast := make([]byte, 8<<20)
	runtime.GC()
	s, r := newStage(t, options{overload: gateway.Overload{Memory: 1 << 20}}), newReplica(t, "m")
	s.serve(files{"endpoints/e.yaml": copiedEndpoint, "deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + r.url + "}\n  2: {url: " + r.url + "}\n"})
	if a := s.post("/v1/e", "{}"); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "too much to do") {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	if len(r.requests()) != 0 {
		t.Error("it was served all the same")
	}
	runtime.KeepAlive(ballast)
	s, r = newStage(t, options{overload: gateway.Overload{Memory: 1 << 40}}), newReplica(t, "m")
	s.serve(files{"endpoints/e.yaml": copiedEndpoint, "deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + r.url + "}\n  2: {url: " + r.url + "}\n"})
	if a := s.post("/v1/e", "{}"); a.status != http.StatusOK {
		t.Errorf("answered %d %s with memory to spare", a.status, a.body)
	}
}
