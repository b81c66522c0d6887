package deployments_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var live deployments.Use

// server is a deployment that counts its connections.
type server struct {
	*httptest.Server
	accepted, closed atomic.Int64
}

func newServer(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{Server: httptest.NewUnstartedServer(h)}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.accepted.Add(1)
		case http.StateClosed:
			s.closed.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

func newPool(t *testing.T) *deployments.Pool {
	t.Helper()
	p := deployments.NewPool(deployments.PoolOptions{})
	t.Cleanup(p.Close)
	return p
}

func version(t testing.TB, urls ...string) *deployments.Version {
	t.Helper()
	v := &deployments.Version{Branch: "main", Name: "m", Number: 1}
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		v.URLs = append(v.URLs, u)
	}
	return v
}

// call makes one request by way of g and returns its answer.
func call(t *testing.T, g *deployments.Group) (string, error) {
	t.Helper()
	r := g.Pick()
	if r == nil {
		t.Fatal("no replica to call")
	}
	defer r.Release()
	return send(t, r)
}

func send(t *testing.T, r *deployments.Replica) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func mustCall(t *testing.T, g *deployments.Group) {
	t.Helper()
	if body, err := call(t, g); err != nil || body != "ok" {
		t.Fatalf("answer %q, %v", body, err)
	}
}

// aFew is how many of some calls may make a connection of their own where one is wanted
// for all: on a machine that is very busy, net/http keeps none whose request has not been
// accounted for within 50 ms. Where connections are not kept at all, all calls make one.
func aFew(calls int64) int64 { return calls / 2 }

func TestConnectionsSurviveSwaps(t *testing.T) {
	s := newServer(t, ok)
	p := newPool(t)
	first := p.Bind(version(t, s.URL+"/predict"), live)
	mustCall(t, first)
	for range 50 {
		g := p.Bind(version(t, s.URL+"/predict"), live)
		p.Retain([]*deployments.Group{g})
		if g.Replicas()[0] != first.Replicas()[0] {
			t.Fatal("the same URL and use became another replica")
		}
		mustCall(t, g)
	}
	if n := s.accepted.Load(); n > aFew(51) {
		t.Errorf("%d connections were opened over 50 swaps, want 1", n)
	}
}

func TestUsesShareNoConnection(t *testing.T) {
	s := newServer(t, ok)
	p := newPool(t)
	v := version(t, s.URL)
	for _, use := range []deployments.Use{live, {Endpoint: "e", Mirror: "a"}, {Endpoint: "e", Mirror: "b"}, {Endpoint: "f", Mirror: "a"}} {
		mustCall(t, p.Bind(v, use))
		mustCall(t, p.Bind(v, use))
	}
	if n := s.accepted.Load(); n < 4 || n >= 8 {
		t.Errorf("4 uses opened %d connections, want 4", n)
	}
}

func TestAURLWrittenTwiceIsOneReplica(t *testing.T) {
	p := newPool(t)
	g := p.Bind(version(t, "http://a:1", "http://b:1", "http://a:1"), live)
	if n := len(g.Replicas()); n != 2 {
		t.Errorf("%d replicas, want 2", n)
	}
}

func TestRetiredReplicaClosesItsIdleConnections(t *testing.T) {
	s := newServer(t, ok)
	before := openFiles(t)
	p := newPool(t)
	var groups []*deployments.Group
	for i := range 50 {
		g := p.Bind(version(t, fmt.Sprintf("%s/%d", s.URL, i)), live)
		mustCall(t, g)
		groups = append(groups, g)
	}
	p.Retain(groups[:1])
	testbed.Eventually(t, "49 connections are closed at least", func() bool { return s.closed.Load() >= 49 })
	if p.Len() != 1 {
		t.Errorf("%d replicas are left, want 1", p.Len())
	}
	p.Close()
	testbed.Eventually(t, "the file descriptors are those of before", func() bool { return openFiles(t) <= before })
}

// openFiles counts the descriptors of this process; 0 where it cannot.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestRetiredReplicaIsDrainedNotCut(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "o")
		_ = http.NewResponseController(w).Flush()
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "k")
	})
	p := newPool(t)
	g := p.Bind(version(t, s.URL), live)
	answer := make(chan string, 1)
	var calls sync.WaitGroup
	calls.Go(func() {
		body, err := call(t, g)
		answer <- fmt.Sprint(body, err)
	})
	<-entered
	p.Retain(nil)
	if again := p.Bind(version(t, s.URL), live); again.Replicas()[0] != g.Replicas()[0] {
		t.Error("a draining replica that is bound again became another one")
	}
	p.Retain(nil)
	close(leave)
	calls.Wait()
	if got := <-answer; got != "ok<nil>" {
		t.Errorf("the request in flight got %s, want a whole answer", got)
	}
	testbed.Eventually(t, "the connection is closed once idle", func() bool { return s.closed.Load() == 1 })
	if p.Retain(nil); p.Len() != 0 {
		t.Errorf("%d drained replicas are still held", p.Len())
	}
}

func TestReplicaThatIsTakenBackKeepsItsConnections(t *testing.T) {
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-leave
		ok(w, r)
	})
	p := newPool(t)
	g := p.Bind(version(t, s.URL), live)
	var calls sync.WaitGroup
	calls.Go(func() { mustCall(t, g) })
	<-entered
	p.Retain(nil)
	g = p.Bind(version(t, s.URL), live)
	p.Retain([]*deployments.Group{g})
	close(leave)
	calls.Wait()
	for range 10 {
		mustCall(t, g)
		<-entered
	}
	// The connection that was in use when the replica retired may be closed once:
	// until the next request, it has been told to.
	if n := s.accepted.Load(); n > 1+aFew(10) {
		t.Errorf("%d connections were opened, want one to be used again", n)
	}
}

func TestLateRequestOfAnOldSnapshotIsServed(t *testing.T) {
	s := newServer(t, ok)
	p := newPool(t)
	g := p.Bind(version(t, s.URL), live)
	p.Retain(nil)
	mustCall(t, g)
	testbed.Eventually(t, "its connection is closed afterwards", func() bool { return s.closed.Load() == 1 })
}

func TestSwapsUnderLoadLoseNothing(t *testing.T) {
	s := newServer(t, ok)
	p := newPool(t)
	versions := []*deployments.Version{version(t, s.URL+"/a", s.URL+"/b"), version(t, s.URL+"/b", s.URL+"/c")}
	var current atomic.Pointer[deployments.Group]
	current.Store(p.Bind(versions[0], live))
	var swapping atomic.Bool
	swapping.Store(true)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for swapping.Load() {
				if body, err := call(t, current.Load()); err != nil || body != "ok" {
					t.Errorf("answer %q, %v", body, err)
					return
				}
			}
		})
	}
	for i := range 300 {
		g := p.Bind(versions[i%2], live)
		current.Store(g)
		p.Retain([]*deployments.Group{g})
		runtime.Gosched()
	}
	swapping.Store(false)
	calls.Wait()
	for _, r := range current.Load().Replicas() {
		if n := r.InFlight(); n != 0 {
			t.Errorf("%s has %d requests in flight at rest", r, n)
		}
	}
	p.Close()
	testbed.Eventually(t, "all connections are closed", func() bool { return s.closed.Load() == s.accepted.Load() })
}

func TestReplicaNamesNoCredentials(t *testing.T) {
	p := newPool(t)
	r := p.Bind(version(t, "http://user:secret@host:8001/predict?key=secret#secret"), live).Replicas()[0]
	if got, want := r.String(), "http://host:8001/predict"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestReleaseWithoutPickPanics(t *testing.T) {
	p := newPool(t)
	r := p.Bind(version(t, "http://a:1"), live).Replicas()[0]
	defer func() {
		if recover() == nil {
			t.Error("the count of requests in flight went below 0 unnoticed")
		}
	}()
	r.Release()
}

func BenchmarkBind20000(b *testing.B) {
	versions := make([]*deployments.Version, 20_000)
	for i := range versions {
		u := &url.URL{Scheme: "http", Host: fmt.Sprintf("10.0.%d.%d:8001", i/250, i%250), Path: "/predict"}
		versions[i] = &deployments.Version{URLs: []*url.URL{u}}
	}
	p := deployments.NewPool(deployments.PoolOptions{})
	b.ReportAllocs()
	for b.Loop() {
		groups := make([]*deployments.Group, len(versions))
		for i, v := range versions {
			groups[i] = p.Bind(v, live)
		}
		p.Retain(groups)
	}
}
