package deployments_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// limitedVersion has replicas that take so many requests at a time.
func limitedVersion(c schema.Capacity, balance schema.Balance, hosts ...string) *deployments.Version {
	v := &deployments.Version{Branch: "main", Name: "m", Number: 1, Serving: schema.Serving{Balance: balance, Limits: schema.Limits{Capacity: &c}}}
	for _, h := range hosts {
		v.URLs = append(v.URLs, &url.URL{Scheme: "http", Host: h})
	}
	return v
}

// mustTake takes a replica that is there at once.
func mustTake(t *testing.T, g *deployments.Group) *deployments.Replica {
	t.Helper()
	r, err := g.Take(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNoReplicaWorksOnMoreThanItMay(t *testing.T) {
	for _, balance := range schema.Balances() {
		pool := deployments.NewPool(deployments.PoolOptions{})
		g := pool.Bind(limitedVersion(schema.Capacity{MaxConcurrent: 2}, balance, "a", "b", "c"), deployments.Use{})
		var taken []*deployments.Replica
		for range 6 {
			r, err := g.Take(t.Context(), "subject")
			if err != nil {
				t.Fatalf("%s: %v after %d", balance, err, len(taken))
			}
			taken = append(taken, r)
		}
		for _, r := range g.Replicas() {
			if r.InFlight() != 2 {
				t.Errorf("%s: %v has %d", balance, r, r.InFlight())
			}
		}
		if _, err := g.Take(t.Context(), "subject"); !errors.Is(err, deployments.ErrQueueFull) {
			t.Errorf("%s: %v without a queue", balance, err)
		}
		taken[3].Release()
		if r, err := g.Take(t.Context(), "subject"); err != nil || r != taken[3] {
			t.Errorf("%s: got %v, %v for what was released at %v", balance, r, err, taken[3])
		}
	}
}

func TestWhoWaitsIsServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := deployments.NewPool(deployments.PoolOptions{})
		v := limitedVersion(schema.Capacity{MaxConcurrent: 1, MaxQueue: 10, QueueTimeout: time.Minute}, schema.LeastRequests, "a", "b")
		g := pool.Bind(v, deployments.Use{})
		a, b := mustTake(t, g), mustTake(t, g)
		var order []int
		var mu sync.Mutex
		var wg sync.WaitGroup
		leaving, leave := context.WithCancel(t.Context())
		for i := range 6 {
			ctx := t.Context()
			if i == 2 {
				ctx = leaving
			}
			// Another snapshot's group of the version waits in the same line.
			group := pool.Bind(v, deployments.Use{})
			wg.Go(func() {
				r, err := group.Take(ctx, "")
				if i == 2 {
					if !errors.Is(err, context.Canceled) {
						t.Errorf("who left got %v, %v", r, err)
					}
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				r.Release()
			})
			synctest.Wait() // it waits
		}
		if state, ok := g.Gate(); !ok || state.Waiting != 6 {
			t.Errorf("state %+v", state)
		}
		leave()
		synctest.Wait()
		if state, _ := g.Gate(); state.Waiting != 5 {
			t.Errorf("%d wait after one left", state.Waiting)
		}
		a.Release()
		wg.Wait()
		b.Release()
		for i, n := range order {
			if want := []int{0, 1, 3, 4, 5}[i]; n != want {
				t.Errorf("order %v", order)
				break
			}
		}
		if len(order) != 5 || a.InFlight()+b.InFlight() != 0 {
			t.Errorf("served %v, in flight %d and %d", order, a.InFlight(), b.InFlight())
		}
	})
}

func TestWhoWaitsForTooLongOrTooManyAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := deployments.NewPool(deployments.PoolOptions{})
		g := pool.Bind(limitedVersion(schema.Capacity{MaxConcurrent: 1, MaxQueue: 1, QueueTimeout: 3 * time.Second}, schema.LeastRequests, "a"), deployments.Use{})
		r := mustTake(t, g)
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := g.Take(t.Context(), ""); !errors.Is(err, deployments.ErrQueueTimeout) || time.Since(began) != 3*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
		synctest.Wait()
		if _, err := g.Take(t.Context(), ""); !errors.Is(err, deployments.ErrQueueFull) {
			t.Errorf("%v with a full queue", err)
		}
		wg.Wait()
		r.Release()
		mustTake(t, g).Release() // nothing is left behind
		if state, _ := g.Gate(); state != (deployments.GateState{Full: 1, TimedOut: 1}) {
			t.Errorf("state %+v", state)
		}
	})
}

func TestWaitingSurvivesASwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := deployments.NewPool(deployments.PoolOptions{})
		before := pool.Bind(limitedVersion(schema.Capacity{MaxConcurrent: 1, MaxQueue: 9, QueueTimeout: time.Minute}, schema.LeastRequests, "a"), deployments.Use{})
		r := mustTake(t, before)
		var wg sync.WaitGroup
		wg.Go(func() { mustTake(t, before).Release() })
		synctest.Wait()
		// Another limit, for who comes from now on.
		after := pool.Bind(limitedVersion(schema.Capacity{MaxConcurrent: 2, MaxQueue: 9, QueueTimeout: time.Minute}, schema.LeastRequests, "a"), deployments.Use{})
		pool.Retain([]*deployments.Group{after})
		if state, _ := after.Gate(); state.Waiting != 1 {
			t.Errorf("%d wait", state.Waiting)
		}
		r.Release()
		wg.Wait()
		mustTake(t, after).Release()
	})
}

func TestNobodyWaitsForReplicasThatAreAllDown(t *testing.T) {
	pool := deployments.NewPool(deployments.PoolOptions{})
	g := pool.Bind(limitedVersion(schema.Capacity{MaxConcurrent: 1, MaxQueue: 9, QueueTimeout: time.Hour}, schema.LeastRequests), deployments.Use{})
	if _, err := g.Take(t.Context(), ""); !errors.Is(err, deployments.ErrNoReplica) {
		t.Error(err)
	}
}

func TestMirrorsAreNotHeldToLimits(t *testing.T) {
	pool := deployments.NewPool(deployments.PoolOptions{})
	g := pool.Bind(limitedVersion(schema.Capacity{MaxConcurrent: 1}, schema.LeastRequests, "a"), deployments.Use{Endpoint: "e", Mirror: "m"})
	for range 10 {
		mustTake(t, g)
	}
}

// TestManyTakersNeverExceedTheLimit is for the race detector and for what order
// makes of releases that meet those who begin to wait.
func TestManyTakersNeverExceedTheLimit(t *testing.T) {
	const limit = 3
	pool := deployments.NewPool(deployments.PoolOptions{})
	g := pool.Bind(limitedVersion(schema.Capacity{MaxConcurrent: limit, MaxQueue: 1000, QueueTimeout: time.Minute}, schema.LeastRequests, "a", "b"), deployments.Use{})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 200 {
				r, err := g.Take(t.Context(), "")
				if err != nil {
					t.Error(err)
					return
				}
				if n := r.InFlight(); n > limit {
					t.Errorf("%d at a time", n)
				}
				r.Release()
			}
		})
	}
	wg.Wait()
	for _, r := range g.Replicas() {
		if r.InFlight() != 0 {
			t.Errorf("%v has %d in flight", r, r.InFlight())
		}
	}
}

func BenchmarkTake(b *testing.B) {
	for name, c := range map[string]*schema.Capacity{"unlimited": nil, "limited": {MaxConcurrent: 1 << 19}} {
		b.Run(name, func(b *testing.B) {
			v := limitedVersion(schema.Capacity{}, schema.LeastRequests, "a", "b", "c")
			v.Serving.Limits.Capacity = c
			g := deployments.NewPool(deployments.PoolOptions{}).Bind(v, deployments.Use{})
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				r, err := g.Take(ctx, "")
				if err != nil {
					b.Fatal(err)
				}
				r.Release()
			}
		})
	}
}
