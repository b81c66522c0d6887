package gateway_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// metric sums the samples of the metrics whose name and labels contain all of
// what is asked.
func (s *stage) metric(name string, labels ...string) float64 {
	s.t.Helper()
	var sum float64
lines:
	for line := range strings.Lines(s.admin("GET", "/metrics", nil).body) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(line, l) {
				continue lines
			}
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func TestM15TheLedgerClosesInMetricsAndLog(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "v2")
	s := newStage(t, options{mirror: mirror.Options{Queue: 2, Workers: 1, MaxBody: 1000}})
	s.serve(files{
		"endpoints/e.yaml": `schemaVersion: 1
backends:
  only: {deployment: {branch: main, name: live, version: 1}}
mirrors:
  all: {deployment: {branch: main, name: copied, version: 1}}
  half: {deployment: {branch: main, name: copied, version: 1}, percent: 50}
  dead: {deployment: {branch: main, name: dead, version: 1}}
  off: {deployment: {branch: main, name: dead, version: 1}, enabled: false}
`,
		"deployments/live.yaml":   "schemaVersion: 1\nversions:\n  1: {url: " + live.url + ", methods: [POST]}\n",
		"deployments/copied.yaml": deployment(copied.url),
		"deployments/dead.yaml":   deployment("http://127.0.0.1:1/"),
	})
	const callers, each = 8, 60
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				switch i % 10 {
				case 0:
					s.do(http.MethodGet, "/v1/e", http.NoBody) // refused
				case 1:
					s.post("/v1/e", strings.Repeat("x", 1001)) // above the cap
				case 2:
					s.post("/v1/e", "{}", "X-Switchyard-Mirror", "m") // a copy itself
				default:
					s.post("/v1/e", fmt.Sprintf(`{"data": %d}`, c*each+i))
				}
			}
		})
	}
	wg.Wait()
	const total = callers * each
	s.written(total, role("live"))
	for _, name := range []string{"all", "half", "dead"} {
		label := `mirror="` + name + `"`
		count := func() float64 { return s.metric("switchyard_mirror_copies_total", label) }
		testbed.Eventually(t, name+": the ledger closes", func() bool { return count() >= total })
		if n := count(); n != total {
			t.Errorf("%s: sent, sampled out and dropped are %v together, live requests %d", name, n, total)
		}
		sampledOut := s.metric("switchyard_mirror_copies_total", label, `result="sampled_out"`)
		records := s.written(total-int(sampledOut), func(f fields) bool { return f["backend"] == name })
		seen := map[any]bool{}
		for _, f := range records {
			seen[f["requestId"]] = true
			if f["outcome"] == "dropped" && f["errorKind"] == "" {
				t.Errorf("a copy was dropped without a reason: %v", f)
			}
		}
		if len(seen) != len(records) || len(records) != total-int(sampledOut) {
			t.Errorf("%s: %d records of %d requests, %v sampled out of %d", name, len(records), len(seen), sampledOut, total)
		}
	}
	if n := s.metric("switchyard_mirror_copies_total", `mirror="off"`); n != 0 {
		t.Errorf("a mirror that is off has a ledger of %v", n)
	}
	if sent, got := s.metric("switchyard_mirror_copies_total", `result="sent"`, `mirror="all"`)+
		s.metric("switchyard_mirror_copies_total", `result="sent"`, `mirror="half"`), len(copied.requests()); int(sent) != got {
		t.Errorf("%v copies were sent, %d arrived", sent, got)
	}
	running.Measured(t, "M15", "%d requests offered to 3 mirrors: the ledger, the metrics and the records agree", total)
}
