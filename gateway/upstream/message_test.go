package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// newMessage is a message for the replica at addr.
func newMessage(ctx context.Context, method, addr string, body ...string) *upstream.Message {
	u := &url.URL{Scheme: "http", Host: addr, Path: "/predict", RawQuery: "a=1"}
	m := &upstream.Message{
		Request:   (&http.Request{Method: method, URL: u, Host: "h"}).WithContext(ctx),
		Fields:    []byte("X-A: 1\r\nx-b: \r\n"),
		MaxAnswer: 1000,
	}
	for _, piece := range body {
		m.Body = append(m.Body, []byte(piece))
	}
	return m
}

func TestAMessageIsOneWriteOfAWholeRequest(t *testing.T) {
	got := make(chan string, 1)
	rep := newReplica(t, func(_ int, c net.Conn, _ *bufio.Reader) {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			got <- string(b[:n])
			_, _ = io.WriteString(c, "HTTP/1.1 103 E\r\nLink: l\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	p := newPool(t, rep.addr, upstream.Options{})
	for _, tt := range []struct {
		message *upstream.Message
		want    string
	}{
		{newMessage(t.Context(), "POST", rep.addr, "ab", "c"), "POST /predict?a=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-b: \r\nContent-Length: 3\r\n\r\nabc"},
		{newMessage(t.Context(), "POST", rep.addr), "POST /predict?a=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-b: \r\nContent-Length: 0\r\n\r\n"},
		{newMessage(t.Context(), "GET", rep.addr), "GET /predict?a=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-b: \r\n\r\n"},
	} {
		for range 2 { // it can be sent again
			if err := p.Post(tt.message); err != nil || tt.message.Status != 201 || tt.message.Received != 2 || tt.message.Heard.IsZero() {
				t.Errorf("%v; status %d, %d bytes", err, tt.message.Status, tt.message.Received)
			}
			if diff := cmp.Diff(tt.want, <-got); diff != "" {
				t.Error(diff)
			}
		}
	}
	if n := rep.accepted(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestAMessageIsReadUpToItsLimit(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		want   int64
		kept   bool // the connection
	}{
		"none":            {"HTTP/1.1 204 N\r\n\r\n", 0, true},
		"at the limit":    {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000), 1000, true},
		"above the limit": {"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + strings.Repeat("x", 1001), 1001, true},
		"far above":       {"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + strings.Repeat("x", 900_000), 1001, false},
		"chunks":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n", 5, true},
		"many chunks":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("3\r\nabc\r\n", 1000) + "0\r\n\r\n", 1001, false},
	} {
		t.Run(name, func(t *testing.T) {
			rep := newReplica(t, always(tt.answer))
			p := newPool(t, rep.addr, upstream.Options{})
			m := newMessage(t.Context(), "POST", rep.addr, "x")
			if err := p.Post(m); err != nil || m.Received != tt.want {
				t.Errorf("%d bytes, %v; want %d", m.Received, err, tt.want)
			}
			if idle := p.Stats().Idle == 1; idle != tt.kept {
				t.Errorf("connection kept: %v, want %v", idle, tt.kept)
			}
		})
	}
}

func TestAnUnusualMessageIsNotSent(t *testing.T) {
	rep := newReplica(t, always(smallAnswer))
	p := newPool(t, rep.addr, upstream.Options{})
	for _, fields := range []string{
		"Host: a\r\n", "cOnTent-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "Upgrade: x\r\n",
		"Expect: 100-continue\r\n", "Trailer: x\r\n", "X-A: 1", "X-A: 1\n", "X-A 1\r\n", ": 1\r\n", "\r\n", "X-A: 1\rX-B: 2\r\n", "X-A: \x00\r\n", " X: 1\r\n",
	} {
		m := newMessage(t.Context(), "POST", rep.addr)
		m.Fields = []byte("X-First: 1\r\n" + fields)
		if err := p.Post(m); !errors.Is(err, upstream.ErrUnusual) {
			t.Errorf("%q: %v", fields, err)
		}
	}
	large := newMessage(t.Context(), "POST", rep.addr, strings.Repeat("x", upstream.MaxMessage), "x")
	if err := p.Post(large); !errors.Is(err, upstream.ErrUnusual) {
		t.Errorf("a large body: %v", err)
	}
	if n := rep.accepted(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestAMessageFailsAsARequestDoes(t *testing.T) {
	for name, tt := range map[string]struct {
		within time.Duration
		serve  func(int, net.Conn, *bufio.Reader)
		want   upstream.Kind
	}{
		"closed":    {patience, func(_ int, _ net.Conn, r *bufio.Reader) { _ = readRequest(r) }, upstream.KindReset},
		"cut short": {patience, once("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), upstream.KindReset},
		"malformed": {patience, once("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 01\r\n\r\nabc"), upstream.KindMalformed},
		"silent":    {200 * time.Millisecond, func(_ int, _ net.Conn, r *bufio.Reader) { _ = readRequest(r); _, _ = r.ReadByte() }, upstream.KindTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			testbed.LongEnough(t, tt.within, func(limit time.Duration) bool {
				rep := newReplica(t, tt.serve)
				p := newPool(t, rep.addr, upstream.Options{})
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				e := wantKind(t, p.Post(newMessage(ctx, "GET", rep.addr)), tt.want)
				if e.Kind == upstream.KindTimeout && !e.Sent {
					return false
				}
				if !e.Sent {
					t.Error("it was sent")
				}
				if s := p.Stats(); s.Open != 0 {
					t.Errorf("%+v", s)
				}
				eventually(t, "the one connection to be accepted", func() bool { return rep.accepted() > 0 })
				if n := rep.accepted(); n != 1 {
					t.Errorf("%d connections", n)
				}
				return true
			})
		})
	}
}

// A message that died on a kept connection may have arrived: it is not sent again.
func TestM09AMessageIsSentOnce(t *testing.T) {
	rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if readRequest(r) == nil {
			_, _ = io.WriteString(c, smallAnswer)
			_ = readRequest(r)
		}
	})
	p := newPool(t, rep.addr, upstream.Options{})
	m := newMessage(t.Context(), "GET", rep.addr)
	if err := p.Post(m); err != nil {
		t.Fatal(err)
	}
	wantKind(t, p.Post(m), upstream.KindReset)
	if s := p.Stats(); s.Retried != 0 || rep.accepted() != 1 {
		t.Errorf("%+v, %d connections", s, rep.accepted())
	}
}

func TestAMessageCostsNoAllocation(t *testing.T) {
	if underRace {
		t.Skip("under the race detector")
	}
	rep := newReplica(t, echoless("END", smallAnswer))
	p := newPool(t, rep.addr, upstream.Options{})
	m := newMessage(context.Background(), "POST", rep.addr, strings.Repeat("x", 197)+"END")
	got := testbed.Allocs(500, func() {
		if err := p.Post(m); err != nil {
			t.Fatal(err)
		}
	})
	if got > 0 {
		t.Errorf("%v allocations", got)
	}
}
