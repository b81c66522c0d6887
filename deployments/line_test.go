package deployments_test

import (
	"context"
	"errors"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
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

// swappedWhileWaiting has so many requests of a first revision wait for the one place of
// replica a, and binds the version as a second revision has it.
func swappedWhileWaiting(t *testing.T, waiting int, second *deployments.Version) (next *deployments.Group, held *deployments.Replica, served chan string) {
	t.Helper()
	pool := deployments.NewPool(deployments.PoolOptions{})
	first := pool.Bind(limitedVersion(schema.Capacity{MaxConcurrent: 1, MaxQueue: waiting, QueueTimeout: time.Minute}, schema.LeastRequests, "a"), deployments.Use{})
	held, served = mustTake(t, first), make(chan string, 100)
	for range waiting {
		waits(t, first, "before", served)
	}
	next = pool.Bind(second, deployments.Use{})
	pool.Retain([]*deployments.Group{next})
	return next, held, served
}

// waits has a request wait; what it is served by, or why it is not, goes to served, under its
// name. It is done with the replica at once.
func waits(t *testing.T, g *deployments.Group, name string, served chan<- string) {
	t.Helper()
	go func() {
		r, err := g.Take(t.Context(), "")
		if err != nil {
			served <- name + " " + err.Error()
			return
		}
		served <- name + " " + r.String()
		r.Release()
	}()
	synctest.Wait()
}

// A commit that gives an overloaded version more replicas, or others, helps from its first
// request on, whoever still waits for those before.
func TestWaitersOfARevisionBeforeKeepNobodyFromNewReplicas(t *testing.T) {
	capacity := schema.Capacity{MaxConcurrent: 1, MaxQueue: 2, QueueTimeout: time.Minute}
	for name, hosts := range map[string][]string{"more": {"a", "b"}, "others": {"b"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next, held, served := swappedWhileWaiting(t, 2, limitedVersion(capacity, schema.LeastRequests, hosts...))
				r := mustTake(t, next)
				if r == held {
					t.Errorf("%v works on two", r)
				}
				// The next ones wait behind, and have a queue of their own that may be full.
				waits(t, next, "after", served)
				waits(t, next, "after", served)
				if _, err := next.Take(t.Context(), ""); !errors.Is(err, deployments.ErrQueueFull) {
					t.Errorf("%v with a full queue", err)
				}
				r.Release()
				for range 2 {
					if got := <-served; got != "after http://b" {
						t.Errorf("served %s when b was free", got)
					}
				}
				if state, _ := next.Gate(); state.Waiting != 2 {
					t.Errorf("%d wait for what is busy", state.Waiting)
				}
				held.Release()
				for range 2 {
					if got := <-served; got != "before http://a" {
						t.Errorf("served %s when a was free", got)
					}
				}
			})
		})
	}
}

// Who came first is served first also by what two revisions have in common.
func TestTheFirstComeIsTheFirstServedAcrossRevisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		capacity := schema.Capacity{MaxConcurrent: 1, MaxQueue: 9, QueueTimeout: time.Minute}
		next, held, served := swappedWhileWaiting(t, 2, limitedVersion(capacity, schema.LeastRequests, "a", "b"))
		defer mustTake(t, next).Release() // b
		waits(t, next, "after", served)
		held.Release()
		got := []string{<-served, <-served, <-served}
		if diff := cmp.Diff([]string{"before http://a", "before http://a", "after http://a"}, got); diff != "" {
			t.Errorf("served (-want +got):\n%s", diff)
		}
	})
}

// How many requests a replica works on is its own, whose requests they are: a commit
// that raises the number lets those go on first that wait already.
func TestARaisedLimitHoldsForWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next, held, served := swappedWhileWaiting(t, 1, limitedVersion(schema.Capacity{MaxConcurrent: 2, MaxQueue: 9, QueueTimeout: time.Minute}, schema.LeastRequests, "a"))
		waits(t, next, "after", served)
		for _, want := range []string{"before http://a", "after http://a"} {
			if got := <-served; got != want {
				t.Errorf("served %s, want %s", got, want)
			}
		}
		held.Release()
	})
}

// A version that nobody calls any more leaves no queue behind at the replicas that
// others have in common with it.
func TestReplicasForgetTheQueuesOfVersionsBefore(t *testing.T) {
	pool := deployments.NewPool(deployments.PoolOptions{})
	before := testbed.HeldBytes()
	for n := range 10_000 {
		v := limitedVersion(schema.Capacity{MaxConcurrent: 1}, schema.LeastRequests, "a")
		v.Number = n
		pool.Retain([]*deployments.Group{pool.Bind(v, deployments.Use{})})
	}
	if held := testbed.HeldBytes() - before; held > 1<<20 {
		t.Errorf("%d bytes are held after 10,000 versions of one URL", held)
	}
	runtime.KeepAlive(pool)
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
