package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// held is a deployment whose answers wait for leave.
type held struct {
	url     string
	arrived chan struct{}
	leave   chan struct{}
}

func newHeld(t *testing.T) *held {
	t.Helper()
	h := &held{arrived: make(chan struct{}, 1000), leave: make(chan struct{}, 1000)} // more than any test sends
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.arrived <- struct{}{}
		select {
		case <-h.leave:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func TestRequestsAboveAVersionsCapacityWaitAndThenAreRefused(t *testing.T) {
	s, h := newStage(t, options{}), newHeld(t)
	tree := files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + h.url + ", maxConcurrent: 1, maxQueue: 1, queueTimeout: 1m}\n",
	}
	s.serve(tree)
	var wg sync.WaitGroup
	call := func() {
		wg.Go(func() {
			if a := s.post("/v1/e", "{}"); a.status != http.StatusOK {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
	call()
	<-h.arrived
	call()
	testbed.Eventually(t, "a request waits", func() bool { return strings.Contains(s.admin("GET", "/endpoints", nil).body, `"waiting": 1`) })
	// What waits goes on waiting through a swap.
	tree["endpoints/e.yaml"] += "timeout: 50s\n"
	s.serve(tree)
	a := s.post("/v1/e", "{}")
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "as many requests wait") {
		t.Errorf("answered %d %v %s", a.status, a.header, a.body)
	}
	h.leave <- struct{}{}
	<-h.arrived
	h.leave <- struct{}{}
	wg.Wait()
	for _, kind := range []any{"queue_full", nil} {
		s.written(1, func(f fields) bool { return f["role"] == "live" && f["errorKind"] == kind })
	}
	table := s.admin("GET", "/endpoints", nil).body
	for _, want := range []string{`"maxConcurrent": 1`, `"timeoutMs": 60000`, `"full": 1`, `"timedOut": 0`, `"timeout": "50s"`} {
		if !strings.Contains(table, want) {
			t.Errorf("/endpoints lacks %s:\n%s", want, table)
		}
	}
}

func TestWhoWaitsTooLongGets503(t *testing.T) {
	s, h := newStage(t, options{}), newHeld(t)
	s.serve(files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + h.url + ", maxConcurrent: 1, queueTimeout: 20ms}\n",
	})
	var wg sync.WaitGroup
	wg.Go(func() { s.post("/v1/e", "{}") })
	<-h.arrived
	if a := s.post("/v1/e", "{}"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" {
		t.Errorf("answered %d %v %s", a.status, a.header, a.body)
	}
	h.leave <- struct{}{}
	wg.Wait()
	s.written(1, func(f fields) bool { return f["errorKind"] == "queue_timeout" && f["replica"] == nil })
}

func TestTheStricterTimeoutWins(t *testing.T) {
	s, h := newStage(t, options{}), newHeld(t)
	s.serve(files{
		"endpoints/version.yaml":  "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"endpoints/endpoint.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 2}}}\ntimeout: {total: 30ms}\n",
		"deployments/m.yaml":      "schemaVersion: 1\nversions:\n  1: {url: " + h.url + ", timeout: {firstByte: 30ms}}\n  2: {url: " + h.url + ", timeout: 1h}\n",
	})
	for _, name := range []string{"version", "endpoint"} {
		if a := s.post("/v1/"+name, "{}"); a.status != http.StatusGatewayTimeout {
			t.Errorf("%s: answered %d %s", name, a.status, a.body)
		}
	}
}

func TestAVersionLimitsBodies(t *testing.T) {
	s, r := newStage(t, options{}), newReplica(t, "a")
	s.serve(files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"endpoints/f.yaml":   "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 2}}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nmaxRequestBytes: 10\nversions:\n  1: {url: " + r.url + "}\n  2: {url: " + r.url + ", maxRequestBytes: 1KiB, maxResponseBytes: 5}\n",
	})
	if a := s.post("/v1/e", "12345678901"); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	if a := s.post("/v1/f", "12345678901"); a.status != http.StatusBadGateway || !strings.Contains(a.body, "above 5 bytes") {
		t.Errorf("answered %d %s", a.status, a.body)
	}
}
