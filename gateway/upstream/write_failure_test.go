package upstream_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// faulty is a connection whose writes fail from the given one on, having taken some bytes.
type faulty struct {
	net.Conn
	writes, failFrom, takes int
}

func (f *faulty) Write(b []byte) (int, error) {
	f.writes++
	if f.writes < f.failFrom {
		return f.Conn.Write(b)
	}
	n, _ := f.Conn.Write(b[:f.takes])
	return n, syscall.EPIPE
}

// H12: of a request whose first write was refused whole, nothing can have arrived; it is sent on a fresh connection whatever its
// method. Once a byte was taken it is not.
func TestH12FailedWrite(t *testing.T) {
	for takes, again := range map[int]bool{0: true, 1: false} {
		rep := newReplica(t, always(small))
		var dials atomic.Int32
		p := newPool(t, rep.addr, upstream.Options{NoRetry: true, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if dials.Add(1) == 1 {
				c = &faulty{Conn: c, failFrom: 2, takes: takes}
			}
			return c, err
		}})
		if _, _, err := ask(p, post(t, rep.addr, "first")); err != nil {
			t.Fatal(err)
		}
		_, body, err := ask(p, post(t, rep.addr, "second"))
		switch {
		case again && (err != nil || body != "ok"):
			t.Errorf("got %q, %v", body, err)
		case !again:
			if e := wantKind(t, err, upstream.KindReset); !e.Sent {
				t.Error("Sent is false")
			}
		}
		if s := p.Stats(); s.Retried == 1 != again {
			t.Errorf("%d bytes taken: %+v", takes, s)
		}
	}
}

// H6 for a small request: the answer counts that came before the write failed, and the connection is not used again.
func TestH06AnswerCountsThoughTheWriteFailed(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.ReadFull(server, make([]byte, 5))
		_, _ = io.WriteString(server, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
	}()
	p := newPool(t, "replica:1", upstream.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		return &faulty{Conn: client, failFrom: 1, takes: 5}, nil
	}})
	status, _, err := ask(p, post(t, "replica:1", "{}"))
	if err != nil || status != 503 {
		t.Errorf("got %d, %v", status, err)
	}
	<-done
	if s := p.Stats(); s.Open != 0 {
		t.Errorf("%+v", s)
	}
}
