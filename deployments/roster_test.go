package deployments_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// named is a version whose names' addresses are replicas.
func named(t *testing.T, urls ...string) *deployments.Version {
	t.Helper()
	v := version(t, urls...)
	v.Serving.Resolve = &schema.Resolve{Interval: 10 * time.Second}
	return v
}

func labels(g *deployments.Group) []string {
	all := []string{}
	for _, r := range g.Replicas() {
		all = append(all, r.String())
	}
	return all
}

func TestEachAddressOfANameIsAReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		g := p.Bind(named(t, "http://models.svc:8000/predict", "http://10.9.9.9:8000/predict"), live)
		p.Retain([]*deployments.Group{g})
		if diff := cmp.Diff([]string{"http://models.svc:8000/predict", "http://10.9.9.9:8000/predict"}, labels(g)); diff != "" {
			t.Errorf("before the name is resolved (-want +got):\n%s", diff)
		}
		w.name("models.svc", "10.0.0.2", "::ffff:10.0.0.1", "10.0.0.2", "fd00::1")
		running(t, p)
		wait(time.Second)
		want := []string{"http://10.0.0.1:8000/predict", "http://10.0.0.2:8000/predict", "http://10.9.9.9:8000/predict"}
		if diff := cmp.Diff(want, labels(g)); diff != "" {
			t.Errorf("once it is (-want +got):\n%s", diff)
		}
		if got := picks(g, 300); len(got) != 3 {
			t.Errorf("requests went to %v", got)
		}
		for _, r := range g.Replicas()[:2] {
			if r.URL().Host != "models.svc:8000" {
				t.Errorf("requests to %s are for the host %s", r, r.URL().Host)
			}
		}
		first := g.Replicas()[0]
		w.name("models.svc", "10.0.0.1", "10.0.0.3")
		wait(12 * time.Second)
		want = []string{"http://10.0.0.1:8000/predict", "http://10.0.0.3:8000/predict", "http://10.9.9.9:8000/predict"}
		if diff := cmp.Diff(want, labels(g)); diff != "" {
			t.Errorf("after a change (-want +got):\n%s", diff)
		}
		if g.Replicas()[0] != first {
			t.Error("a replica whose address stayed is another one")
		}
		if p.Len() != 3 {
			t.Errorf("%d replicas are held, want 3", p.Len())
		}
		w.name("models.svc", "fd00::1", "fd00::2")
		wait(12 * time.Second)
		want = []string{"http://[fd00::1]:8000/predict", "http://[fd00::2]:8000/predict", "http://10.9.9.9:8000/predict"}
		if diff := cmp.Diff(want, labels(g)); diff != "" {
			t.Errorf("with IPv6 only (-want +got):\n%s", diff)
		}
	})
}

func TestNameThatCannotBeResolvedKeepsItsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		w.name("models.svc", "10.0.0.1", "10.0.0.2")
		g := p.Bind(named(t, "http://models.svc/"), live)
		running(t, p)
		wait(time.Second)
		w.name("models.svc")
		wait(time.Minute)
		if diff := cmp.Diff([]string{"http://10.0.0.1/", "http://10.0.0.2/"}, labels(g)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		w.name("models.svc", "10.0.0.2")
		wait(12 * time.Second)
		want := []string{
			"joined http://10.0.0.1/", "joined http://10.0.0.2/",
			"lookup_failed models.svc", "lookup_works models.svc", "left http://10.0.0.1/",
		}
		if diff := cmp.Diff(want, w.told()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestAddressesSurviveSwaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		w.name("models.svc", "10.0.0.1", "10.0.0.2")
		v := named(t, "http://models.svc/")
		first := p.Bind(v, live)
		p.Retain([]*deployments.Group{first})
		running(t, p)
		wait(time.Second)
		before := slices.Clone(first.Replicas())
		for range 10 {
			g := p.Bind(named(t, "http://models.svc/"), live)
			p.Retain([]*deployments.Group{g})
			if !slices.Equal(before, g.Replicas()) {
				t.Fatalf("a swap changed the replicas to %v", labels(g))
			}
		}
		p.Retain(nil)
		w.name("models.svc", "10.0.0.9")
		wait(time.Minute)
		if p.Len() != 0 {
			t.Errorf("%d replicas are held of a version that nobody names", p.Len())
		}
	})
}

// Another URL beside those before, or in the place of one, is no reason to ask again where
// the others are.
func TestAddressesSurviveAChangeOfAnotherURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		w.name("a.svc", "10.0.0.1", "10.0.0.2")
		w.name("b.svc", "10.0.1.1")
		w.name("c.svc", "10.0.2.1")
		first := p.Bind(named(t, "http://a.svc/", "http://b.svc/"), live)
		p.Retain([]*deployments.Group{first})
		running(t, p)
		wait(time.Second)
		before := slices.Clone(first.Replicas())
		more := p.Bind(named(t, "http://a.svc/", "http://b.svc/", "http://c.svc/"), live)
		p.Retain([]*deployments.Group{more})
		if diff := cmp.Diff([]string{"http://10.0.0.1/", "http://10.0.0.2/", "http://10.0.1.1/", "http://c.svc/"}, labels(more)); diff != "" {
			t.Errorf("with a third URL (-want +got):\n%s", diff)
		}
		if !slices.Equal(before, more.Replicas()[:len(before)]) {
			t.Error("replicas of names that stayed are others")
		}
		wait(time.Second)
		other := p.Bind(named(t, "http://c.svc/", "http://a.svc/"), live)
		mirror := p.Bind(named(t, "http://b.svc/"), deployments.Use{Endpoint: "e", Mirror: "m"})
		p.Retain([]*deployments.Group{other, mirror})
		if diff := cmp.Diff([]string{"http://10.0.2.1/", "http://10.0.0.1/", "http://10.0.0.2/", "http://10.0.1.1/"}, append(labels(other), labels(mirror)...)); diff != "" {
			t.Errorf("without the second, which is mirrored to (-want +got):\n%s", diff)
		}
		if !slices.Equal(before[:2], other.Replicas()[1:]) {
			t.Error("replicas of the name that stayed are others")
		}
		p.Retain(nil)
		if diff := cmp.Diff([]string{"http://a.svc/"}, labels(p.Bind(named(t, "http://a.svc/"), live))); diff != "" {
			t.Errorf("a name that nobody had for a while (-want +got):\n%s", diff)
		}
	})
}

func TestAShorterIntervalOfLookUpsHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		w.name("models.svc", "10.0.0.1")
		v := named(t, "http://models.svc/")
		v.Serving.Resolve.Interval = time.Hour
		p.Bind(v, live)
		running(t, p)
		wait(time.Second)
		w.name("models.svc", "10.0.0.2")
		g := p.Bind(named(t, "http://models.svc/"), live)
		wait(11 * time.Second)
		if diff := cmp.Diff([]string{"http://10.0.0.2/"}, labels(g)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// An address that joins wakes those who wait for any version that has the name.
func TestReplicasThatJoinServeAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		w.name("models.svc", "10.0.0.1")
		var groups []*deployments.Group
		for n := range 2 {
			v := named(t, "http://models.svc/")
			v.Number = n
			v.Serving.Limits.Capacity = &schema.Capacity{MaxConcurrent: 1, MaxQueue: 1, QueueTimeout: time.Minute}
			groups = append(groups, p.Bind(v, live))
		}
		p.Retain(groups)
		running(t, p)
		wait(time.Second)
		for _, g := range groups {
			r := mustTake(t, g)
			served := make(chan string, 1)
			waits(t, g, "it", served)
			wait(20 * time.Millisecond) // it looks for itself 80 ms from now
			r.Release()
			synctest.Wait()
			select {
			case <-served:
			default:
				t.Errorf("nobody told who waits for version %d", g.Version().Number)
				<-served
			}
		}
	})
}

func TestReplicasOfNamesAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown()
		p := w.pool()
		w.name("models.svc", "10.0.0.1", "10.0.0.2")
		w.answer("10.0.0.2", http.StatusServiceUnavailable)
		v := checked(t, "http://models.svc/")
		v.Serving.Resolve = &schema.Resolve{Interval: time.Second}
		g := p.Bind(v, live)
		running(t, p)
		wait(10 * time.Second)
		if got := picks(g, 100); got["http://10.0.0.1/"] != 100 {
			t.Errorf("picked %v, of which one fails its checks", got)
		}
		w.name("models.svc", "10.0.0.1")
		wait(3 * time.Second)
		before := w.called("GET 10.0.0.2 /ready?deep=1")
		wait(10 * time.Second)
		if n := w.called("GET 10.0.0.2 /ready?deep=1"); n != before {
			t.Errorf("an address that left was checked %d times", n-before)
		}
	})
}

// nameServer is a DNS server in the test's process that answers for one name.
type nameServer struct {
	conn      net.PacketConn
	addresses atomic.Pointer[[]netip.Addr]
	asked     atomic.Int64
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn}
	s.set()
	var serving sync.WaitGroup
	serving.Go(s.serve)
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return s
}

func (s *nameServer) set(addresses ...string) {
	var all []netip.Addr
	for _, a := range addresses {
		all = append(all, netip.MustParseAddr(a))
	}
	s.addresses.Store(&all)
}

// lookup is a PoolOptions.Lookup that asks this server.
func (s *nameServer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
	return r.LookupNetIP(ctx, "ip", host)
}

func (s *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(buf[:n]) != nil || len(query.Questions) != 1 {
			continue
		}
		s.asked.Add(1)
		if answer, err := s.answer(query); err == nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

func (s *nameServer) answer(query dnsmessage.Message) ([]byte, error) {
	q := query.Questions[0]
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: query.Questions,
	}
	all := *s.addresses.Load()
	if len(all) == 0 {
		answer.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range all {
		if q.Type == dnsmessage.TypeA && a.Is4() {
			answer.Answers = append(answer.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 5},
				Body:   &dnsmessage.AResource{A: a.As4()},
			})
		}
	}
	return answer.Pack()
}

// fleet is servers on several addresses of this machine with the same port, as the
// pods of a headless Service are.
type fleet struct {
	port  string
	held  chan struct{} // requests to /held wait for it
	calls map[string]*atomic.Int64
	open  map[string]*atomic.Int64 // connections
}

func newFleet(t *testing.T, addresses ...string) *fleet {
	t.Helper()
	f := &fleet{held: make(chan struct{}), calls: map[string]*atomic.Int64{}, open: map[string]*atomic.Int64{}}
	for i, a := range addresses {
		port := "0"
		if i > 0 {
			port = f.port
		}
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(a, port))
		if err != nil {
			t.Skip("this machine has one loopback address, or the port is taken:", err)
		}
		if _, f.port, err = net.SplitHostPort(l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		f.serve(t, a, l)
	}
	return f
}

func (f *fleet) serve(t *testing.T, address string, l net.Listener) {
	calls, open := new(atomic.Int64), new(atomic.Int64)
	f.calls[address], f.open[address] = calls, open
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.URL.Path == "/held" {
			_, _ = io.WriteString(w, "be")
			_ = http.NewResponseController(w).Flush()
			<-f.held
			_, _ = io.WriteString(w, "gun ")
		}
		_, _ = io.WriteString(w, r.Host+" "+address)
	}))
	_ = s.Listener.Close()
	s.Listener = l
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
}

func get(ctx context.Context, r *deployments.Replica, path string) (string, error) {
	u := &url.URL{Scheme: r.URL().Scheme, Host: r.URL().Host, Path: path}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	resp, err := r.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// TestHeadlessServiceIsFollowed has a real resolver ask a real server: replicas
// come and go with the addresses of the name, and who goes is drained, not cut.
func TestHeadlessServiceIsFollowed(t *testing.T) {
	dns := newNameServer(t)
	f := newFleet(t, "127.0.0.1", "127.0.0.2", "127.0.0.3")
	p := deployments.NewPool(deployments.PoolOptions{Lookup: dns.lookup})
	t.Cleanup(p.Close)
	dns.set("127.0.0.1", "127.0.0.2")
	v := named(t, "http://models.example:"+f.port+"/")
	v.Serving.Resolve.Interval = 20 * time.Millisecond // less than documents can say
	g := p.Bind(v, live)
	p.Retain([]*deployments.Group{g})
	running(t, p)
	testbed.Eventually(t, "both addresses are replicas", func() bool { return len(g.Replicas()) == 2 })

	answers := map[string]bool{}
	for range 100 {
		r := g.Pick()
		body, err := get(t.Context(), r, "/")
		r.Release()
		if err != nil {
			t.Fatal(err)
		}
		answers[body] = true
	}
	want := map[string]bool{"models.example:" + f.port + " 127.0.0.1": true, "models.example:" + f.port + " 127.0.0.2": true}
	if diff := cmp.Diff(want, answers); diff != "" {
		t.Errorf("answers with the host that was asked for (-want +got):\n%s", diff)
	}

	leaving := g.Replicas()[1]
	held := picked(t, g, leaving)
	answer := make(chan string, 1)
	var calls sync.WaitGroup
	calls.Go(func() {
		defer held.Release()
		body, err := get(context.Background(), held, "/held")
		answer <- fmt.Sprint(body, " ", err)
	})
	before := f.calls["127.0.0.2"].Load()
	testbed.Eventually(t, "the request is held", func() bool { return f.calls["127.0.0.2"].Load() > before })
	dns.set("127.0.0.1", "127.0.0.3")
	testbed.Eventually(t, "the change is known", func() bool { return !slices.Contains(g.Replicas(), leaving) && len(g.Replicas()) == 2 })
	served := f.calls["127.0.0.2"].Load()
	for range 100 {
		r := g.Pick()
		if _, err := get(t.Context(), r, "/"); err != nil {
			t.Error(err)
		}
		r.Release()
	}
	if n := f.calls["127.0.0.2"].Load(); n != served {
		t.Errorf("a replica that left got %d more requests", n-served)
	}
	close(f.held)
	calls.Wait()
	if got := <-answer; !strings.HasSuffix(got, " 127.0.0.2 <nil>") || !strings.HasPrefix(got, "begun ") {
		t.Errorf("the request in flight at the replica that left came to %q", got)
	}
	testbed.Eventually(t, "its connections are closed", func() bool { return f.open["127.0.0.2"].Load() == 0 })

	dns.set()
	asked := dns.asked.Load()
	testbed.Eventually(t, "the name is looked up some more", func() bool { return dns.asked.Load() > asked+8 })
	if diff := cmp.Diff([]string{"http://127.0.0.1:" + f.port + "/", "http://127.0.0.3:" + f.port + "/"}, labels(g)); diff != "" {
		t.Errorf("a name that does not exist any more (-want +got):\n%s", diff)
	}
}

// TestAddressesProveTheirName: TLS is spoken with the name, not with the address.
func TestAddressesProveTheirName(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+" as "+r.TLS.ServerName)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	defer s.Close()
	p := deployments.NewPool(deployments.PoolOptions{
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
		Transport: func(to deployments.Destination) deployments.Transport {
			t := deployments.NewTransport(deployments.OptionsFor(to))
			t.TLSClientConfig.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			return t
		},
	})
	defer p.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		proven bool
	}{{"example.com", true}, {"models.svc", false}} { // the certificate is for example.com
		g := p.Bind(named(t, "https://"+c.name+":"+u.Port()+"/"), live)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = p.Run(ctx) })
		testbed.Eventually(t, c.name+" is resolved", func() bool { return g.Replicas()[0].String() == "https://127.0.0.1:"+u.Port()+"/" })
		body, err := get(t.Context(), g.Replicas()[0], "/")
		if want := c.name + ":" + u.Port() + " as " + c.name; c.proven && (err != nil || body != want) {
			t.Errorf("%s: %q, %v", c.name, body, err)
		}
		if !c.proven && !deployments.ConnectFailed(err) {
			t.Errorf("%s was taken for a server that is not: %q, %v", c.name, body, err)
		}
		cancel()
		run.Wait()
	}
}

// picked picks until it is r.
func picked(t *testing.T, g *deployments.Group, want *deployments.Replica) *deployments.Replica {
	t.Helper()
	for range 1000 {
		r := g.Pick()
		if r == want {
			return r
		}
		r.Release()
	}
	t.Fatal("a replica is never picked")
	return nil
}

func TestLookupIsGivenUpWhenThePoolStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := deployments.NewPool(deployments.PoolOptions{Lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, errors.Join(ctx.Err())
		}})
		g := p.Bind(named(t, "http://models.svc/"), live)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = p.Run(ctx) })
		wait(time.Millisecond)
		cancel()
		began := time.Now()
		run.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s to stop", took)
		}
		if diff := cmp.Diff([]string{"http://models.svc/"}, labels(g)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
