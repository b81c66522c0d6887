package serve_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const (
	swaps   = 30
	callers = 16
)

// Commits under load: no request fails, each is answered by the revision that
// its records name, and so is its copy.
func TestW01NoRequestFailsWhileRevisionsSwap(t *testing.T) {
	for name, o := range map[string]serve.Options{
		"std": {},
		"own": {OwnFront: true, OwnUpstream: true},
	} {
		t.Run(name, func(t *testing.T) { swapUnderLoad(t, o) })
	}
}

func swapUnderLoad(t *testing.T, o serve.Options) {
	o.GracePeriod = testbed.Patience
	o.Records = record.Options{MaxBuffered: 64 << 20}
	o.Mirror.Queue = 100_000
	r := start(t, o, map[string]string{
		"deployments/model.yaml": fmt.Sprintf("schemaVersion: 1\nversions: {1: {url: %q}, 2: {url: %q}}\n",
			testbed.HTTP(t, testbed.Says("1")), testbed.HTTP(t, testbed.Says("2"))),
		"endpoints/model.yaml": endpoint(1),
	})
	var (
		load    sync.WaitGroup
		over    = make(chan struct{})
		calls   atomic.Int64
		answers = make([][]string, callers)
		failed  = make(chan string, callers) // each caller ends with its first failure
	)
	for i := range callers {
		load.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				status, body := r.call(http.MethodPost, r.url+"/v1/model", "{}")
				if status != http.StatusOK || body != "1" && body != "2" {
					failed <- fmt.Sprintf("%d %s", status, body)
					return
				}
				answers[i] = append(answers[i], body)
				calls.Add(1)
			}
		})
	}
	commits := map[string]int{}
	for i := range swaps {
		version := 2 - i%2
		commits[r.commit(map[string]string{"endpoints/model.yaml": endpoint(version)})] = version
		r.sync()
		atLeast(t, &calls, calls.Load()+callers)
	}
	close(over)
	load.Wait()
	close(failed)
	for f := range failed {
		t.Errorf("a request failed: %s", f)
	}
	r.client.CloseIdleConnections() // Shutdown waits 5 s for connections that were never used
	r.stop()
	if err := testbed.Receive(t, "the process's end", r.ended); err != nil {
		t.Error(err)
	}
	checkRecords(t, r, commits, int(calls.Load()))
}

// endpoint answers by a version of the model, and copies to the other one.
func endpoint(version int) string {
	return fmt.Sprintf(`schemaVersion: 1
backends:
  live: {deployment: {branch: main, name: model, version: %d}}
mirrors:
  copy: {deployment: {branch: main, name: model, version: %d}}
`, version, 3-version)
}

func atLeast(t *testing.T, n *atomic.Int64, want int64) {
	t.Helper()
	testbed.Eventually(t, fmt.Sprintf("%d calls came through", want), func() bool { return n.Load() >= want })
}

func checkRecords(t *testing.T, r *running, commits map[string]int, calls int) {
	t.Helper()
	live := map[string]line{}
	for _, l := range r.lines(func(l line) bool { return l.Role == "live" }) {
		live[l.RequestID] = l
		if version, known := commits[l.Commit]; known && version != l.DeploymentVersion {
			t.Errorf("commit %s says version %d, the record %d", l.Commit, version, l.DeploymentVersion)
		}
	}
	if len(live) != calls {
		t.Errorf("%d live records of %d calls", len(live), calls)
	}
	mirrors := r.lines(func(l line) bool { return l.Role == "mirror" })
	if len(mirrors) != calls {
		t.Errorf("%d mirror records of %d calls", len(mirrors), calls)
	}
	for _, m := range mirrors {
		if l := live[m.RequestID]; l.Commit != m.Commit || l.DeploymentVersion != 3-m.DeploymentVersion {
			t.Errorf("a request and its copy saw two revisions: %+v and %+v", l, m)
		}
	}
	if got := len(r.lines(func(l line) bool { return l.Event == "swap" })); got != swaps+1 {
		t.Errorf("%d swaps, want %d", got, swaps+1)
	}
}
