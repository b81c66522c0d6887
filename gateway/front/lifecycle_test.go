//go:build linux

package front_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/front"
)

// hello answers each request shortly, as "fast" or "std".
func hello(w http.ResponseWriter, r *http.Request) {
	lane := "std"
	if isFast(r) {
		lane = "fast"
	}
	io.WriteString(w, lane)
}

// readAnswer reads one answer of a known end.
func readAnswer(tb testing.TB, c net.Conn, end string) string {
	tb.Helper()
	var out strings.Builder
	for buf := make([]byte, 4096); !strings.HasSuffix(out.String(), end); {
		n, err := c.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			tb.Fatalf("after %q: %v", out.String(), err)
		}
	}
	return out.String()
}

// closedBy reads until the server closes.
func closedBy(tb testing.TB, c net.Conn) {
	tb.Helper()
	if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
		tb.Fatal("the server has not closed")
	}
}

// TestH10SlowHeadIsClosed: a head that does not come, stops, or trickles, as the first of a connection or a later one, ends
// with the head timeout; the idle timeout is another. Each is short where the other is an hour, so that an end tells which it was.
func TestH10SlowHeadIsClosed(t *testing.T) {
	for lane := range lanes {
		t.Run(lane, func(t *testing.T) { t.Parallel(); testSlowHead(t, lane) })
	}
}

func testSlowHead(t *testing.T, lane string) {
	t.Helper()
	const short = 200 * time.Millisecond
	head := lanes[lane](t, &http.Server{Handler: http.HandlerFunc(hello), ReadHeaderTimeout: short, IdleTimeout: time.Hour})
	idle := lanes[lane](t, &http.Server{Handler: http.HandlerFunc(hello), ReadHeaderTimeout: time.Hour, IdleTimeout: short})
	for name, in := range map[string]string{"nothing": "", "four bytes": "GET ", "half a head": "GET / HTTP/1.1\r\nHost: a\r\n"} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " first ", first), func(t *testing.T) {
				t.Parallel()
				s := head
				if !first && in == "" {
					s = idle
				}
				begin := time.Now()
				c := s.dial(t)
				for !first && !answers(c) { // a client that is held up meets the head timeout before it has sent anything
					begin = time.Now()
					c = s.dial(t)
				}
				io.WriteString(c, in)
				closedBy(t, c)
				if took := time.Since(begin); took < short*9/10 {
					t.Errorf("closed after %v, want %v", took, short)
				}
			})
		}
	}
	t.Run("trickle", func(t *testing.T) {
		t.Parallel()
		c := head.dial(t)
		go func() {
			for {
				if _, err := io.WriteString(c, "A"); err != nil {
					return
				}
				<-time.After(10 * time.Millisecond)
			}
		}()
		closedBy(t, c)
	})
}

// answers sends a request and reads its answer, the word of a lane, unless the connection ends.
func answers(c net.Conn) bool {
	io.WriteString(c, fmt.Sprintf(get, "/"))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close()) == nil
}

// TestTimeoutsSpareRequests: a handler and a body that take longer than both timeouts are not disturbed. The connection never
// waits for a head: the first is there before it is accepted, and the second comes with the end of the first request.
func TestTimeoutsSpareRequests(t *testing.T) {
	t.Parallel()
	const short = time.Second
	s := front.New(front.Options{Std: &http.Server{ReadHeaderTimeout: short, IdleTimeout: short, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			<-time.After(2 * short)
			fmt.Fprint(w, string(b), err, r.Context().Err(), "|")
		})}})
	l := listen(t)
	c := (&running{addr: l.Addr().String()}).dial(t)
	head, rest := strings.CutSuffix(fmt.Sprintf(post, "/"), "llo")
	if !rest {
		t.Fatal("a request without its end")
	}
	io.WriteString(c, head)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	for _, more := range []string{"llo" + head, "llo"} {
		<-time.After(2 * short)
		io.WriteString(c, more)
		if got := readAnswer(t, c, "|"); !strings.HasSuffix(got, "hello<nil> <nil>|") {
			t.Errorf("%q", got)
		}
	}
	s.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve: %v", err)
	}
}

// TestByteByByte: a request may come in any pieces.
func TestByteByByte(t *testing.T) {
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(hello)})
	c := s.dial(t)
	for _, b := range []byte(fmt.Sprintf(post, "/") + fmt.Sprintf(get, "/") + last) {
		c.Write([]byte{b})
	}
	out, err := io.ReadAll(c)
	if got := strings.Join(contents(string(out)), " "); got != "fast fast fast" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

// TestBareLFIsAnsweredAtOnce: a head that is complete for net/http only must not wait for the head timeout.
func TestBareLFIsAnsweredAtOnce(t *testing.T) {
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(hello), ReadHeaderTimeout: time.Hour})
	for _, in := range []string{"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\n", "NONSENSE\r\n", "\x16\x03\x01\r\n"} {
		c := s.dial(t)
		io.WriteString(c, in)
		buf := make([]byte, 512)
		if n, err := c.Read(buf); err != nil || n == 0 {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// TestW05Shutdown: idle connections close at once, requests in flight in both lanes end whole and say that the connection
// closes, fresh connections still get their first requests answered, in either lane, and Shutdown waits for them all.
func TestW05Shutdown(t *testing.T) {
	entered, leave := make(chan struct{}, 2), make(chan struct{}) // two requests
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		hello(w, r)
	})}
	stopping := make(chan struct{}, 2) // Shutdown is called twice
	server.RegisterOnShutdown(func() { stopping <- struct{}{} })
	s := startFront(t, server)
	fresh, unusual := s.dial(t), s.dial(t) // before the others, so that they have been accepted when those are served
	idle, fast, std := s.dial(t), s.dial(t), s.dial(t)
	io.WriteString(idle, fmt.Sprintf(get, "/"))
	readAnswer(t, idle, "fast")
	io.WriteString(fast, fmt.Sprintf(get, "/slow"))
	io.WriteString(std, "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	<-entered
	<-entered
	down := make(chan error, 1) // the one result
	go func() { down <- s.Shutdown(context.Background()) }()
	closedBy(t, idle)
	eventually(t, func() bool { return !listens(t, s.addr) })
	io.WriteString(fresh, fmt.Sprintf(get, "/"))
	if out, _ := io.ReadAll(fresh); !strings.Contains(string(out), "Connection: close") || !strings.HasSuffix(string(out), "fast") {
		t.Errorf("fresh connection: %q", out)
	}
	for _, part := range []string{"POST /%20 HT", "TP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		io.WriteString(unusual, part)
	}
	if out, _ := io.ReadAll(unusual); !strings.Contains(string(out), "Connection: close") || !strings.HasSuffix(string(out), "std") {
		t.Errorf("fresh connection that is handed over: %q", out)
	}
	select {
	case err := <-down:
		t.Errorf("Shutdown has not waited: %v", err)
	default:
	}
	<-stopping // the std server too
	close(leave)
	for lane, c := range map[string]net.Conn{"fast": fast, "std": std} {
		out, err := io.ReadAll(c)
		if !strings.Contains(string(out), "Connection: close") || !strings.HasSuffix(string(out), lane) || err != nil {
			t.Errorf("%s: %q %v", lane, out, err)
		}
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if err := s.Serve(listen(t)); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve afterwards: %v", err)
	}
}

// listens tells whether somebody takes connections at an address.
func listens(tb testing.TB, address string) bool {
	c, err := dialer.DialContext(tb.Context(), "tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// slowToHand is a listener that has accepted a connection, but not handed it over until it may.
type slowToHand struct {
	net.Listener
	accepted chan struct{} // capacity 1: for the first
	may      chan struct{}
}

func (l slowToHand) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- struct{}{}
		<-l.may
	}
	return c, err
}

// TestW05WhatWasAcceptedIsServed: a connection that was accepted just before Shutdown closed the listener is not known to
// the server yet; its caller is answered all the same, and Shutdown waits for that.
func TestW05WhatWasAcceptedIsServed(t *testing.T) {
	s := front.New(front.Options{Std: &http.Server{Handler: http.HandlerFunc(hello)}})
	l := slowToHand{Listener: listen(t), accepted: make(chan struct{}, 1), may: make(chan struct{})}
	served, down := make(chan error, 1), make(chan error, 1) // one result each
	go func() { served <- s.Serve(l) }()
	c, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, fmt.Sprintf(get, "/"))
	<-l.accepted
	go func() { down <- s.Shutdown(context.Background()) }()
	eventually(t, func() bool { return !listens(t, l.Addr().String()) })
	select {
	case err := <-down:
		t.Errorf("Shutdown has not waited: %v", err)
	default:
	}
	close(l.may)
	if out, err := io.ReadAll(c); !strings.Contains(string(out), "Connection: close") || !strings.HasSuffix(string(out), "fast") {
		t.Errorf("got %q, %v", out, err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve: %v", err)
	}
}

// TestShutdownGivesUp with its context; Close then ends what is left and cancels its requests.
func TestShutdownGivesUp(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		ended <- r.Context().Err()
	})})
	c := s.dial(t)
	io.WriteString(c, fmt.Sprintf(get, "/"))
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	s.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	closedBy(t, c)
}

// TestH11LongHeads: a head beyond the fast lane's limit is judged by net/http's, also when that is the smaller one.
func TestH11LongHeads(t *testing.T) {
	for _, limit := range []int{0, 1000, 20_000} {
		ours := startFront(t, &http.Server{Handler: http.HandlerFunc(tell), MaxHeaderBytes: limit},
			func(o *front.Options) { o.MaxHead = 8 << 10 })
		guarded := startGuarded(t, &http.Server{Handler: http.HandlerFunc(tell), MaxHeaderBytes: limit})
		theirs := startStd(t, &http.Server{Handler: http.HandlerFunc(tell), MaxHeaderBytes: limit})
		for _, size := range []int{900, 3000, 7000, 9000, 30_000} {
			in := padded(size) + last
			want := normal(exchange(t, theirs, in, patience))
			for _, s := range []*running{ours, guarded} {
				if diff := cmp.Diff(want, normal(exchange(t, s, in, patience))); diff != "" {
					t.Errorf("limit %d, head of %d bytes: net/http (-), front (+):\n%s", limit, size, diff)
				}
			}
		}
	}
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(hello)}, func(o *front.Options) { o.MaxHead = 8 << 10 })
	if got := contents(exchange(t, s, padded(7000)+last, patience)); got[0] != "fast" {
		t.Errorf("7000 of 8192 bytes: %s", got[0])
	}
}

// TestWholeRequestTimeoutsNeedStd: with ReadTimeout or WriteTimeout there is no fast lane.
func TestWholeRequestTimeoutsNeedStd(t *testing.T) {
	for _, std := range []*http.Server{{ReadTimeout: time.Minute}, {WriteTimeout: time.Minute}} {
		std.Handler = http.HandlerFunc(hello)
		if got := exchange(t, startFront(t, std), last, patience); !strings.HasSuffix(got, "std") {
			t.Errorf("%q", got)
		}
	}
}

// TestH14NothingIsLeftBehind: after a thousand connections that each end in one of the ways a connection can end, there are
// as many goroutines and file descriptors as before, and a panic has hit its own connection only.
func TestH14NothingIsLeftBehind(t *testing.T) {
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("a bug")
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/hang":
			<-r.Context().Done()
		case "/early":
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		hello(w, r)
	})})
	ends := []func(*net.TCPConn){
		func(c *net.TCPConn) { io.WriteString(c, fmt.Sprintf(get, "/hang")); c.SetLinger(0) },
		func(c *net.TCPConn) { io.WriteString(c, fmt.Sprintf(post, "/hang")) },
		func(c *net.TCPConn) { io.WriteString(c, fmt.Sprintf(get, "/panic")); io.ReadAll(c) },
		func(c *net.TCPConn) { io.WriteString(c, fmt.Sprintf(get, "/abort")); io.ReadAll(c) },
		func(c *net.TCPConn) {
			io.WriteString(c, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\nx")
			readAnswer(t, c, "fast")
		},
		func(c *net.TCPConn) {
			io.WriteString(c, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n\r\nx")
			readAnswer(t, c, "fast")
		},
		func(c *net.TCPConn) {
			io.WriteString(c, fmt.Sprintf(get, "/")+"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
			readAnswer(t, c, "std")
		},
		func(c *net.TCPConn) { io.WriteString(c, "BREW / HTTP/1.0\r\nContent-Length: x\r\n\r\n"); io.ReadAll(c) },
		func(c *net.TCPConn) { io.WriteString(c, "GET / HT") },
		func(c *net.TCPConn) { io.WriteString(c, fmt.Sprintf(get, "/")); readAnswer(t, c, "fast") },
	}
	round := func(n int) {
		for i := range n {
			c := s.dial(t)
			ends[i%len(ends)](c)
			c.Close()
		}
	}
	round(len(ends))
	eventually(t, func() bool { return runtime.NumGoroutine() < 20 })
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	round(1000)
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files })
	if got := strings.Count(s.log.String(), "panic serving"); got != 101 {
		t.Errorf("%d panics logged, want 101", got)
	}
}

func openFiles(tb testing.TB) int {
	tb.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Skip("no /proc")
	}
	return len(all)
}
