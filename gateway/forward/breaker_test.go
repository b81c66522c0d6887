package forward_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/schema"
)

// unreachable is a replica that cannot be connected to, which shows after a while.
type unreachable struct {
	after time.Duration
	err   error
}

func (u unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	<-time.After(u.after)
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: u.err}
}
func (unreachable) CloseIdleConnections() {}

// answering is a replica that answers with a status.
type answering struct{ status *atomic.Int64 }

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: int(a.status.Load()), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: r,
	}, nil
}
func (answering) CloseIdleConnections() {}

// guarded is a version with a breaker, some of whose replicas cannot be reached.
type guarded struct {
	t         *testing.T
	forwarder *forward.Forwarder
	group     *deployments.Group
	status    atomic.Int64 // of the replica that answers
}

func guard(t *testing.T, rule schema.Breaker, capacity *schema.Capacity, dead unreachable, deadHosts ...string) *guarded {
	g := &guarded{t: t, forwarder: forward.New(forward.Options{})}
	g.status.Store(http.StatusOK)
	pool := deployments.NewPool(deployments.PoolOptions{Transport: func(to deployments.Destination) deployments.Transport {
		if to.URL.Host == "well" {
			return answering{&g.status}
		}
		return dead
	}})
	t.Cleanup(pool.Close)
	v := &deployments.Version{Branch: "main", Name: "m", Number: 1}
	for _, host := range append(deadHosts, "well") {
		v.URLs = append(v.URLs, &url.URL{Scheme: "http", Host: host})
	}
	v.Serving.Limits.Breaker, v.Serving.Limits.Capacity = &rule, capacity
	g.group = pool.Bind(v, deployments.Use{})
	return g
}

// call is the status that a caller gets.
func (g *guarded) call() int {
	w := httptest.NewRecorder()
	a := forward.Attempt{Group: g.group, Began: time.Now(), Timeout: schema.SimpleTimeout(time.Minute)}
	g.forwarder.Serve(w, httptest.NewRequestWithContext(g.t.Context(), http.MethodPost, "/v1/x", http.NoBody), a)
	return w.Code
}

// A request that another replica answers has not failed: while there is one that
// answers, a breaker closes although the others cannot be connected to.
func TestABreakerClosesWhileOneReplicaAnswers(t *testing.T) {
	for name, capacity := range map[string]*schema.Capacity{"unlimited": nil, "limited": {MaxConcurrent: 4}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rule := schema.Breaker{FailureRate: .5, MinRequests: 4, Window: 10 * time.Second, OpenFor: 30 * time.Second, Probes: 3}
				g := guard(t, rule, capacity, unreachable{err: syscall.ECONNREFUSED}, "dead")
				g.status.Store(http.StatusInternalServerError)
				for range 4 {
					g.call()
				}
				if !g.group.Refusing() {
					t.Fatal("the breaker is closed")
				}
				g.status.Store(http.StatusOK)
				for i := range 10 {
					<-time.After(rule.OpenFor) // longer than any replica is left aside
					if status := g.call(); status != http.StatusOK {
						t.Errorf("request %d after it is well: %d", i, status)
					}
				}
				if state, _ := g.group.Gate(); state.BreakerOpen || state.BreakerOpened != 1 {
					t.Errorf("state %+v", state)
				}
			})
		})
	}
}

// Requests that meet replicas which have just vanished, and are answered by another
// one, do not open a breaker.
func TestReplicasThatVanishOpenNoBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rule := schema.Breaker{FailureRate: .5, MinRequests: 4, Window: 10 * time.Second, OpenFor: 30 * time.Second, Probes: 3}
		g := guard(t, rule, nil, unreachable{after: 2 * time.Second, err: errors.New("i/o timeout")}, "gone", "lost")
		var calls sync.WaitGroup
		for range 60 {
			calls.Go(func() {
				if status := g.call(); status != http.StatusOK {
					t.Errorf("a caller got %d", status)
				}
			})
		}
		calls.Wait()
		if state, _ := g.group.Gate(); state.BreakerOpened != 0 {
			t.Errorf("state %+v, and no caller has seen a failure", state)
		}
		// When none answers any more it opens.
		g.status.Store(http.StatusBadGateway)
		for range 100 {
			g.call()
		}
		if !g.group.Refusing() {
			t.Error("the breaker stays closed")
		}
	})
}
