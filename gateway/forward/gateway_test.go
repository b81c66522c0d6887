package forward_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/gateway/upstream"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// running are the engines of the gateways that are started.
var running testbed.Engines

// everyEngine runs all tests with each combination of engines.
type everyEngine struct{ *testing.M }

func (m everyEngine) Run() int {
	for _, running = range testbed.AllEngines() {
		running.Announce(os.Stdout)
		if code := m.M.Run(); code != 0 {
			return code
		}
	}
	return 0
}

func TestMain(m *testing.M) { testbed.Main(everyEngine{m}) }

// ownTransport is the pool of package upstream, with net/http's transport for
// what it does not do.
type ownTransport struct {
	*upstream.Pool
	rest *http.Transport
}

func newOwnTransport(to deployments.Destination) deployments.Transport {
	rest := deployments.NewTransport(deployments.TransportOptions{})
	return ownTransport{upstream.New(to.URL.Host, upstream.Options{Dial: rest.DialContext, Fallback: rest}), rest}
}

func (t ownTransport) CloseIdleConnections() {
	t.Pool.CloseIdleConnections()
	t.rest.CloseIdleConnections()
}

// patience bounds what ought to happen at once, on a busy machine.
const patience = testbed.Patience

// gateway is a server that forwards everything below /v1/x.
type gateway struct {
	*httptest.Server
	results chan forward.Result // of every request, in the order of their ends
	log     *testbed.Log
	group   *deployments.Group
	client  *http.Client // with package front only
	stop    func()
}

type setup struct {
	options forward.Options
	attempt forward.Attempt
	pool    deployments.PoolOptions
	wrap    func(io.ReadCloser) io.Reader // of the body
	tls     bool                          // HTTP/2
	grace   time.Duration                 // of slow bodies, which are cut off then; 0: never
	silent  bool                          // the results are not looked at

	protocol schema.Protocol // of the replicas
	outlier  *schema.Outlier
}

// start runs a gateway before the replicas.
func (s setup) start(t testing.TB, replicas ...string) *gateway {
	t.Helper()
	if running.Upstream && s.pool.Transport == nil {
		s.pool.Transport = newOwnTransport
	}
	pool := deployments.NewPool(s.pool)
	v := &deployments.Version{Branch: "main", Name: "model", Number: 1}
	v.Serving.Protocol, v.Serving.Outlier = s.protocol, s.outlier
	for _, r := range replicas {
		u, err := url.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		v.URLs = append(v.URLs, u)
	}
	g := &gateway{results: make(chan forward.Result, 1024), log: new(testbed.Log)}
	s.options.ErrorLog = log.New(g.log, "", 0)
	f := forward.New(s.options)
	a := s.attempt
	a.Group = pool.Bind(v, deployments.Use{})
	g.group = a.Group
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := a
		a.RequestID = forward.RequestID(r)
		w.Header()["X-Request-Id"] = []string{a.RequestID}
		w.Header()["X-Switchyard-Backend"] = []string{"control"}
		if path, ok := bytes.CutPrefix([]byte(r.URL.EscapedPath()), []byte("/v1/x")); ok {
			a.Path = string(path)
		}
		if s.wrap != nil {
			a.Body = s.wrap(r.Body)
		}
		result := f.Serve(w, r, a)
		if !s.silent {
			g.results <- result
		}
		if result.Abort {
			panic(http.ErrAbortHandler)
		}
	}))
	g.Server.Config.ErrorLog = log.New(g.log, "server: ", 0)
	t.Cleanup(pool.Close)
	switch {
	case s.tls:
		g.Server.EnableHTTP2 = true
		g.Server.StartTLS()
	case running.Front || s.grace > 0:
		g.startFront(t, front.Options{StdOnly: !running.Front, MinBodyRate: 1 << 20, BodyGrace: s.grace})
	default:
		g.Server.Start()
	}
	if g.stop == nil {
		g.stop = sync.OnceFunc(func() {
			g.Server.CloseClientConnections()
			g.Server.Close()
		})
	}
	t.Cleanup(g.stop)
	return g
}

// startFront has package front serve the connections.
func (g *gateway) startFront(t testing.TB, o front.Options) {
	o.Std = g.Server.Config
	if o.BodyGrace == 0 {
		o.MinBodyRate = 0
	}
	own := front.New(o)
	g.Server.URL = "http://" + g.Server.Listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- own.Serve(g.Server.Listener) }()
	transport := new(http.Transport)
	g.client = &http.Client{Transport: transport}
	g.stop = sync.OnceFunc(func() {
		transport.CloseIdleConnections()
		_ = own.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
}

// Close ends the gateway before the test does.
func (g *gateway) Close() { g.stop() }

// Client returns a client of the gateway.
func (g *gateway) Client() *http.Client {
	if g.client != nil {
		return g.client
	}
	return g.Server.Client()
}

// result is that of the next request that ends.
func (g *gateway) result(t testing.TB) forward.Result {
	t.Helper()
	select {
	case r := <-g.results:
		return r
	case <-time.After(patience):
		t.Fatal("no result")
		panic("unreachable")
	}
}

// deployment is a model server.
func deployment(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL + "/predict"
}

// echo is a deployment that answers with what it was sent.
func echo(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(b)
}

// rawDeployment handles each connection by itself; the handler closes it by
// returning.
func rawDeployment(t testing.TB, handle func(c *net.TCPConn)) string {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	var mu sync.Mutex
	open := make(map[*net.TCPConn]bool)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			conns.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		conns.Wait()
	})
	return "http://" + l.Addr().String() + "/predict"
}

// dial opens a raw connection to the gateway.
func (g *gateway) dial(t testing.TB) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// do sends a request and reads the whole answer.
func do(t testing.TB, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return res, string(b)
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// readHead reads a request's head from a connection, byte by byte so that what
// follows it is left there.
func readHead(c io.Reader) string {
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		var b [1]byte
		if _, err := c.Read(b[:]); err != nil {
			return ""
		}
		head = append(head, b[0])
	}
	return string(head)
}
