package upstream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

const small = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// On the first connection, the second request is read and the connection then ended without an answer: what net/http's clients
// call a dead kept-alive connection, at the one moment where looking beforehand does not help.
func TestH12StaleConnection(t *testing.T) {
	tests := []struct {
		method, body string
		noRetry      bool
		again        bool
	}{
		{method: http.MethodGet, again: true},
		{method: http.MethodHead, again: true},
		{method: http.MethodDelete, again: true},
		{method: http.MethodPut, again: true},
		{method: http.MethodGet, noRetry: true},
		{method: http.MethodGet, body: "{}"},
		{method: http.MethodPut, body: "{}"},
		{method: http.MethodPost},
		{method: http.MethodPost, body: "{}"},
		{method: http.MethodPatch},
		{method: "UNKNOWN"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s/body=%q/noRetry=%t", tt.method, tt.body, tt.noRetry), func(t *testing.T) {
			var seen atomic.Int32
			rep := newReplica(t, func(n int, c net.Conn, r *bufio.Reader) {
				for i := 0; readRequest(r) == nil; i++ {
					seen.Add(1)
					if n == 0 && i == 1 {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
				}
			})
			p := newPool(t, rep.addr, upstream.Options{NoRetry: tt.noRetry})
			if _, _, err := ask(p, post(t, rep.addr, "first")); err != nil {
				t.Fatal(err)
			}
			var body io.Reader
			if tt.body != "" {
				body = strings.NewReader(tt.body)
			}
			_, _, err := ask(p, newRequest(t, t.Context(), tt.method, rep.addr, body))
			want := int32(2)
			if tt.again {
				want = 3
				if err != nil {
					t.Errorf("got %v, want a second attempt", err)
				}
			} else if e := wantKind(t, err, upstream.KindReset); !e.Sent {
				t.Error("Sent is false")
			}
			if n := seen.Load(); n != want {
				t.Errorf("the replica saw %d requests, want %d", n, want)
			}
			if s := p.Stats(); s.Retried != uint64(want-2) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Never more than one retry: a replica that ends every connection sees a GET twice at most, on a fresh connection once.
func TestH12OneRetryOnly(t *testing.T) {
	var seen atomic.Int32
	rep := newReplica(t, func(n int, c net.Conn, r *bufio.Reader) {
		for i := 0; readRequest(r) == nil; i++ {
			seen.Add(1)
			if n > 0 || i > 0 {
				return
			}
			_, _ = io.WriteString(c, small)
		}
	})
	p := newPool(t, rep.addr, upstream.Options{})
	if _, _, err := ask(p, get(t, rep.addr)); err != nil {
		t.Fatal(err)
	}
	_, _, err := ask(p, get(t, rep.addr)) // reused, then fresh
	wantKind(t, err, upstream.KindReset)
	_, _, err = ask(p, get(t, rep.addr)) // fresh
	wantKind(t, err, upstream.KindReset)
	if n := seen.Load(); n != 4 {
		t.Errorf("the replica saw %d requests, want 4", n)
	}
}

// No second attempt once a byte of an answer has come, though it be an interim one.
func TestH12NoRetryAfterAByteOfTheAnswer(t *testing.T) {
	for _, part := range []string{"H", "HTTP/1.1 103 Early Hints\r\n\r\n"} {
		var seen atomic.Int32
		rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
			for readRequest(r) == nil {
				if seen.Add(1) == 2 {
					_, _ = io.WriteString(c, part)
					return
				}
				_, _ = io.WriteString(c, small)
			}
		})
		p := newPool(t, rep.addr, upstream.Options{})
		if _, _, err := ask(p, get(t, rep.addr)); err != nil {
			t.Fatal(err)
		}
		_, _, err := ask(p, get(t, rep.addr))
		wantKind(t, err, upstream.KindReset)
		if n := seen.Load(); n != 2 {
			t.Errorf("after %q: the replica saw %d requests, want 2", part, n)
		}
	}
}

// A connection that the replica ended, or talked on, while it was idle is not used again: a POST then needs no luck.
func TestIdleConnectionIsLookedAt(t *testing.T) {
	for name, farewell := range map[string]string{
		"closed":        "",
		"timed out":     "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n",
		"unsolicited":   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong",
		"stray newline": "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			said := make(chan struct{})
			rep := newReplica(t, func(n int, c net.Conn, r *bufio.Reader) {
				for readRequest(r) == nil {
					_, _ = io.WriteString(c, small)
					if n > 0 {
						continue
					}
					_, _ = io.WriteString(c, farewell)
					if name == "closed" || name == "timed out" {
						c.Close()
					}
					close(said)
				}
			})
			p := newPool(t, rep.addr, upstream.Options{})
			if _, _, err := ask(p, post(t, rep.addr, "first")); err != nil {
				t.Fatal(err)
			}
			<-said
			idle := time.NewTimer(50 * time.Millisecond) // longer than what is spared the look
			<-idle.C
			_, body, err := ask(p, post(t, rep.addr, "second"))
			if err != nil || body != "ok" {
				t.Errorf("got %q, %v", body, err)
			}
			if s := p.Stats(); s.Retried != 0 || s.Dialed != 2 || s.Open != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Bytes behind an answer close the connection.
func TestBytesBehindTheAnswerCloseTheConnection(t *testing.T) {
	rep := newReplica(t, always(small+small))
	p := newPool(t, rep.addr, upstream.Options{})
	for range 3 {
		if _, body, err := ask(p, post(t, rep.addr, "{}")); err != nil || body != "ok" {
			t.Fatalf("got %q, %v", body, err)
		}
		if s := p.Stats(); s.Open != 0 {
			t.Fatalf("%+v", s)
		}
	}
}

// A body sent in answer to HEAD, by a replica that should not, never becomes the next answer, however soon the next request comes.
func TestBodyOfHeadIsNotTheNextAnswer(t *testing.T) {
	said := make(chan struct{}, 1)
	rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if req.Method == http.MethodGet {
				_, _ = io.WriteString(c, small)
				continue
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n")
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
			said <- struct{}{}
		}
	})
	p := newPool(t, rep.addr, upstream.Options{})
	for range 20 {
		if _, _, err := ask(p, newRequest(t, t.Context(), http.MethodHead, rep.addr, nil)); err != nil {
			t.Fatal(err)
		}
		<-said
		if _, body, err := ask(p, get(t, rep.addr)); err != nil || body != "ok" {
			t.Fatalf("got %q, %v", body, err)
		}
	}
}

func TestConnectFailureSaysThatNothingWasSent(t *testing.T) {
	const closed = "127.0.0.1:1" // a port that is given to nobody who asks for any
	p := newPool(t, closed, upstream.Options{})
	_, _, err := ask(p, post(t, closed, "{}"))
	if e := wantKind(t, err, upstream.KindConnect); e.Sent || e.Timeout() {
		t.Errorf("got %+v", e)
	}

	slow := newPool(t, "replica:1", upstream.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}
	}})
	_, _, err = ask(slow, post(t, "replica:1", "{}"))
	if e := wantKind(t, err, upstream.KindConnect); e.Sent || !e.Timeout() {
		t.Errorf("got %+v", e)
	}
	if s := slow.Stats(); s.Open != 0 {
		t.Errorf("%+v", s)
	}
}
