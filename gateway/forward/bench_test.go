package forward_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const prediction = `{"data": [[1, 0.25, 0.5, 0.75, "some feature", "another feature", 3.14159]], "more": "..."}`

// instant is a transport that answers at once, with what an allocation would be
// ours made beforehand.
type instant struct {
	header http.Header
	answer http.Response
	body   reader
}

type reader struct{ left int }

func (r *reader) Read(p []byte) (int, error) {
	n := min(len(p), r.left)
	r.left -= n
	if r.left == 0 {
		return n, io.EOF
	}
	return n, nil
}

func (r *reader) Close() error { return nil }

func (i *instant) RoundTrip(req *http.Request) (*http.Response, error) {
	var buf [512]byte
	if req.Body != nil {
		for {
			if _, err := req.Body.Read(buf[:]); err != nil {
				break
			}
		}
		_ = req.Body.Close()
	}
	i.body.left = 100
	i.answer = http.Response{StatusCode: 200, Header: i.header, Body: &i.body, ContentLength: 100, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	return &i.answer, nil
}

func (i *instant) CloseIdleConnections() {}

func newInstant() *instant {
	return &instant{header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {"100"}, "Date": {"now"}, "Server": {"model"}}}
}

// sink is a ResponseWriter that keeps nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header              { return s.header }
func (s *sink) WriteHeader(int)                  {}
func (s *sink) Write(p []byte) (int, error)      { return len(p), nil }
func (s *sink) FlushError() error                { return nil }
func (s *sink) EnableFullDuplex() error          { return nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// call is a request as a server gives it to handlers, made anew without
// allocating.
type call struct {
	r    *http.Request
	w    *sink
	body reader
}

func newCall(ctx context.Context) *call {
	c := &call{w: &sink{header: make(http.Header)}}
	c.r = (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/v1/x"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: &c.body, ContentLength: 200, Host: "gateway.example", RemoteAddr: "192.0.2.1:4711",
	}).WithContext(ctx)
	return c
}

var (
	inbound = [][]string{{"curl/8"}, {"*/*"}, {"application/json"}, {"200"}, {"key"}}
	names   = []string{"User-Agent", "Accept", "Content-Type", "Content-Length", "Authorization"}
)

func (c *call) reset() {
	clear(c.r.Header)
	for i, name := range names {
		c.r.Header[name] = inbound[i]
	}
	clear(c.w.header)
	c.body.left = 200
}

func instantGroup(t testing.TB) *deployments.Group {
	u, err := url.Parse("http://192.0.2.2:8001/predict")
	if err != nil {
		t.Fatal(err)
	}
	pool := deployments.NewPool(deployments.PoolOptions{
		Transport: func(deployments.Destination) deployments.Transport { return newInstant() },
	})
	t.Cleanup(pool.Close)
	return pool.Bind(&deployments.Version{URLs: []*url.URL{u}}, deployments.Use{})
}

// BenchmarkServeAlone is what the forwarder itself costs, without sockets.
func BenchmarkServeAlone(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("forward", func(b *testing.B) {
		f, a, c := forward.New(forward.Options{}), forward.Attempt{Group: instantGroup(b)}, newCall(ctx)
		b.ReportAllocs()
		for b.Loop() {
			c.reset()
			a.RequestID = forward.RequestID(c.r)
			if result := f.Serve(c.w, c.r, a); result.ResponseBytes != 100 {
				b.Fatalf("%+v", result)
			}
		}
	})
	b.Run("ReverseProxy", func(b *testing.B) {
		proxy, c := reverseProxy(newInstant(), "http://192.0.2.2:8001/predict"), newCall(ctx)
		b.ReportAllocs()
		for b.Loop() {
			c.reset()
			proxy.ServeHTTP(c.w, c.r)
		}
	})
}

func reverseProxy(rt http.RoundTripper, to string) *httputil.ReverseProxy {
	u, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{Transport: rt, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.Path, r.Out.Host = u.Scheme, u.Host, u.Path, ""
		r.SetXForwarded()
	}}
}

// BenchmarkServe is a request through sockets, with caller, gateway and
// deployment in this process.
func BenchmarkServe(b *testing.B) {
	to := deployment(b, echo)
	for _, e := range []testbed.Engines{{}, {Upstream: true}, {Front: true, Upstream: true}} {
		b.Run(fmt.Sprintf("forward/front=%v,upstream=%v", e.Front, e.Upstream), func(b *testing.B) {
			running = e
			g := setup{silent: true}.start(b, to)
			running = testbed.Engines{}
			predict(b, g.Client(), g.URL+"/v1/x")
		})
	}
	b.Run("ReverseProxy", func(b *testing.B) {
		transport := deployments.NewTransport(deployments.TransportOptions{})
		defer transport.CloseIdleConnections()
		s := httptest.NewServer(reverseProxy(transport, to))
		defer s.Close()
		predict(b, s.Client(), s.URL+"/v1/x")
	})
}

func predict(b *testing.B, c *http.Client, url string) {
	b.ReportAllocs()
	for b.Loop() {
		res, err := c.Do(request(b, http.MethodPost, url, strings.NewReader(prediction)))
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != int64(len(prediction)) {
			b.Fatal(n, err)
		}
		res.Body.Close()
	}
}

// TestAllocations holds the forwarder to what a plain request costs it: two for
// the identity; the attempt and the request as sent; three for watching a context
// of net/http (see lifetime). One more is the test's transport's.
func TestAllocations(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, a, c := forward.New(forward.Options{}), forward.Attempt{Group: instantGroup(t)}, newCall(ctx)
	if raceDetector {
		t.Skip("the race detector makes pools forget")
	}
	n := testbed.Allocs(1000, func() {
		c.reset()
		a.RequestID = forward.RequestID(c.r)
		f.Serve(c.w, c.r, a)
	})
	if n > 8 {
		t.Errorf("%v allocations", n)
	}
}
