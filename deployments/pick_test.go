package deployments_test

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// fakeNet is a network in which a test says what connecting to a host comes to.
type fakeNet struct {
	mu     sync.Mutex
	errors map[string]error // by host
	takes  time.Duration    // a failure
	dials  map[string]int
}

func newFakeNet() *fakeNet {
	return &fakeNet{errors: map[string]error{}, dials: map[string]int{}}
}

func (n *fakeNet) set(host string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.errors[host] = err
}

func (n *fakeNet) dialed(host string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[host]
}

func (n *fakeNet) RoundTrip(req *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.dials[req.URL.Host]++
	err, takes := n.errors[req.URL.Host], n.takes
	n.mu.Unlock()
	if err != nil {
		wait(takes)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

func (n *fakeNet) CloseIdleConnections() {}

func (n *fakeNet) pool() *deployments.Pool {
	return deployments.NewPool(deployments.PoolOptions{
		Transport: func(deployments.Destination) deployments.Transport { return n },
	})
}

var (
	refused      = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	errBlackHole = os.ErrDeadlineExceeded
)

func TestPickPrefersTheReplicaWithFewerRequests(t *testing.T) {
	g := newFakeNet().pool().Bind(version(t, "http://a", "http://b", "http://c"), live)
	for range 300 {
		g.Pick()
	}
	for _, r := range g.Replicas() {
		if n := r.InFlight(); n < 97 || n > 103 {
			t.Errorf("%s has %d of 300 requests in flight, want about 100", r, n)
		}
	}
}

func TestPickExceptComesToAnEnd(t *testing.T) {
	g := newFakeNet().pool().Bind(version(t, "http://a", "http://b", "http://c"), live)
	var tried []*deployments.Replica
	for r := g.Pick(); r != nil; r = g.PickExcept("", tried...) {
		tried = append(tried, r)
		r.Release()
	}
	seen := map[*deployments.Replica]bool{}
	for _, r := range tried {
		seen[r] = true
	}
	if len(tried) != 3 || len(seen) != 3 {
		t.Errorf("tried %v, want each of three once", tried)
	}
}

func TestPickOfNoReplicasIsNil(t *testing.T) {
	g := newFakeNet().pool().Bind(version(t), live)
	if r := g.Pick(); r != nil {
		t.Errorf("picked %v of none", r)
	}
}

func TestS04RefusingReplicasAreAllTriedAtOnce(t *testing.T) {
	const gone = "http://127.0.0.1:1" // a port that is given to nobody who asks for any
	g := newPool(t).Bind(version(t, gone+"/1", gone+"/2", gone+"/3"), live)
	for range 200 {
		began := time.Now()
		var tried []*deployments.Replica
		for r := g.Pick(); r != nil; r = g.PickExcept("", tried...) {
			_, err := send(t, r)
			if !deployments.ConnectFailed(err) {
				t.Fatalf("a closed port gave %v", err)
			}
			tried = append(tried, r)
			r.Release()
		}
		if len(tried) != 3 {
			t.Fatalf("%d replicas were tried, want 3", len(tried))
		}
		if took := time.Since(began); took > testbed.Patience/2 {
			t.Fatalf("it took %s to know that all are down", took)
		}
	}
}

func TestS04UnreachableReplicasAreKnownWithoutDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		n.takes = 2 * time.Second
		n.set("a", errBlackHole)
		n.set("b", errBlackHole)
		g := n.pool().Bind(version(t, "http://a", "http://b"), live)
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() { _, _ = call(t, g) })
		}
		calls.Wait()
		began := time.Now()
		for range 1000 {
			if r := g.Pick(); r != nil {
				t.Fatalf("picked %s right after it could not be reached", r)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s to pick nothing", took)
		}
	})
}

func TestServerThatRestartsServesFromItsFirstMoment(t *testing.T) {
	address := testbed.Address(t)
	serve := func() *httptest.Server {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(ok))
		s.Listener.Close()
		s.Listener = l
		s.Start()
		return s
	}
	first := serve()
	g := newPool(t).Bind(version(t, first.URL), live)
	mustCall(t, g)
	first.Close()
	for range 50 {
		if _, err := call(t, g); err == nil {
			t.Fatal("a closed server answered")
		}
	}
	defer serve().Close()
	mustCall(t, g)
	if g.Replicas()[0].Down() {
		t.Error("a replica that answers is still down")
	}
}

func TestReplicaThatCannotBeReachedIsLeftAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		n.takes = 2 * time.Second
		n.set("a", errBlackHole)
		g := n.pool().Bind(version(t, "http://a", "http://b"), live)
		step := 10 * time.Millisecond
		var calls sync.WaitGroup
		for began := time.Now(); time.Since(began) < time.Minute; wait(step) {
			calls.Go(func() { _, _ = call(t, g) })
		}
		calls.Wait()
		// Up to 200 requests went to a before the first one failed; then probes
		// after 1, 2, 4, 8, 10, 10 and 10 s, each taking 2 s.
		if dials := n.dialed("a"); dials > 200+8 {
			t.Errorf("a replica that was down for a minute was called %d times", dials)
		}
		n.set("a", nil)
		wait(10 * time.Second)
		for range 100 {
			mustAnswer(t, g)
		}
		before := n.dialed("a")
		for range 100 {
			mustAnswer(t, g)
		}
		if n.dialed("a") == before {
			t.Error("a replica that is back gets no requests")
		}
	})
}

// wait lets time pass on the clock of a synctest bubble.
func wait(d time.Duration) { <-time.After(d) }

func mustAnswer(t *testing.T, g *deployments.Group) {
	t.Helper()
	if _, err := call(t, g); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyReplicaIsProbedByOneRequestAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		n.takes = 1500 * time.Millisecond
		n.set("a", errBlackHole)
		g := n.pool().Bind(version(t, "http://a"), live)
		_, _ = call(t, g)
		var inFlight, most atomic.Int64
		var calls sync.WaitGroup
		for began := time.Now(); time.Since(began) < 30*time.Second; wait(5 * time.Millisecond) {
			if r := g.Pick(); r != nil {
				most.Store(max(most.Load(), inFlight.Add(1)))
				calls.Go(func() {
					defer r.Release()
					defer inFlight.Add(-1)
					_, _ = send(t, r)
				})
			}
		}
		calls.Wait()
		if most.Load() != 1 {
			t.Errorf("%d requests probed at once, want 1", most.Load())
		}
		// A probe takes 1.5 s and the next begins 1 s later.
		if dials := n.dialed("a"); dials < 12 || dials > 14 {
			t.Errorf("%d requests in 30 s, want 13", dials)
		}
		n.set("a", nil)
		wait(time.Second)
		mustAnswer(t, g)
		mustAnswer(t, g)
	})
}

func TestManyFailuresAtOneMomentAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		n.takes = time.Second
		n.set("a", errBlackHole)
		g := n.pool().Bind(version(t, "http://a", "http://b"), live)
		var calls sync.WaitGroup
		for range 500 {
			calls.Go(func() { _, _ = call(t, g) })
		}
		calls.Wait()
		n.set("a", nil)
		wait(time.Second)
		mustAnswer(t, g) // the probe
		if g.Replicas()[0].Down() {
			t.Error("one failure, met by many requests, leaves the replica aside for more than a second")
		}
	})
}

func TestRefusedRequestsDoNotProlongTheTimeAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		n.set("a", refused)
		n.set("b", refused)
		g := n.pool().Bind(version(t, "http://a", "http://b"), live)
		for range 200 {
			_, _ = call(t, g)
		}
		n.set("a", nil)
		n.set("b", nil)
		wait(time.Second)
		for range 100 {
			mustAnswer(t, g)
		}
		for _, r := range g.Replicas() {
			if r.Down() {
				t.Errorf("%s is still aside, a second after it came back", r)
			}
		}
	})
}

func TestFailureFromBeforeARecoverySaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		n.set("a", errBlackHole)
		g := n.pool().Bind(version(t, "http://a"), live)
		n.takes = 10 * time.Second
		var calls sync.WaitGroup
		calls.Go(func() { _, _ = call(t, g) })
		synctest.Wait()
		n.takes = time.Second
		_, _ = call(t, g)
		n.set("a", nil)
		wait(time.Second)
		mustAnswer(t, g)
		calls.Wait()
		if g.Replicas()[0].Down() {
			t.Error("a failure from before the recovery marked the replica as down again")
		}
	})
}

func TestProbeEndsWhenConnectedNotWhenAnswered(t *testing.T) {
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		ok(w, r)
	})
	var fail atomic.Bool
	fail.Store(true)
	p := deployments.NewPool(deployments.PoolOptions{
		Transport: func(deployments.Destination) deployments.Transport {
			return &failing{Transport: deployments.NewTransport(deployments.TransportOptions{}), fail: &fail}
		},
	})
	defer p.Close()
	g := p.Bind(version(t, s.URL+"/slow"), live)
	r := g.Replicas()[0]
	_, _ = call(t, g)
	if !r.Down() {
		t.Fatal("a failed connection went unnoticed")
	}
	fail.Store(false)
	var calls sync.WaitGroup
	calls.Go(func() { mustCall(t, g) })
	<-entered
	if r.Down() {
		t.Error("a replica that computes an answer is held for down")
	}
	close(leave)
	calls.Wait()
}

// failing refuses connections for as long as fail is set.
type failing struct {
	deployments.Transport
	fail *atomic.Bool
}

func (f *failing) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.fail.Load() {
		return nil, &net.OpError{Op: "dial", Err: refused}
	}
	return f.Transport.RoundTrip(req)
}

func TestConnectFailed(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer plain.Close()
	p := newPool(t)
	for _, c := range []struct {
		name, url string
		want      bool
	}{
		{"certificate not trusted", secure.URL, true},
		{"TLS to a plain server", strings.Replace(plain.URL, "http://", "https://", 1), true},
		{"name that does not exist", "http://does-not-exist.invalid", true},
		{"hangs up after the request", plain.URL, false},
	} {
		_, err := call(t, p.Bind(version(t, c.url), live))
		if err == nil || deployments.ConnectFailed(err) != c.want {
			t.Errorf("%s: ConnectFailed(%v) = %v, want %v", c.name, err, !c.want, c.want)
		}
	}
	if deployments.ConnectFailed(errors.New("dial")) || deployments.ConnectFailed(nil) {
		t.Error("any error counts as a failure to connect")
	}
}

func TestPickDoesNotAllocate(t *testing.T) {
	g := newFakeNet().pool().Bind(version(t, "http://a", "http://b", "http://c"), live)
	tried := g.Replicas()[0]
	if n := testbed.Allocs(1000, func() {
		g.Pick().Release()
		g.PickExcept("", tried).Release()
	}); n != 0 {
		t.Errorf("picking allocates %v times", n)
	}
}

func BenchmarkPick(b *testing.B) {
	u := func(host string) *url.URL { return &url.URL{Scheme: "http", Host: host} }
	g := newFakeNet().pool().Bind(&deployments.Version{URLs: []*url.URL{u("a"), u("b"), u("c")}}, live)
	b.ReportAllocs()
	for b.Loop() {
		g.Pick().Release()
	}
}
