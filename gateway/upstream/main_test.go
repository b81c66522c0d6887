package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const patience = testbed.Patience // no test waits that long unless it fails

// replica is a TCP server whose every connection is served by serve, which gets the connection's number, from 0.
type replica struct {
	addr string

	mu    sync.Mutex
	conns []net.Conn
}

func newReplica(t testing.TB, serve func(n int, c net.Conn, r *bufio.Reader)) *replica {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rep := &replica{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			rep.mu.Lock()
			rep.conns = append(rep.conns, c)
			rep.mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(n, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		rep.mu.Lock()
		for _, c := range rep.conns {
			c.Close()
		}
		rep.mu.Unlock()
		wg.Wait()
	})
	return rep
}

// accepted is how many connections were made.
func (rep *replica) accepted() int {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	return len(rep.conns)
}

// always answers each request, having read it whole, with the same bytes.
func always(answer string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		for readRequest(r) == nil {
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// once answers the first request of each connection and closes it.
func once(answer string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		if readRequest(r) == nil {
			_, _ = io.WriteString(c, answer)
		}
	}
}

func readRequest(r *bufio.Reader) error {
	req, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

func newPool(t testing.TB, addr string, opt upstream.Options) *upstream.Pool {
	t.Helper()
	p := upstream.New(addr, opt)
	t.Cleanup(p.CloseIdleConnections)
	return p
}

func newRequest(t testing.TB, ctx context.Context, method, addr string, body io.Reader) *http.Request { //nolint:revive // t first, as in all helpers
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/predict?a=1", body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// ask sends a request and returns status and body of the answer, or the error of either.
func ask(rt http.RoundTripper, req *http.Request) (int, string, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func post(t testing.TB, addr, body string) *http.Request {
	t.Helper()
	return newRequest(t, t.Context(), http.MethodPost, addr, strings.NewReader(body))
}

func get(t testing.TB, addr string) *http.Request {
	t.Helper()
	return newRequest(t, t.Context(), http.MethodGet, addr, nil)
}

// wantKind fails the test unless err is an *upstream.Error of that kind.
func wantKind(t testing.TB, err error, kind upstream.Kind) *upstream.Error {
	t.Helper()
	var e *upstream.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v of type %T, want an *upstream.Error", err, err)
	}
	if e.Kind != kind {
		t.Fatalf("got kind %v (%v), want %v", e.Kind, err, kind)
	}
	return e
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}
