package gateway_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// split is an endpoint e that assigns by X-User to the deployments a, b and c.
func split(weights [3]float64, urls [3]string) files {
	f := files{}
	text := "schemaVersion: 1\nassignment: {key: header:x-user}\nbackends:\n"
	for i, name := range []string{"a", "b", "c"} {
		text += fmt.Sprintf("  %s: {deployment: {branch: main, name: %s, version: 1}, weight: %v}\n", name, name, weights[i])
		f["deployments/"+name+".yaml"] = deployment(urls[i])
	}
	f["endpoints/e.yaml"] = text
	return f
}

// assigned is the backend of each of n subjects.
func (s *stage) assigned(n int) (backends []string, statuses map[string]int) {
	s.t.Helper()
	statuses = map[string]int{}
	for i := range n {
		got := s.post("/v1/e", "{}", "X-User", fmt.Sprint("user-", i))
		backend := got.header.Get("X-Switchyard-Backend")
		backends = append(backends, backend)
		statuses[fmt.Sprint(backend, " ", got.status)]++
	}
	return backends, statuses
}

// The distribution over many requests is held in package endpoints.
func TestS01NoRequestGoesToABackendOfWeightZero(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{})
	f := split([3]float64{1, 0, 3}, [3]string{r.url, r.url, r.url})
	s.serve(f)
	keyed, _ := s.assigned(300)
	f["endpoints/e.yaml"] = strings.Replace(f["endpoints/e.yaml"], "assignment: {key: header:x-user}\n", "", 1)
	s.serve(f)
	random, _ := s.assigned(300)
	for kind, all := range map[string][]string{"keyed": keyed, "at random": random} {
		n := map[string]int{}
		for _, b := range all {
			n[b]++
		}
		// 7 sigma around 75 and 225 of 300.
		if n["b"] != 0 || n["a"] < 22 || n["c"] < 172 {
			t.Errorf("%s: %v", kind, n)
		}
	}
}

func TestS03MirrorsSampleIndependently(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "m")
	s := newStage(t, options{})
	f := split([3]float64{1, 1, 0}, [3]string{live.url, live.url, live.url})
	f["deployments/m.yaml"] = deployment(copied.url)
	f["endpoints/e.yaml"] += `mirrors:
  m: {deployment: {branch: main, name: m, version: 1}, percent: 50}
  n: {deployment: {branch: main, name: m, version: 1}, percent: 50}
sampling: {key: header:x-user}
`
	s.serve(f)
	const n = 800
	s.assigned(n)
	testbed.Eventually(t, "the ledgers close", func() bool { return s.ledger("m") == n && s.ledger("n") == n })
	cells := map[string]int{}
	in := map[any]string{}
	sent := 2*n - int(s.metric("switchyard_mirror_copies_total", `result="sampled_out"`))
	for _, f := range s.written(sent, role("mirror")) {
		in[f["requestId"]] += f["backend"].(string)
	}
	for _, f := range s.written(n, role("live")) {
		key := in[f["requestId"]]
		if key == "nm" {
			key = "mn"
		}
		cells[f["backend"].(string)+key]++
	}
	// Eight cells of 100 each, if all three choices are independent: 7 sigma.
	for _, cell := range []string{"a", "am", "an", "amn", "b", "bm", "bn", "bmn"} {
		if cells[cell] < 35 || cells[cell] > 165 {
			t.Errorf("of %d requests, by backend and mirrors: %v", n, cells)
			break
		}
	}
}

// Ports that refuse are asked, since that costs nothing: 502. Where asking costs
// a timeout, nobody waits for it any more once that is known: 503. Neither spins:
// each replica is called once at most for a request.
func TestS04AllReplicasDown(t *testing.T) {
	var dials atomic.Int64
	unreachable := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	}}
	s := newStage(t, options{transport: func(to deployments.Destination) (deployments.Transport, bool) {
		return unreachable, to.URL.Hostname() == "gone.invalid"
	}})
	s.serve(files{
		"endpoints/refused.yaml":   "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: refused, version: 1}}\n",
		"endpoints/gone.yaml":      "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: gone, version: 1}}\n",
		"deployments/refused.yaml": deployment("[http://127.0.0.1:1/a, http://127.0.0.1:1/b]"),
		"deployments/gone.yaml":    deployment("[http://gone.invalid/a, http://gone.invalid/b]"),
	})
	const n = 100
	for path, want := range map[string]int{"/v1/refused": http.StatusBadGateway, "/v1/gone": http.StatusServiceUnavailable} {
		s.post(path, "{}") // finds out
		dials.Store(0)
		statuses := map[int]int{}
		began := time.Now()
		for range n {
			statuses[s.post(path, "{}").status]++
		}
		took := time.Since(began)
		if took > testbed.Patience { // the strict figure is in package soak
			t.Errorf("%s: %v for each request", path, took/n)
		}
		// Once a second each of the two replicas is tried again by one request.
		tries := 2 * (1 + int(took/time.Second))
		if other := n - statuses[want]; other > 0 && (path != "/v1/gone" || other > tries || statuses[502] != other) {
			t.Errorf("%s: by status: %v", path, statuses)
		}
		if d := int(dials.Load()); d > tries {
			t.Errorf("%s: %d attempts to connect for %d requests in %v", path, d, n, took)
		}
	}
}

func TestS05OneBackendDownLeavesTheOthersAlone(t *testing.T) {
	a, b, c := newReplica(t, "a"), newReplica(t, "b"), newReplica(t, "c")
	s := newStage(t, options{})
	s.serve(split([3]float64{50, 30, 20}, [3]string{a.url, b.url, c.url}))
	const n = 200
	before, _ := s.assigned(n)
	s.serve(split([3]float64{50, 30, 20}, [3]string{a.url, "http://127.0.0.1:1", c.url}))
	during, statuses := s.assigned(n)
	if diff := cmp.Diff(before, during); diff != "" {
		t.Errorf("subjects moved: %s", diff)
	}
	if statuses["a 200"] == 0 || statuses["b 502"] == 0 || statuses["c 200"] == 0 || len(statuses) != 3 {
		t.Errorf("by backend and status: %v", statuses)
	}
	s.serve(split([3]float64{50, 0, 20}, [3]string{a.url, b.url, c.url}))
	after, _ := s.assigned(n)
	for i := range n {
		if before[i] != "b" && after[i] != before[i] {
			t.Errorf("user-%d moved from %s to %s though its own backend was kept", i, before[i], after[i])
		}
	}
	running.Measured(t, "S5", "%d subjects, none moved by a backend that is down", n)
}

func TestS06SubjectsKeepTheirBackendAcrossGatewaysAndMoveByWeightOnly(t *testing.T) {
	r := newReplica(t, "m")
	const n = 400
	urls := [3]string{r.url, r.url, r.url}
	one, other := newStage(t, options{}), newStage(t, options{})
	one.serve(split([3]float64{80, 10, 10}, urls))
	other.serve(split([3]float64{80, 10, 10}, urls))
	before, _ := one.assigned(n)
	elsewhere, _ := other.assigned(n)
	if diff := cmp.Diff(before, elsewhere); diff != "" {
		t.Errorf("two gateways assign differently: %s", diff)
	}
	other.serve(split([3]float64{80, 30, 10}, urls))
	raised, _ := other.assigned(n)
	for i := range n {
		if before[i] != raised[i] && raised[i] != "b" {
			t.Errorf("user-%d moved from %s to %s when b was raised", i, before[i], raised[i])
		}
	}
	one.serve(split([3]float64{90, 10, 0}, urls))
	before, _ = one.assigned(n)
	one.serve(split([3]float64{80, 20, 0}, urls))
	after, _ := one.assigned(n)
	moved := 0
	for i := range n {
		if before[i] == after[i] {
			continue
		}
		moved++
		if after[i] != "b" {
			t.Errorf("user-%d moved to the backend that lost weight", i)
		}
	}
	if moved == 0 || moved > n/10+18 { // 3 sigma; the keys are always the same
		t.Errorf("%d of %d subjects moved with a tenth of the weight", moved, n)
	}
	running.Measured(t, "S6", "%d of %d subjects moved with a tenth of the weight, none between others; two gateways agree", moved, n)
}
