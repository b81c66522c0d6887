package deployments_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// town is servers of which a test says what they answer.
type town struct {
	mu      sync.Mutex
	answers map[string]func(*http.Request) (int, error) // by host, or by address
	calls   map[string]int                              // by "METHOD place path"
	changes []deployments.Change
	names   map[string][]netip.Addr
}

func newTown() *town {
	return &town{answers: map[string]func(*http.Request) (int, error){}, calls: map[string]int{}, names: map[string][]netip.Addr{}}
}

// answer has a place answer with a status.
func (w *town) answer(place string, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[place] = func(*http.Request) (int, error) { return status, nil }
}

// hang has a place never answer.
func (w *town) hang(place string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[place] = func(r *http.Request) (int, error) {
		<-r.Context().Done()
		return 0, r.Context().Err()
	}
}

func (w *town) called(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[what]
}

// told are the changes so far as "kind replica".
func (w *town) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []string{}
	for _, c := range w.changes {
		all = append(all, fmt.Sprintf("%s %s", c.Kind, c.Replica))
	}
	return all
}

func (w *town) name(host string, addresses ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[host] = nil
	for _, a := range addresses {
		w.names[host] = append(w.names[host], netip.MustParseAddr(a))
	}
}

func (w *town) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if all := w.names[host]; len(all) > 0 {
		return all, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (w *town) pool() *deployments.Pool {
	return deployments.NewPool(deployments.PoolOptions{
		Transport: func(to deployments.Destination) deployments.Transport { return house{w, to} },
		Lookup:    w.lookup,
		Changed: func(c deployments.Change) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.changes = append(w.changes, c)
		},
	})
}

// house is one server of a town.
type house struct {
	town *town
	to   deployments.Destination
}

func (h house) CloseIdleConnections() {}

func (h house) RoundTrip(r *http.Request) (*http.Response, error) {
	place := r.URL.Host
	if h.to.Address.IsValid() {
		place = h.to.Address.String()
	}
	h.town.mu.Lock()
	h.town.calls[r.Method+" "+place+" "+r.URL.RequestURI()]++
	answer := h.town.answers[place]
	h.town.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		var err error
		if status, err = answer(r); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
}

// running runs a pool until the end of a test, in a synctest bubble.
func running(t *testing.T, p *deployments.Pool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		run.Wait()
	})
}

// checked is a version with a health check each second.
func checked(t *testing.T, urls ...string) *deployments.Version {
	t.Helper()
	v := version(t, urls...)
	v.Serving.Health = &schema.Health{
		Path: "/ready?deep=1", Interval: time.Second, Timeout: 500 * time.Millisecond, Status: []schema.StatusRange{{From: 200, To: 299}},
		HealthyAfter: 2, UnhealthyAfter: 3,
	}
	return v
}

// picks counts what n requests are given to, by replica.
func picks(g *deployments.Group, n int) map[string]int {
	all := map[string]int{}
	for range n {
		r := g.Pick()
		all[r.String()]++
		r.Release()
	}
	return all
}

func TestReplicaThatFailsItsChecksGetsNoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		g := p.Bind(checked(t, "http://a/predict", "http://b/predict"), live)
		p.Retain([]*deployments.Group{g})
		running(t, p)
		wait(5 * time.Second)
		w.answer("a", http.StatusServiceUnavailable)
		wait(1700 * time.Millisecond) // at least one check, at most two
		if got := picks(g, 100); got["http://a/predict"] == 0 {
			t.Error("less than unhealthyAfter checks took a replica out")
		}
		wait(3 * time.Second)
		if got := picks(g, 100); got["http://a/predict"] != 0 {
			t.Errorf("picked %v, of which a fails its checks", got)
		}
		state := g.Replicas()[0].State()
		if state.Up || state.Reason != "its health checks fail: status 503" || state.Check == nil || state.Check.Status != 503 {
			t.Errorf("state %+v", state)
		}
		w.answer("a", http.StatusOK)
		wait(4 * time.Second)
		if got := picks(g, 100); got["http://a/predict"] == 0 {
			t.Error("a replica that passes its checks again gets no requests")
		}
		if diff := cmp.Diff([]string{"check_failed http://a/predict", "check_passed http://a/predict"}, w.told()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if n := w.called("GET a /ready?deep=1"); n < 10 || n > 17 {
			t.Errorf("%d checks in 14 s, want one a second", n)
		}
	})
}

// An hour that was written by mistake is over with the commit that mends it.
func TestAShorterIntervalOfChecksHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		every := func(interval time.Duration) *deployments.Group {
			v := checked(t, "http://a/", "http://b/")
			v.Serving.Health.Interval = interval
			g := p.Bind(v, live)
			p.Retain([]*deployments.Group{g})
			return g
		}
		every(time.Second)
		running(t, p)
		wait(5 * time.Second)
		every(time.Hour)
		wait(5 * time.Second)
		before := w.called("GET a /ready?deep=1")
		wait(30 * time.Minute)
		if n := w.called("GET a /ready?deep=1"); n != before {
			t.Errorf("%d checks in half an hour, want one an hour", n-before)
		}
		w.answer("a", http.StatusServiceUnavailable)
		g := every(time.Second)
		every(time.Second)
		wait(5 * time.Second)
		if n := w.called("GET a /ready?deep=1") - before; n < 4 || n > 6 {
			t.Errorf("%d checks in 5 s, want one a second", n)
		}
		if g.Replicas()[0].Up() {
			t.Error("a replica is up that fails its checks")
		}
	})
}

func TestReplicaThatHangsFailsItsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		g := p.Bind(checked(t, "http://a/", "http://b/"), live)
		w.hang("a")
		running(t, p)
		wait(3 * time.Second) // the first check decides, nothing else being known
		state := g.Replicas()[0].State()
		if state.Up || state.Reason != "its health checks fail: no answer within 500ms" {
			t.Errorf("state %+v", state)
		}
	})
}

func TestAllDownByChecksAreCalledAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, balance := range schema.Balances() {
			w := newTown()
			p := w.pool()
			v := checked(t, "http://a/", "http://b/")
			v.Serving.Balance = balance
			g := p.Bind(v, live)
			w.answer("a", http.StatusNotFound)
			w.answer("b", http.StatusNotFound)
			ctx, cancel := context.WithCancel(t.Context())
			var run sync.WaitGroup
			run.Go(func() { _ = p.Run(ctx) })
			wait(5 * time.Second)
			for i := range 100 {
				r := g.PickFor(fmt.Sprint(i))
				if r == nil {
					t.Fatalf("%s: a path of checks that is wrong makes the deployment unavailable", balance)
				}
				r.Release()
			}
			if n := p.Counts().NoneUp; n != 100 {
				t.Errorf("%s: %d requests are counted as sent in panic, want 100", balance, n)
			}
			told := 0
			for _, c := range w.told() {
				if c == "none_up http://a/" {
					told++
				}
			}
			if told != 1 {
				t.Errorf("%s: told %d times that none is up, want once", balance, told)
			}
			cancel()
			run.Wait()
		}
	})
}

func TestHealthSurvivesSwapsAndEndsWithTheReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		first := p.Bind(checked(t, "http://a/", "http://b/"), live)
		p.Retain([]*deployments.Group{first})
		w.answer("a", http.StatusServiceUnavailable)
		running(t, p)
		wait(5 * time.Second)
		again := p.Bind(checked(t, "http://a/", "http://c/"), live)
		p.Retain([]*deployments.Group{again})
		if again.Replicas()[0] != first.Replicas()[0] || again.Replicas()[0].Up() {
			t.Error("a replica that is down came up by a swap")
		}
		wait(2 * time.Second)
		before := w.called("GET b /ready?deep=1")
		wait(10 * time.Second)
		if n := w.called("GET b /ready?deep=1"); n != before {
			t.Errorf("a replica that nobody names was checked %d times", n-before)
		}
		unchecked := p.Bind(version(t, "http://a/", "http://c/"), live)
		p.Retain([]*deployments.Group{unchecked})
		if !unchecked.Replicas()[0].Up() {
			t.Error("a replica that is not checked any more is down for its checks")
		}
		wait(2 * time.Second)
		before = w.called("GET a /ready?deep=1")
		wait(10 * time.Second)
		if n := w.called("GET a /ready?deep=1"); n != before {
			t.Errorf("a replica whose version asks for no checks was checked %d times", n-before)
		}
	})
}

func TestAllUsesOfAServerShareItsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		v := checked(t, "http://a/", "http://b/")
		v.Header = http.Header{"Authorization": {"secret"}, "Host": {"models"}}
		var seen atomic.Pointer[http.Request]
		w.answers["a"] = func(r *http.Request) (int, error) {
			seen.Store(r)
			return http.StatusServiceUnavailable, nil
		}
		one := p.Bind(v, live)
		other := p.Bind(v, deployments.Use{Endpoint: "e", Mirror: "m"})
		running(t, p)
		wait(10 * time.Second)
		if one.Replicas()[0].Up() || other.Replicas()[0].Up() {
			t.Error("not all replicas of a server are down")
		}
		if n := w.called("GET a /ready?deep=1"); n > 12 {
			t.Errorf("%d checks in 10 s, want one a second", n)
		}
		if r := seen.Load(); r.Header.Get("Authorization") != "secret" || r.Host != "models" {
			t.Errorf("the version's header is not in its checks: %v, Host %s", r.Header, r.Host)
		}
	})
}

func TestChecksAreBoundedAndSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		var urls []string
		var now, most atomic.Int64
		for i := range 300 {
			host := fmt.Sprintf("h%d", i)
			urls = append(urls, "http://"+host+"/")
			w.answers[host] = func(r *http.Request) (int, error) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				<-r.Context().Done()
				return 0, r.Context().Err()
			}
		}
		g := p.Bind(checked(t, urls...), live)
		running(t, p)
		wait(30 * time.Second)
		if n := most.Load(); n > 64 {
			t.Errorf("%d checks at a time", n)
		}
		for _, r := range g.Replicas() {
			if r.Up() {
				t.Errorf("%s has not been checked in 30 s", r)
			}
		}
	})
}

// TestChecksReachRealServers: over both kinds of connections that tests of the
// gateway have, a server is down that answers wrongly and one that is closed.
func TestChecksReachRealServers(t *testing.T) {
	var well atomic.Bool
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ready" && !well.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, "ok")
	})
	p := newPool(t)
	v := version(t, s.URL+"/predict")
	v.Serving.Health = &schema.Health{
		Path: "/ready", Interval: 100 * time.Millisecond, Timeout: 10 * time.Second, Status: []schema.StatusRange{{From: 200, To: 200}},
		HealthyAfter: 1, UnhealthyAfter: 1,
	}
	g := p.Bind(v, live)
	running(t, p)
	testbed.Eventually(t, "the replica is down", func() bool { return !g.Replicas()[0].Up() })
	well.Store(true)
	testbed.Eventually(t, "the replica is up", func() bool { return g.Replicas()[0].Up() })
	s.Close()
	testbed.Eventually(t, "the closed replica is down", func() bool { return !g.Replicas()[0].Up() })
}
