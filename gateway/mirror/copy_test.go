package mirror_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// A server that closes a kept connection when the next request is on it: clients
// are fond of sending that request again.
func TestM09AtMostOneCopy(t *testing.T) {
	for client, over := range clients() {
		t.Run(client, func(t *testing.T) { atMostOneCopy(t, over) })
	}
}

func atMostOneCopy(t *testing.T, over deployments.PoolOptions) {
	t.Helper()
	for _, tt := range []struct{ method, body, key string }{
		{method: "GET"},
		{method: "HEAD"},
		{method: "OPTIONS"},
		{method: "DELETE"},
		{method: "PUT"},
		{method: "POST"},
		{method: "GET", body: "b"},
		{method: "POST", body: "b"},
		{method: "PUT", body: strings.Repeat("b", 100_000)},
		{method: "POST", body: "b", key: "Idempotency-Key"},
		{method: "POST", key: "idempotency-key"},
		{method: "POST", key: "Idempotency-Key"},
		{method: "PUT", key: "X-Idempotency-Key"},
	} {
		t.Run(fmt.Sprintf("%s %d %s", tt.method, len(tt.body), tt.key), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			got, broken := map[string]int{}, 0
			url := listen(t, func(_ context.Context, conn net.Conn) {
				in := bufio.NewReader(conn)
				for i := 0; ; i++ {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					mu.Lock()
					got[req.Header.Get("X-Request-Id")]++
					broken += i
					mu.Unlock()
					if i == 1 {
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				}
			})
			f := newFixtureOver(t, mirror.Options{Workers: 1}, over)
			m := f.mirror(url)
			anyBroken := func() bool {
				mu.Lock()
				defer mu.Unlock()
				return broken > 0
			}
			// Now and then a connection is not kept, where what was sent took long to be accounted for.
			n := 0
			for ; n < 6 || n < 100 && !anyBroken(); n++ {
				r := newRequest(t, tt.method, "/x", strings.NewReader(tt.body))
				r.Header["X-Request-Id"] = []string{strconv.Itoa(n)}
				if tt.key != "" {
					r.Header[tt.key] = []string{"k"}
				}
				c := f.NewCapture(int64(len(tt.body)))
				f.offer(c, r, m)
				_, _ = io.Copy(io.Discard, c.Wrap(r.Body))
				c.Finish()
				f.wait(n + 1)
			}
			mu.Lock()
			defer mu.Unlock()
			for id, k := range got {
				if k != 1 {
					t.Errorf("the mirror got request %s %d times", id, k)
				}
			}
			resets := count(f.wait(n))[result{record.Error, record.Reset, 0}]
			if len(got) != n || resets != broken || broken == 0 {
				t.Errorf("%d requests arrived and %d were reset, of %d, upon %d broken connections", len(got), resets, n, broken)
			}
		})
	}
}

func TestM10AHungMirrorTakesNothingFromAnother(t *testing.T) {
	over := make(chan struct{})
	url := listen(t, func(ctx context.Context, _ net.Conn) {
		select {
		case <-over:
		case <-ctx.Done():
		}
	})
	f := newFixture(t, mirror.Options{Workers: 2, Queue: 8, Budget: 1 << 20})
	hung, well := f.mirror(url), f.mirror(answering(t).URL)
	const n = 100
	for i := range n {
		f.send("POST", "/x", "body", hung, well)
		testbed.Eventually(t, "the other mirror has its copy", func() bool { return well.queue.Counts().Sent == int64(i+1) })
	}
	if s := hung.queue.State(); s.Sending != 2 {
		t.Errorf("the mirror does not hang: %+v", s)
	}
	close(over)
	for r, k := range count(f.wait(2 * n)) {
		switch r {
		case result{record.OK, record.None, 200}:
			if k != n {
				t.Errorf("%d of %d copies to the other mirror", k, n)
			}
		case result{record.Error, record.Reset, 0}, result{record.Dropped, record.QueueFull, 0}, result{record.Dropped, record.BreakerOpen, 0}:
		default:
			t.Errorf("%d copies ended %+v", k, r)
		}
	}
}

func TestM12NoGoroutineIsLeft(t *testing.T) { // TestMain counts them
	f := newFixtureOver(t, mirror.Options{Idle: time.Millisecond}, deployments.PoolOptions{})
	m := f.mirror(answering(t).URL)
	refused := f.mirror("http://127.0.0.1:1")
	for i := range 300 {
		body := strings.Repeat("b", i*10)
		r := newRequest(t, http.MethodPost, "/x", strings.NewReader(body))
		c := f.NewCapture(r.ContentLength)
		f.offer(c, r, m, refused)
		live := c.Wrap(r.Body)
		_, _ = io.CopyN(io.Discard, live, int64(i*10*(i%3)/2)) // some whole, some not
		live.Close()
		c.Finish()
	}
	f.wait(600)
	testbed.Eventually(t, "idle workers end", func() bool { return m.queue.State() == mirror.State{} })
}

func TestM15EveryOfferHasOneRecordAndOneCount(t *testing.T) { // the fixture compares them
	gate := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate }))
	defer s.Close()
	f := newFixture(t, mirror.Options{Workers: 2, Queue: 4, Budget: 64 << 10, MaxBody: 20 << 10, BreakerFailures: 3, Timeout: 5 * time.Second})
	slow, dead := f.mirror(s.URL), f.mirror("http://127.0.0.1:1")
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			r := newRequest(t, http.MethodPost, "/x", strings.NewReader(strings.Repeat("b", 1+i*150)))
			c := f.NewCapture(r.ContentLength)
			defer c.Finish()
			switch i % 10 {
			case 0:
				f.mu.Lock()
				f.offered[slow.queue]++
				f.mu.Unlock()
				slow.queue.SampledOut()
				f.offer(c, r, dead)
			case 1:
				f.mu.Lock()
				f.offered[slow.queue]++
				f.mu.Unlock()
				slow.queue.Drop(&record.Record{Backend: slow.name}, record.Loop)
			case 2:
				f.offer(c, r, slow, dead)
			case 3:
				f.offer(c, r, slow, dead)
				live := c.Wrap(r.Body)
				_, _ = live.Read(make([]byte, 1))
			default:
				f.offer(c, r, slow, dead)
				_, _ = io.Copy(io.Discard, c.Wrap(r.Body))
			}
		})
	}
	wg.Wait()
	close(gate)
	f.wait(200/10*18 - 0)
}

func TestM15SettlesWhileARecordSinkPanics(t *testing.T) {
	var panics int
	var mu sync.Mutex
	q := make(chan struct{}, 10)
	e := mirror.NewEngine(mirror.Options{
		Done: func(*mirror.Copy) { panic("a bug in whoever keeps records") },
		Panicked: func(v any, stack []byte) {
			mu.Lock()
			defer mu.Unlock()
			if panics++; v == nil || len(stack) == 0 {
				t.Error("nothing is said about the panic")
			}
			q <- struct{}{}
		},
	})
	f := &fixture{t: t, Engine: e, pool: deployments.NewPool(deployments.PoolOptions{}), offered: map[*mirror.Queue]int64{}}
	m := f.mirror(answering(t).URL)
	f.send("POST", "/x", "b", m)
	c := f.NewCapture(5)
	f.offer(c, newRequest(t, http.MethodPost, "/x", nil), m)
	c.Finish()
	<-q
	<-q
	ctx, cancel := context.WithTimeout(t.Context(), testbed.Patience)
	defer cancel()
	if err := e.Drain(ctx); err != nil {
		t.Error(err)
	}
	f.pool.Close()
	if n := e.Captured(); n != 0 {
		t.Errorf("%d bytes are captured", n)
	}
}

func TestM21DrainWaitsForCopies(t *testing.T) {
	gate := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate }))
	defer s.Close()
	f := newFixture(t, mirror.Options{Workers: 2})
	m := f.mirror(s.URL)
	for range 10 {
		f.send("POST", "/x", "body", m)
	}
	// A body that is being captured is waited for as well.
	r := newRequest(t, http.MethodPost, "/x", strings.NewReader("late"))
	c := f.NewCapture(4)
	f.offer(c, r, m)
	live := c.Wrap(r.Body)

	drained := make(chan error, 1)
	go func() { drained <- f.Drain(t.Context()) }()
	testbed.Eventually(t, "draining", func() bool {
		c := f.NewCapture(0)
		f.offer(c, newRequest(t, http.MethodGet, "/x", nil), m)
		c.Wrap(nil)
		return m.queue.Counts().Dropped[record.Shutdown] > 0
	})
	select {
	case err := <-drained:
		t.Errorf("Drain returned with copies on their way: %v", err)
	default:
	}
	_, _ = io.Copy(io.Discard, live)
	c.Finish()
	close(gate)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if n := count(f.wait(12))[result{record.OK, record.None, 200}]; n < 11 {
		t.Errorf("%d copies were sent, want at least 11", n)
	}
}

func TestM21DrainCutsOffWhatTakesTooLong(t *testing.T) {
	url := listen(t, func(ctx context.Context, _ net.Conn) { <-ctx.Done() })
	f := newFixture(t, mirror.Options{Workers: 2, Timeout: time.Hour})
	m := f.mirror(url)
	for range 10 {
		f.send("POST", "/x", "body", m)
	}
	testbed.Eventually(t, "two are being sent", func() bool { return m.queue.State().Sending == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Drain(ctx); err == nil || !strings.Contains(err.Error(), "10 copies") {
		t.Errorf("Drain: %v, want an error about 10 copies", err)
	}
	want := map[result]int{{record.Dropped, record.Shutdown, 0}: 10} // at once: a copy has an hour
	if diff := cmp.Diff(want, count(f.wait(10))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestM21ACaptureAfterTheEndIsRecorded(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	r := newRequest(t, http.MethodPost, "/x", strings.NewReader("never read"))
	c := f.NewCapture(10)
	f.offer(c, r, f.mirror("http://127.0.0.1:1"))
	c.Wrap(r.Body)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Drain(ctx); err == nil {
		t.Error("Drain does not tell of the open copy")
	}
	c.Finish() // the handler ends at last
	if rec := f.wait(1)[0]; rec.ErrorKind != record.Shutdown {
		t.Errorf("record %+v", rec)
	}
}

func TestACopyWithoutAReplicaIsDropped(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	m := f.mirror("http://127.0.0.1:1")
	m.group = f.pool.Bind(&deployments.Version{}, deployments.Use{Endpoint: "e", Mirror: "none"})
	f.send("GET", "/x", "", m)
	if rec := f.wait(1)[0]; rec.Outcome != record.Dropped || rec.ErrorKind != record.Connect || rec.Error == "" {
		t.Errorf("record %+v", rec)
	}
}

func TestAPathThatClimbsIsNotSent(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	url, got := hashing(t)
	m := f.mirror(url + "/models/a")
	for i, rest := range []string{"/../b", "/%2e%2e/b", "/x%2f..%2fb", `/x\..\b`, "/..;a/b", "/.", "/%zz", "x"} {
		c := f.NewCapture(0)
		f.offered[m.queue]++
		copied := c.Offer(m.queue, &record.Record{Backend: m.name})
		copied.Method, copied.Path, copied.Group = "GET", rest, m.group
		c.Wrap(nil)
		if rec := f.wait(i + 1)[i]; rec.ErrorKind != record.BadRequest {
			t.Errorf("%s: %+v", rest, rec)
		}
	}
	if got(0) != (received{}) {
		t.Errorf("the mirror got %+v", got(0))
	}
}

// Each panic costs a stack trace and a line of the log: a transport that panics
// again and again is left alone like a mirror that fails.
func TestM02PanicsOpenTheBreaker(t *testing.T) {
	f := newFixtureOver(t, mirror.Options{BreakerFailures: 5, BreakerMin: time.Hour}, transport(func(*http.Request) (*http.Response, error) {
		panic("a bug")
	}).over())
	m := f.mirror("http://mirror.invalid")
	for i := range 20 {
		f.send(http.MethodGet, "/", "", m)
		f.wait(i + 1)
	}
	want := map[result]int{{record.Error, record.Panic, 0}: 5, {record.Dropped, record.BreakerOpen, 0}: 15}
	if diff := cmp.Diff(want, count(f.wait(20))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
