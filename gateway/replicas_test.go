package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// served is an endpoint keyed by a header, and its deployment.
func served(version string) files {
	return files{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: m, version: 1}}\n" +
			"assignment: {key: header:x-user-id}\n",
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1:\n    " + strings.ReplaceAll(version, "\n", "\n    ") + "\n",
	}
}

func TestASubjectMeetsTheSameReplica(t *testing.T) {
	s := newStage(t, options{})
	var replicas []*replica
	var urls []string
	for i := range 4 {
		replicas = append(replicas, newReplica(t, fmt.Sprint(i)))
		urls = append(urls, replicas[i].url)
	}
	s.serve(served("url: [" + strings.Join(urls, ", ") + "]\nbalance: hash"))
	used := map[string]bool{}
	for user := range 20 {
		first := s.post("/v1/e", "{}", "X-User-Id", fmt.Sprint(user)).body
		used[first] = true
		for range 5 {
			if again := s.post("/v1/e", "{}", "X-User-Id", fmt.Sprint(user)).body; again != first {
				t.Fatalf("user %d was answered by %s and %s", user, first, again)
			}
		}
	}
	if len(used) < 3 {
		t.Errorf("20 users are at %d of 4 replicas", len(used))
	}
}

// replicaTable is what /endpoints shows of the replicas of e.
type replicaTable []struct {
	URL          string
	Down         bool
	Reason       string
	EjectedUntil *string
	LastCheck    *struct {
		Passed bool
		Status int
	}
}

func (s *stage) replicas() replicaTable {
	s.t.Helper()
	var table struct {
		Endpoints []struct {
			Backends []struct {
				Deployment struct{ Replicas replicaTable }
			}
		}
	}
	if err := json.Unmarshal([]byte(s.admin("GET", "/endpoints", nil).body), &table); err != nil {
		s.t.Fatal(err)
	}
	return table.Endpoints[0].Backends[0].Deployment.Replicas
}

func TestEndpointsShowWhyAReplicaIsDown(t *testing.T) {
	s := newStage(t, options{})
	good := newReplica(t, "good")
	var well atomic.Bool
	ill := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ready" && !well.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s.serve(served("url: [" + ill + "/predict, " + good.url + "]\nhealth: {path: /ready, interval: 100ms, timeout: 10s, healthyAfter: 1, unhealthyAfter: 1}"))
	testbed.Eventually(t, "the replica is down", func() bool { return s.replicas()[0].Down })
	shown := s.replicas()[0]
	if shown.Reason != "its health checks fail: status 503" || shown.LastCheck == nil || shown.LastCheck.Passed || shown.LastCheck.Status != 503 {
		t.Errorf("/endpoints shows %+v", shown)
	}
	for range 20 {
		if got := s.post("/v1/e", "{}"); got.body != `{"data": "good"}` {
			t.Fatalf("a replica that is down answered %+v", got)
		}
	}
	for _, line := range []string{
		`switchyard_replica_up{branch="main",deployment="m",replica="` + ill + `/predict",role="live",version="1"} 0`,
		`switchyard_replica_up{branch="main",deployment="m",replica="` + good.url + `",role="live",version="1"} 1`,
		`switchyard_replica_in_flight{branch="main",deployment="m",replica="` + good.url + `",role="live",version="1"} 0`,
		`switchyard_replica_ejections_total 0`, `switchyard_replica_none_up_total 0`,
	} {
		testbed.Eventually(t, "/metrics has "+line, func() bool { return strings.Contains(s.admin("GET", "/metrics", nil).body, line+"\n") })
	}
	testbed.Eventually(t, "the log tells of it", func() bool {
		return strings.Contains(s.log.String(), `"event":"replica","change":"check_failed","replica":"`+ill+`/predict","reason":"status 503"`)
	})
	well.Store(true)
	testbed.Eventually(t, "the replica is up", func() bool { return !s.replicas()[0].Down })
}

func TestAReplicaThatAnswers5xxIsEjected(t *testing.T) {
	s := newStage(t, options{})
	good := newReplica(t, "good")
	var broken atomic.Int64
	bad := testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		broken.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	})
	s.serve(served("url: [" + bad + ", " + good.url + "]\nbalance: round-robin\noutlier: {consecutive5xx: 3, ejection: 1h}"))
	for range 40 {
		s.post("/v1/e", `{"a": "body"}`)
	}
	if n := broken.Load(); n != 3 {
		t.Errorf("%d requests went to a replica that answers 500, want 3", n)
	}
	if shown := s.replicas()[0]; !shown.Down || shown.EjectedUntil == nil {
		t.Errorf("/endpoints shows %+v", shown)
	}
}

// TestAddressesOfANameAreReplicas has one server on each of two addresses of this
// machine, as pods behind a headless Service.
func TestAddressesOfANameAreReplicas(t *testing.T) {
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "models.example" {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, nil
	}
	s := newStage(t, options{lookup: lookup})
	port := "0"
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, port))
		if err != nil {
			t.Skip("this machine has one loopback address, or the port is taken:", err)
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		server := &http.Server{
			ReadHeaderTimeout: time.Minute,
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, address+" for "+r.Host) }),
		}
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(l) })
		t.Cleanup(func() {
			_ = server.Close()
			serving.Wait()
		})
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort("models.example", port)}
	s.serve(served("url: " + u.String() + "\nresolve: dns"))
	testbed.Eventually(t, "both addresses are replicas", func() bool { return len(s.replicas()) == 2 })
	seen := map[string]int{}
	for range 100 {
		seen[s.post("/v1/e", "{}").body]++
	}
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		if seen[address+" for "+u.Host] == 0 {
			t.Errorf("answers were %v", seen)
		}
	}
	for _, rec := range s.written(100, role("live")) {
		if replica := fmt.Sprint(rec["replica"]); !strings.HasPrefix(replica, "http://127.0.0.") {
			t.Fatalf("a record names the replica %s", replica)
		}
	}
}
