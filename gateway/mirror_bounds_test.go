package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Small variant: that of the requirement's size, with the memory of a process of
// its own, is in package soak.
func TestM05CapturedBytesStayWithinTheBudget(t *testing.T) {
	const callers, size, budget = 60, 64 << 10, 1 << 20
	hung, _, release := hold(t)
	defer release()
	live := newReplica(t, "v1")
	s := newStage(t, options{mirror: mirror.Options{Budget: budget, Timeout: time.Minute}})
	s.serve(mirrored(live.url, map[string]string{"m": hung}))
	half, go2 := sync.WaitGroup{}, make(chan struct{})
	var wg sync.WaitGroup
	half.Add(callers)
	for range callers {
		wg.Go(func() {
			body, write := io.Pipe()
			go func() {
				_, _ = write.Write(make([]byte, size/2))
				half.Done()
				<-go2
				_, _ = write.Write(make([]byte, size/2))
				write.Close()
			}()
			if got := s.do(http.MethodPost, "/v1/e", body); got.status != http.StatusOK {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	check := func(when string) {
		if n := s.captured(); n > budget {
			t.Errorf("%v bytes are captured %s, the budget is %d", n, when, budget)
		}
	}
	half.Wait()
	check("half way through the uploads")
	close(go2)
	wg.Wait()
	check("after the uploads")
	if len(s.written(1, func(f fields) bool { return f["errorKind"] == "memory" })) == callers {
		t.Error("nothing was captured at all")
	}
	for _, got := range live.requests() {
		if len(got.body) != size {
			t.Errorf("live got %d bytes", len(got.body))
		}
	}
	release()
	s.written(callers, role("mirror"))
	testbed.Eventually(t, "the captured bytes are free again", func() bool { return s.captured() == 0 })
}

// gate is a sink that takes nothing while it is shut.
type gate struct {
	testbed.Log
	shut chan struct{} // closed when it opens
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.shut
	return g.Log.Write(p)
}

// Small variant: the sink blocks for 30 s in package soak.
func TestM16LiveGoesOnWhileTheLogBlocks(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "m")
	sink := &gate{shut: make(chan struct{})}
	s := newStage(t, options{records: record.Options{Writer: sink, MaxBuffered: 64 << 10}})
	s.log = &sink.Log
	s.serve(mirrored(live.url, map[string]string{"m": copied.url}))
	const n = 400 // of which no more than a quarter fits into the log's memory
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range n / 8 {
				if got := s.post("/v1/e", "{}"); got.status != http.StatusOK {
					t.Errorf("while the log blocks: %+v", got)
					return
				}
			}
		})
	}
	wg.Wait()
	testbed.Eventually(t, "all copies are sent", func() bool { return s.ledger("m") == n })
	close(sink.shut)
	testbed.Eventually(t, "what is in the log and what one line says is lost are all records", func() bool {
		records, lines, lost := 0, 0, 0
		for _, f := range testbed.Lines[fields](t, s.log) {
			switch f["event"] {
			case "inference":
				records++
			case "lost":
				lines++
				lost = int(f["live"].(float64) + f["mirror"].(float64))
			}
		}
		return records+lost == 2*n && lines == 1 && lost > 0
	})
}

// ledger is all that the ledger of a mirror has an entry for.
func (s *stage) ledger(mirror string) int {
	return int(s.metric("switchyard_mirror_copies_total", `mirror="`+mirror+`"`))
}

func TestM20AMirrorWhoseDeploymentDisappearsIsRefused(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "m")
	s := newStage(t, options{})
	tree := mirrored(live.url, map[string]string{"m": copied.url})
	s.serve(tree)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				if got := s.post("/v1/e", "{}"); got.status != http.StatusOK {
					t.Errorf("%+v", got)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	delete(tree, "deployments/m.yaml")
	for range 20 {
		var problems schema.Diagnostics
		if err := s.apply(tree); !errors.As(err, &problems) || !strings.HasPrefix(problems[0].String(), "endpoints/e.yaml:5:") {
			t.Errorf("the revision without the mirror's deployment: %v", err)
		}
	}
	before := len(copied.requests())
	s.post("/v1/e", "{}")
	testbed.Eventually(t, "the mirror goes on", func() bool { return len(copied.requests()) > before })
	close(stop)
	wg.Wait()
	running.Measured(t, "M20", "20 revisions refused under load, live errors 0")
}

func TestM21DrainWaitsForCopiesAndThenCutsThemOff(t *testing.T) {
	hung, arrived, release := hold(t)
	defer release()
	live, good := newReplica(t, "v1"), newReplica(t, "b")
	s := newStage(t, options{mirror: mirror.Options{Workers: 2, Timeout: time.Minute}})
	s.serve(mirrored(live.url, map[string]string{"a": hung, "b": good.url}))
	const n = 10
	for i := range n {
		s.post("/v1/e", fmt.Sprint(i))
	}
	testbed.Receive(t, "a copy", arrived)
	s.written(n, func(f fields) bool { return f["backend"] == "b" }) // so that what is left has no end
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.gateway.Drain(ctx); err == nil {
		t.Error("copies were cut off, and Drain does not say so")
	}
	if took := time.Since(began); took > 300*time.Millisecond+time.Second+testbed.Patience/4 {
		t.Errorf("Drain took %v after the grace period of 300 ms", took)
	}
	for _, f := range s.written(2*n, role("mirror")) {
		want := map[any]string{"a": "dropped", "b": "ok"}[f["backend"]]
		if f["outcome"] != want || want == "dropped" && f["errorKind"] != "shutdown" {
			t.Errorf("%v", f)
		}
	}
	if got := s.post("/v1/e", "{}"); got.status != http.StatusOK {
		t.Errorf("a live request that comes after all: %+v", got)
	}
}
