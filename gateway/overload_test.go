package gateway_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

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

// A peak of memory that is over has an end for callers as well, though hardly anything
// is allocated that would bring a collection about.
func TestRequestsAreServedSoonAfterMemoryWasShort(t *testing.T) {
	const limit = 64 << 20
	ballast := make([]byte, limit)
	runtime.GC()
	s, r := newStage(t, options{overload: gateway.Overload{Memory: limit}}), newReplica(t, "m")
	s.serve(files{"endpoints/e.yaml": copiedEndpoint, "deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + r.url + "}\n  2: {url: " + r.url + "}\n"})
	if a := s.post("/v1/e", "{}"); a.status != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	runtime.KeepAlive(ballast)
	ballast = nil //nolint:ineffassign,wastedassign // it is garbage from now on
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(testbed.Patience); ; <-tick.C {
		if a := s.post("/v1/e", "{}"); a.status == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			t.Fatal("requests are refused for a minute")
		}
	}
}

// Where the body is read to find the endpoint, nothing is read of it before it is known
// that the request is served.
func TestOverloadShedsBeforeModelsAreLookedFor(t *testing.T) {
	s, h := newStage(t, options{overload: gateway.Overload{MaxInFlight: 1}}), newHeld(t)
	s.serve(files{
		"endpoints/chat.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"deployments/m.yaml":  "schemaVersion: 1\nversions:\n  1: {url: " + h.url + "}\n",
	})
	unsent, send := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		if a := s.do(http.MethodPost, "/openai/v1/chat/completions", unsent); a.status != http.StatusOK {
			t.Errorf("answered %d %s", a.status, a.body)
		}
	})
	s.counts("switchyard_live_in_flight ", 1) // while its body comes
	a := s.post("/openai/v1/chat/completions", `{"model": "chat"}`)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, `"type":"server_error"`) {
		t.Errorf("answered %d %v %s", a.status, a.header, a.body)
	}
	_, _ = io.WriteString(send, `{"model": "chat"}`)
	_ = send.Close()
	<-h.arrived
	h.leave <- struct{}{}
	wg.Wait()
	s.counts("switchyard_live_in_flight ", 0)
	s.counts("switchyard_live_shed_total ", 1)
	for _, body := range []string{`{"model": "nobody"}`, `{`, ``} {
		if a := s.post("/openai/v1/chat/completions", body); a.status >= http.StatusInternalServerError {
			t.Errorf("%q: answered %d %s", body, a.status, a.body)
		}
	}
	s.counts("switchyard_live_in_flight ", 0)
}
