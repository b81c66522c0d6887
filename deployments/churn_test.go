package deployments_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// TestNothingIsLostWhileEverythingChanges swaps versions that differ in all that
// can be said of replicas while addresses come and go, checks fail, and requests
// are answered 500: every request finds a replica, every count closes, and in the
// end nothing is left.
func TestNothingIsLostWhileEverythingChanges(t *testing.T) {
	w := newTown()
	w.name("models.svc", "10.0.0.1", "10.0.0.2")
	p := w.pool()
	ctx, stop := context.WithCancel(t.Context())
	var run, calls sync.WaitGroup
	run.Go(func() { _ = p.Run(ctx) })
	versions := make([]*deployments.Version, 8)
	for i := range versions {
		v := version(t, "http://models.svc/", "http://a/", "http://b/")
		v.Serving.Balance = schema.Balances()[i%3]
		if i&1 != 0 {
			v.Serving.Health = &schema.Health{
				Path: "/ready", Interval: time.Millisecond, Timeout: time.Second, Status: []schema.StatusRange{{From: 200, To: 200}},
				HealthyAfter: 1, UnhealthyAfter: 1,
			}
		}
		if i&2 != 0 {
			v.Serving.Outlier = &schema.Outlier{Consecutive5xx: 2, ConsecutiveFailures: 2, Ejection: time.Millisecond, MaxEjection: 4 * time.Millisecond}
		}
		if i&4 != 0 {
			v.Serving.Resolve = &schema.Resolve{Interval: time.Millisecond}
		}
		versions[i] = v
	}
	var current atomic.Pointer[deployments.Group]
	current.Store(p.Bind(versions[0], live))
	var swapping atomic.Bool
	swapping.Store(true)
	for caller := range 2 {
		calls.Go(func() {
			for i := 0; swapping.Load(); i++ {
				g, subject := current.Load(), fmt.Sprint(caller, i%50)
				r := g.PickFor(subject)
				if r == nil {
					t.Error("no replica to call, of which all can be connected to")
					return
				}
				_, _ = send(t, r)
				if again := g.PickExcept(subject, r); again != nil {
					_ = again.State()
					again.Release()
				}
				r.Release()
			}
		})
	}
	for i := range 120 {
		w.answer("a", []int{200, 500, 503}[i%3])
		w.answer("10.0.0.2", []int{500, 200}[i%2])
		w.name("models.svc", "10.0.0.1", fmt.Sprintf("10.0.0.%d", 2+i%4))
		g := p.Bind(versions[i%len(versions)], live)
		mirror := p.Bind(versions[(i+3)%len(versions)], deployments.Use{Endpoint: "e", Mirror: "m"})
		current.Store(g)
		p.Retain([]*deployments.Group{g, mirror})
		<-time.After(500 * time.Microsecond)
	}
	swapping.Store(false)
	calls.Wait()
	for _, r := range current.Load().Replicas() {
		if n := r.InFlight(); n != 0 {
			t.Errorf("%s has %d requests in flight at rest", r, n)
		}
	}
	p.Close()
	stop()
	run.Wait()
	if n := p.Len(); n != 0 {
		t.Errorf("%d replicas are left", n)
	}
}
