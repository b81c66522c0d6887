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

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// H6: a replica reads the head of a 20 MiB upload, answers 413 and closes with most of the body unread, which resets the connection.
func TestH06EarlyAnswerReachesTheCaller(t *testing.T) {
	const refusal = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large"
	for name, length := range map[string]int64{"length": 20 << 20, "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := http.ReadRequest(r); err == nil {
					_, _ = io.WriteString(c, refusal)
				}
			})
			p := newPool(t, rep.addr, upstream.Options{})
			const rounds = 100
			got := 0
			for range rounds {
				req := newRequest(t, t.Context(), http.MethodPost, rep.addr, io.LimitReader(zeros{}, 20<<20))
				req.ContentLength = length
				status, body, err := ask(p, req)
				if err == nil && status == http.StatusRequestEntityTooLarge && body == "too large" {
					got++
				} else {
					t.Logf("got %d %q %v", status, body, err)
				}
			}
			t.Logf("%d of %d early answers", got, rounds)
			if got < 99 {
				t.Errorf("%d of %d early answers reached the caller, want 99", got, rounds)
			}
			if s := p.Stats(); s.Open != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// An early answer does not end the upload: both directions go on.
func TestAnswerStreamsWhileTheBodyIsSent(t *testing.T) {
	for range 5 {
		if bothWays(t) {
			return
		}
	}
	t.Error("the connection is never kept")
}

// bothWays reports whether the connection was kept. That needs the sender to say in time that it is done: see sentGrace.
func bothWays(t *testing.T) bool {
	t.Helper()
	rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		b := make([]byte, 1)
		for {
			if _, err := io.ReadFull(req.Body, b); err != nil {
				break
			}
			_, _ = io.WriteString(c, "1\r\n"+string(b)+"\r\n")
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
		_ = readRequest(r)
	})
	p := newPool(t, rep.addr, upstream.Options{})
	pr, pw := io.Pipe()
	resp, err := p.RoundTrip(newRequest(t, t.Context(), http.MethodPost, rep.addr, pr))
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	for _, want := range []string{"a", "b", "c"} {
		_, _ = io.WriteString(pw, want)
		n, err := resp.Body.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Fatalf("got %q, %v", b[:n], err)
		}
	}
	pw.Close()
	if _, err := resp.Body.Read(b); err != io.EOF {
		t.Errorf("got %v", err)
	}
	resp.Body.Close()
	return p.Stats().Idle == 1
}

// H8: whatever an exchange waits for, its end comes promptly when the context's does, and the replica learns of it.
func TestH08CancellationEndsTheExchange(t *testing.T) {
	reading := func(until string) func(int, net.Conn, *bufio.Reader) {
		return func(_ int, c net.Conn, r *bufio.Reader) {
			_, _ = http.ReadRequest(r)
			_, _ = io.WriteString(c, until)
			_, _ = io.Copy(io.Discard, r)
		}
	}
	tests := map[string]struct {
		answer string
		body   string
		length int64
	}{
		"awaiting the head":         {"", "{}", 2},
		"within the head":           {"HTTP/1.1 200 O", "{}", 2},
		"within the body":           {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "{}", 2},
		"within a chunk":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf", "{}", 2},
		"client stalls, no answer":  {"", "stalled", 100_000},
		"client stalls, early body": {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "stalled", -1},
		"sending":                   {"", "endless", -1},
	}
	for name, tt := range tests {
		for _, deadline := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				// A deadline that passes before the replica is there says nothing about the exchange.
				for after := 30 * time.Millisecond; ; after *= 4 {
					if canceled(t, reading(tt.answer), tt.body, tt.length, deadline, after) {
						return
					}
					if after > patience {
						t.Fatal("the replica is not reached in time")
					}
				}
			})
		}
	}
}

// canceled has an exchange end some time after the replica has done its part or, with a deadline, that long after its
// beginning. It is false when the replica was not reached by then.
func canceled(t *testing.T, serve func(int, net.Conn, *bufio.Reader), text string, length int64, deadline bool, after time.Duration) bool {
	t.Helper()
	accepted, gone := make(chan struct{}), make(chan struct{})
	rep := newReplica(t, func(n int, c net.Conn, r *bufio.Reader) {
		close(accepted)
		defer close(gone)
		serve(n, c, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	kind, cause := upstream.KindCanceled, context.Canceled
	if deadline {
		ctx, cancel = context.WithTimeout(ctx, after)
		defer cancel()
		kind, cause = upstream.KindTimeout, context.DeadlineExceeded
	} else {
		var waiting sync.WaitGroup
		defer waiting.Wait()
		defer cancel()
		waiting.Go(func() {
			select {
			case <-accepted:
			case <-ctx.Done():
			}
			<-time.After(after)
			cancel()
		})
	}
	stalled, client := io.Pipe()
	defer client.Close()
	body := io.Reader(strings.NewReader(text))
	switch text {
	case "stalled":
		body = io.MultiReader(body, stalled)
	case "endless":
		body = zeros{}
	}
	req := newRequest(t, ctx, http.MethodPost, rep.addr, body)
	req.ContentLength = length
	p := newPool(t, rep.addr, upstream.Options{})
	_, _, err := ask(p, req)
	wantKind(t, err, kind)
	if !errors.Is(err, cause) {
		t.Errorf("%v does not wrap %v", err, cause)
	}
	if s := p.Stats(); s.Open != 0 {
		t.Errorf("%+v", s)
	}
	if p.Stats().Dialed == 0 {
		return false
	}
	testbed.Receive(t, "the end of the connection, at the replica", gone)
	return true
}

// A context that ends after the exchange has ended takes no connection with it.
func TestLateCancellationIsHarmless(t *testing.T) {
	rep := newReplica(t, always(small))
	p := newPool(t, rep.addr, upstream.Options{})
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		if _, _, err := ask(p, newRequest(t, ctx, http.MethodGet, rep.addr, nil)); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	if n := rep.accepted(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestEndedContextSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the caller hung up")
	cancel(why)
	p := newPool(t, "replica:1", upstream.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialed")
		return nil, io.EOF
	}})
	_, _, err := ask(p, newRequest(t, ctx, http.MethodGet, "replica:1", nil))
	if e := wantKind(t, err, upstream.KindCanceled); e.Sent || !errors.Is(err, why) {
		t.Errorf("got %+v", e)
	}
}

// A context may have a deadline without a channel; it holds all the same.
func TestDeadlineWithoutDone(t *testing.T) {
	rep := newReplica(t, func(_ int, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	p := newPool(t, rep.addr, upstream.Options{})
	ctx := deadlineOnly{context.Background(), time.Now().Add(30 * time.Millisecond)}
	_, _, err := ask(p, newRequest(t, ctx, http.MethodGet, rep.addr, nil))
	wantKind(t, err, upstream.KindTimeout)
}

type deadlineOnly struct {
	context.Context
	at time.Time
}

func (d deadlineOnly) Deadline() (time.Time, bool) { return d.at, true }

// ResponseHeaderTimeout bounds the wait for the head, is counted from the end of the request, and does not touch the body.
func TestResponseHeaderTimeout(t *testing.T) {
	t.Parallel()
	testbed.LongEnough(t, 300*time.Millisecond, func(limit time.Duration) bool { return headIsAwaited(t, limit) })
}

// headIsAwaited is false where a head that comes at once took longer than the limit.
func headIsAwaited(t *testing.T, limit time.Duration) (inTime bool) {
	t.Helper()
	release := make(chan struct{})
	defer close(release)
	rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if req.Method == http.MethodPut {
				<-release
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
			pause := time.NewTimer(limit * 3 / 2)
			<-pause.C
			_, _ = io.WriteString(c, "k")
		}
	})
	p := newPool(t, rep.addr, upstream.Options{ResponseHeaderTimeout: limit})
	for range 2 { // the second on the same connection, whose old limit has passed
		_, body, err := ask(p, post(t, rep.addr, "{}"))
		if failed := new(upstream.Error); errors.As(err, &failed) && failed.Kind == upstream.KindTimeout && body == "" {
			return false
		}
		if err != nil || body != "ok" {
			t.Fatalf("got %q, %v", body, err)
		}
	}
	if n := rep.accepted(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	for _, length := range []int64{2, -1} {
		req := newRequest(t, t.Context(), http.MethodPut, rep.addr, strings.NewReader("{}"))
		req.ContentLength = length
		_, _, err := ask(p, req)
		wantKind(t, err, upstream.KindTimeout)
	}
	return true
}
