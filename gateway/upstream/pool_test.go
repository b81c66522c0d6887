package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// holding answers each request when told to.
func holding(entered chan<- struct{}, release <-chan struct{}) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		for readRequest(r) == nil {
			entered <- struct{}{}
			<-release
			_, _ = io.WriteString(c, small)
		}
	}
}

func TestMaxConnsHoldsAndWaitersAreServed(t *testing.T) {
	const limit, requests = 3, 40
	entered, release := make(chan struct{}, requests), make(chan struct{})
	rep := newReplica(t, holding(entered, release))
	p := newPool(t, rep.addr, upstream.Options{MaxConns: limit})
	var wg sync.WaitGroup
	for i := range requests {
		req := post(t, rep.addr, "{}")
		req.Close = i%5 == 0 // some give up their place instead of passing on the connection
		wg.Go(func() {
			if _, body, err := ask(p, req); err != nil || body != "ok" {
				t.Errorf("got %q, %v", body, err)
			}
		})
	}
	for range limit {
		<-entered
	}
	eventually(t, "the others to wait", func() bool { return p.Stats().Waiting == requests-limit })
	if s := p.Stats(); s.Open != limit {
		t.Errorf("%+v", s)
	}
	close(release)
	wg.Wait()
	if s := p.Stats(); s.Open > limit || s.Waiting != 0 || s.Open != s.Idle {
		t.Errorf("%+v", s)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	rep := newReplica(t, holding(entered, release))
	p := newPool(t, rep.addr, upstream.Options{MaxConns: 1})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := ask(p, post(t, rep.addr, "{}")); err != nil {
			t.Error(err)
		}
	})
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, _, err := ask(p, newRequest(t, ctx, http.MethodPost, rep.addr, nil))
	if e := wantKind(t, err, upstream.KindTimeout); e.Sent {
		t.Error("Sent is true")
	}
	if s := p.Stats(); s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
	close(release)
	wg.Wait()
	if _, _, err := ask(p, post(t, rep.addr, "{}")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A place whose dial failed goes to who waits.
func TestFailedDialGivesUpItsPlace(t *testing.T) {
	refused := errors.New("refused")
	p := newPool(t, "replica:1", upstream.Options{MaxConns: 1, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, refused }})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, _, err := ask(p, post(t, "replica:1", "{}"))
			if !errors.Is(err, refused) {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); s.Open != 0 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// pipes dials connections in memory, so that time can be faked.
func pipes(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			always(small)(0, server, bufio.NewReader(server))
		}()
		t.Cleanup(func() { server.Close() })
		return client, nil
	}
}

// pass lets fake time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestIdleConnectionsTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := upstream.New("replica:1", upstream.Options{IdleTimeout: time.Minute, Dial: pipes(t)})
		var wg sync.WaitGroup
		var open [3]*http.Response
		for i := range open {
			wg.Go(func() {
				var err error
				if open[i], err = p.RoundTrip(post(t, "replica:1", "{}")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, resp := range open {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			pass(20 * time.Second)
		}
		// Idle since 60, 40 and 20 s.
		synctest.Wait()
		if s := p.Stats(); s.Idle != 2 || s.Open != 2 {
			t.Errorf("%+v, want 2 idle", s)
		}
		pass(20 * time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Idle != 1 || s.Open != 1 {
			t.Errorf("%+v, want 1 idle", s)
		}
		if _, _, err := ask(p, post(t, "replica:1", "{}")); err != nil { // its time begins anew
			t.Error(err)
		}
		pass(59 * time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Idle != 1 || s.Dialed != 3 {
			t.Errorf("%+v, want 1 idle", s)
		}
		pass(time.Second)
		synctest.Wait()
		if s := p.Stats(); s.Open != 0 {
			t.Errorf("%+v, want none", s)
		}
	})
}

func TestMaxIdleHolds(t *testing.T) {
	for limit, want := range map[int]int{-1: 0, 2: 2} {
		entered, release := make(chan struct{}, 5), make(chan struct{})
		rep := newReplica(t, holding(entered, release))
		p := newPool(t, rep.addr, upstream.Options{MaxIdle: limit})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, _, err := ask(p, post(t, rep.addr, "{}")); err != nil {
					t.Error(err)
				}
			})
		}
		for range 5 {
			<-entered
		}
		close(release)
		wg.Wait()
		if s := p.Stats(); s.Idle != want || s.Open != want {
			t.Errorf("%+v, want %d idle", s, want)
		}
	}
}

// A pool whose replica is gone from the snapshot is closed once; what is in use then goes when it is done.
func TestCloseIdleConnectionsClosesThoseInUseLater(t *testing.T) {
	rep := newReplica(t, always(small))
	p := newPool(t, rep.addr, upstream.Options{})
	resp, err := p.RoundTrip(post(t, rep.addr, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	p.CloseIdleConnections()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "ok" {
		t.Errorf("got %q, %v", b, err)
	}
	resp.Body.Close()
	if s := p.Stats(); s.Open != 0 {
		t.Errorf("%+v", s)
	}
	if _, _, err := ask(p, post(t, rep.addr, "{}")); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Idle != 1 {
		t.Errorf("%+v", s)
	}
}

// The rest of a body that is here already costs no connection; one that is not does.
func TestCloseBeforeTheEnd(t *testing.T) {
	for answer, kept := range map[string]bool{
		small: true,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n": true,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n":          false,
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello":                          false,
	} {
		rep := newReplica(t, always(answer))
		p := newPool(t, rep.addr, upstream.Options{})
		resp, err := p.RoundTrip(post(t, rep.addr, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if s := p.Stats(); (s.Idle == 1) != kept || s.Open != s.Idle {
			t.Errorf("%q: %+v", answer, s)
		}
	}
}

// untimed is a context that tells of its deadline and has no timer for it.
type untimed struct {
	context.Context
	limit time.Time
}

func (c untimed) Deadline() (time.Time, bool) { return c.limit, true }

func (c untimed) Err() error {
	if time.Now().Before(c.limit) {
		return c.Context.Err()
	}
	return context.DeadlineExceeded
}

// A dialer that looks up a name waits for that until its context is done.
func TestADialEndsAtTheDeadlineOfAContextWithoutATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := upstream.New("a:80", upstream.Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		began := time.Now()
		_, err := p.RoundTrip(newRequest(t, untimed{t.Context(), began.Add(3 * time.Second)}, http.MethodGet, "a:80", nil))
		var failed *upstream.Error
		if took := time.Since(began); took != 3*time.Second || !errors.As(err, &failed) || failed.Kind != upstream.KindTimeout || failed.Sent {
			t.Errorf("it took %v: %v", took, err)
		}
		if s := p.Stats(); s.Open != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Many callers, some of whom leave, some replicas of bad manners: afterwards nothing is left over.
func TestNothingIsLeftOpen(t *testing.T) {
	fds := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	answers := []string{
		small, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"garbage\r\n\r\n", small + "x", "HTTP/1.1 204 No Content\r\n\r\n",
	}
	// The poller and the listener keep descriptors of their own.
	warm := newReplica(t, always(small))
	warmPool := newPool(t, warm.addr, upstream.Options{})
	if _, _, err := ask(warmPool, post(t, warm.addr, "")); err != nil {
		t.Fatal(err)
	}
	warmPool.CloseIdleConnections()
	var p *upstream.Pool
	before, goroutines := fds(), runtime.NumGoroutine()
	t.Run("load", func(t *testing.T) {
		rep := newReplica(t, func(n int, c net.Conn, r *bufio.Reader) {
			for i := n; readRequest(r) == nil; i++ {
				if _, err := io.WriteString(c, answers[i%len(answers)]); err != nil {
					return
				}
			}
		})
		p = newPool(t, rep.addr, upstream.Options{MaxConns: 16})
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				for j := range 30 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(i*j)%7)*time.Millisecond)
					body := io.Reader(strings.NewReader(strings.Repeat("a", i*j*50)))
					if j%3 == 0 {
						body = struct{ io.Reader }{body}
					}
					_, _, _ = ask(p, newRequest(t, ctx, http.MethodPost, rep.addr, body)) // any outcome will do
					cancel()
				}
			})
		}
		wg.Wait()
		p.CloseIdleConnections()
		if s := p.Stats(); s.Open != 0 || s.Idle != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
	eventually(t, "descriptors and goroutines to be as before", func() bool {
		return fds() <= before && runtime.NumGoroutine() <= goroutines
	})
}
