//go:build linux

package front_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/front"
)

// ways in which a client goes away.
var departures = map[string]func(*net.TCPConn){
	"close":      func(c *net.TCPConn) { c.Close() },
	"reset":      func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
	"half-close": func(c *net.TCPConn) { c.CloseWrite() },
}

// TestH08ClientGoneCancelsRequest: in each way, for requests with and without a body, read or not, the context is canceled
// and the Hangup called. The requirement is 100 ms; the limit here leaves room for a loaded machine.
func TestH08ClientGoneCancelsRequest(t *testing.T) {
	entered := make(chan struct{}, 1) // one request at a time
	canceled := make(chan error, 2)   // its context and its hook
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			io.Copy(io.Discard, r.Body)
		}
		hook := make(chan struct{})
		front.HangupOf(r.Context()).Set(func() { close(hook) })
		derived, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		entered <- struct{}{}
		<-derived.Done()
		canceled <- errors.Join(differs(derived.Err(), context.Canceled), differs(r.Context().Err(), context.Canceled))
		<-hook
		canceled <- differs(front.HangupOf(derived).Clear(), false)
	})})
	for way, leave := range departures {
		for name, in := range map[string]string{
			"GET": fmt.Sprintf(get, "/"), "POST read": fmt.Sprintf(post, "/read"), "POST unread": fmt.Sprintf(post, "/"),
			"POST half sent": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello",
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				c := s.dial(t)
				io.WriteString(c, in)
				<-entered
				begin := time.Now()
				leave(c)
				for range 2 {
					if err := <-canceled; err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(begin); took > patience {
					t.Errorf("canceled after %v", took)
				}
			})
		}
	}
}

func differs[T comparable](got, want T) error {
	if got != want {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

// TestH08GoneBeforeTheHandlerAsks: a client that left before Done was asked for, and one whose next request is in the buffer.
func TestH08GoneBeforeTheHandlerAsks(t *testing.T) {
	states := make(chan error, 2) // two requests
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil { // Err tells without Done
			runtime.Gosched()
		}
		fired := false
		front.HangupOf(r.Context()).Set(func() { fired = true })
		<-r.Context().Done()
		states <- differs(fired, true)
	})})
	c := s.dial(t)
	io.WriteString(c, fmt.Sprintf(get, "/")+fmt.Sprintf(get, "/"))
	c.CloseWrite()
	for range 2 {
		if err := <-states; err != nil {
			t.Error(err)
		}
	}
	out, err := io.ReadAll(c)
	if n := strings.Count(string(out), "200 OK"); n != 2 || err != nil {
		t.Errorf("%d answers, %v", n, err)
	}
}

// TestContextEndsWithHandler: what was derived from a request's context ends with the request, and the next request on the
// connection starts with a context that has not ended.
func TestContextEndsWithHandler(t *testing.T) {
	ended := make(chan error, 8) // more than the requests
	var handlerDone atomic.Int32
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.Context().Err(); err != nil {
			ended <- err
			return
		}
		n := handlerDone.Load()
		derived, cancel := context.WithCancel(r.Context())
		context.AfterFunc(derived, func() {
			cancel()
			ended <- differs(handlerDone.Load() > n, true)
		})
		handlerDone.Add(1)
	})})
	c := s.dial(t)
	for range 3 {
		io.WriteString(c, fmt.Sprintf(get, "/"))
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

// TestContextNeedsNoGoroutine: not for a request, and not for contexts derived from its context.
func TestContextNeedsNoGoroutine(t *testing.T) {
	const n = 50
	entered, leave := make(chan struct{}), make(chan struct{})
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		entered <- struct{}{}
		select {
		case <-leave:
		case <-ctx.Done():
		}
	})})
	before := runtime.NumGoroutine()
	for range n {
		io.WriteString(s.dial(t), fmt.Sprintf(get, "/"))
		<-entered
	}
	if got := runtime.NumGoroutine() - before; got > n+5 {
		t.Errorf("%d goroutines for %d requests", got, n)
	}
	close(leave)
}

// TestH08HangupHitsItsOwnConnection: while connections come and go by the thousand, so that descriptors are reused all the
// time, requests whose client stays are not canceled, and every request whose client leaves is.
func TestH08HangupHitsItsOwnConnection(t *testing.T) {
	const stay, churn = 20, 1000
	entered := make(chan struct{}, stay)
	leave := make(chan struct{})
	var wrong, left atomic.Int32
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stay" {
			entered <- struct{}{}
			select {
			case <-leave:
			case <-r.Context().Done():
				wrong.Add(1)
			}
			return
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		left.Add(1)
	})})
	staying := make([]*net.TCPConn, stay)
	for i := range staying {
		staying[i] = s.dial(t)
		io.WriteString(staying[i], fmt.Sprintf(get, "/stay"))
		<-entered
	}
	buf := make([]byte, 1024)
	for range churn {
		c := s.dial(t)
		c.SetLinger(0)
		io.WriteString(c, fmt.Sprintf(get, "/churn"))
		c.Read(buf)
		c.Close()
	}
	eventually(t, func() bool { return left.Load() == churn })
	if n := wrong.Load(); n != 0 {
		t.Errorf("%d requests canceled though their clients stayed", n)
	}
	close(leave)
	for _, c := range staying {
		c.SetDeadline(time.Now().Add(patience))
		if n, err := c.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 200") {
			t.Errorf("%q %v", buf[:n], err)
		}
	}
}

// eventually polls with a deadline.
func eventually(tb testing.TB, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			tb.Fatal("not in time")
		}
		<-time.After(time.Millisecond)
	}
}

type key string

// TestContextValues: those of net/http, of its hooks, and of Seed, whose reset precedes every request.
func TestContextValues(t *testing.T) {
	resets := 0
	std := &http.Server{
		BaseContext: func(l net.Listener) context.Context {
			return context.WithValue(t.Context(), key("base"), l.Addr().String())
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, key("conn"), c.RemoteAddr().String())
		},
	}
	std.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		fmt.Fprintf(w, "%v %v %v %v %v %v %v;", ctx.Value(http.ServerContextKey) == std, ctx.Value(http.LocalAddrContextKey),
			ctx.Value(key("base")), ctx.Value(key("conn")), r.RemoteAddr, ctx.Value(key("seed")), resets)
	})
	s := startFront(t, std, func(o *front.Options) {
		o.Seed = func(ctx context.Context) (context.Context, func()) {
			return context.WithValue(ctx, key("seed"), "seeded"), func() { resets++ }
		}
	})
	c := s.dial(t)
	io.WriteString(c, fmt.Sprintf(get, "/")+fmt.Sprintf(get, "/")+last)
	out, _ := io.ReadAll(c)
	got := strings.Join(contents(string(out)), "")
	me := c.LocalAddr().String()
	var want strings.Builder
	for i := range 3 {
		fmt.Fprintf(&want, "true %s %s %s %s seeded %d;", s.addr, s.addr, me, me, i+1)
	}
	if got != want.String() {
		t.Errorf("got  %s\nwant %s", got, &want)
	}
}
