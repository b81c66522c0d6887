package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

func TestW04ABadRevisionIsRefusedAsAWhole(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{})
	good := files{
		"endpoints/a.yaml":   "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: m, version: 1}}\n",
		"deployments/m.yaml": deployment(r.url),
	}
	s.serve(good)
	commit := s.gateway.Current().Commit()
	err := s.apply(files{
		"endpoints/a.yaml":   good["endpoints/a.yaml"],
		"endpoints/b.yaml":   "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: n, version: 1}, weigth: 1}\n",
		"deployments/m.yaml": good["deployments/m.yaml"],
	})
	var problems schema.Diagnostics
	want := `endpoints/b.yaml:3:43: deployment "n" does not exist on branch main; the deployments are m [reference]
endpoints/b.yaml:3:59: unknown key "weigth"; did you mean "weight"? [unknown-key]`
	if !errors.As(err, &problems) || problems.Error() != want {
		t.Fatalf("the refusal is\n%v\nwant\n%s", err, want)
	}
	if got := s.post("/v1/a", "{}"); got.status != http.StatusOK {
		t.Errorf("the last good snapshot does not serve: %+v", got)
	}
	if got := s.post("/v1/b", "{}"); got.status != http.StatusNotFound {
		t.Errorf("a part of the refused revision serves: %+v", got)
	}
	if s.gateway.Current().Commit() != commit {
		t.Error("another snapshot is current")
	}
	running.Measured(t, "W4", "refused as a whole, seen in status, the last good one serves")
}

// Small variant: the one of the requirement's size runs in make soak.
func TestW01SwapsDropNoRequestAndBreakNoStream(t *testing.T) {
	stop := make(chan struct{})
	streaming := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := 0; ; i++ {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-stop:
				_, _ = io.WriteString(w, "data: end\n\n")
				return
			case <-r.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}))
	defer streaming.Close()
	a, b := newReplica(t, "a"), newReplica(t, "b")
	s := newStage(t, options{})
	revisions := [2]files{}
	for i, r := range []*replica{a, b} {
		revisions[i] = files{
			"endpoints/e.yaml":        "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: m, version: 1}}\n",
			"endpoints/stream.yaml":   "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: stream, version: 1}}\n",
			"deployments/m.yaml":      deployment(r.url),
			"deployments/stream.yaml": deployment(streaming.URL),
		}
	}
	s.serve(revisions[0])

	var callers sync.WaitGroup
	var requests atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	for range 8 {
		callers.Go(func() {
			for ctx.Err() == nil {
				got := s.post("/v1/e", "{}")
				if got.status != http.StatusOK || got.body != `{"data": "a"}` && got.body != `{"data": "b"}` {
					t.Errorf("during swaps: %+v", got)
					return
				}
				requests.Add(1)
			}
		})
	}
	for range 8 {
		callers.Go(func() { s.readStream(ctx) })
	}
	for i := range 100 {
		s.serve(revisions[i%2])
		n := requests.Load()
		testbed.Eventually(t, "callers go on between swaps", func() bool { return requests.Load() >= n+3 })
	}
	cancel()
	close(stop)
	callers.Wait()
}

// readStream reads events to the orderly end of the stream.
func (s *stage) readStream(ctx context.Context) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, s.url+"/v1/stream", http.NoBody)
	if err != nil {
		s.t.Error(err)
		return
	}
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer res.Body.Close()
	next := 0
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		event, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case !ok:
		case event == "end":
			return
		case event != fmt.Sprint(next):
			s.t.Errorf("event %s instead of %d", event, next)
			return
		default:
			next++
		}
	}
	s.t.Error("the stream broke off")
}

func TestW03ARequestAndItsCopiesSeeOneRevision(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "v2")
	s := newStage(t, options{})
	tree := files{
		"endpoints/pricing.yaml":            modelbitMirror,
		"deployments/pricing_model_v1.yaml": deployment(live.url),
		"deployments/pricing_model_v2.yaml": deployment(copied.url),
	}
	s.serve(tree)
	const n = 300
	for i := range n {
		if i%5 == 0 {
			s.serve(tree)
		}
		s.post("/v1/pricing", "{}")
	}
	commits := map[any]map[any]bool{}
	for _, f := range s.written(2*n, func(fields) bool { return true }) {
		if commits[f["requestId"]] == nil {
			commits[f["requestId"]] = map[any]bool{}
		}
		commits[f["requestId"]][f["commit"]] = true
	}
	for id, seen := range commits {
		if len(seen) != 1 {
			t.Errorf("request %v saw %d revisions", id, len(seen))
		}
	}
	running.Measured(t, "W3", "%d requests and their copies, a swap between every five: one revision each", n)
}

func TestS02SwapsDoNotDisturbTheSplit(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{})
	tree := files{
		"endpoints/e.yaml": `schemaVersion: 1
backends:
  control: {deployment: {branch: main, name: m, version: 1}, weight: 90}
  experiment: {deployment: {branch: main, name: m, version: 1}, weight: 10}
`,
		"deployments/m.yaml": deployment(r.url),
	}
	const n = 2000
	draw := func() (experiment int, sigma float64) {
		for i := range n {
			if i%5 == 0 {
				s.serve(tree)
			}
			if s.post("/v1/e", "{}").header.Get("X-Switchyard-Backend") == "experiment" {
				experiment++
			}
		}
		return experiment, math.Abs(float64(experiment)-n*.1) / math.Sqrt(n*.1*.9)
	}
	experiment, sigma := draw()
	for range 3 {
		if sigma > 3 { // once in 370 times it is by chance; four times it is not
			experiment, sigma = draw()
		}
	}
	if sigma > 3 {
		t.Errorf("%d of %d requests went to a backend with a tenth of the weight", experiment, n)
	}
	running.Measured(t, "S2", "%d of %d requests to the backend with a tenth, %.2f sigma", experiment, n, sigma)
}

func TestTenThousandEndpointsCompile(t *testing.T) {
	if running != (testbed.Engines{}) {
		t.Skip("nothing depends on the engines")
	}
	tree := files{"deployments/m.yaml": deployment("http://127.0.0.1:1/")}
	for i := range 10_000 {
		tree[fmt.Sprintf("endpoints/e%d.yaml", i)] = modelbitSplit
	}
	s := newStage(t, options{})
	s.serve(tree)
	if n := s.gateway.Current().Len(); n != 10_000 {
		t.Errorf("%d endpoints", n)
	}
}

const modelbitSplit = `schemaVersion: 1
backends:
  control:
    deployment:
      branch: main
      name: m
      version: latest
    weight: 1
  experiment:
    deployment:
      branch: main
      name: m
      version: 1
    weight: 3
`
