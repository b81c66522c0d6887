package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

const smallAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 07:00:00 GMT\r\nServer: uvicorn\r\nContent-Length: 16\r\n\r\n{\"data\":[0.125]}"

// echoless reads requests of a known size and answers each; it parses nothing, so that what is measured is the client.
func echoless(requestEnd string, answer string) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, _ *bufio.Reader) {
		end, reply, b := []byte(requestEnd), []byte(answer), make([]byte, 64<<10)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			if bytes.HasSuffix(b[:n], end) {
				if _, err := c.Write(reply); err != nil {
					return
				}
			}
		}
	}
}

type payload struct {
	*bytes.Reader
	closed chan struct{} // capacity 1: a client closes a body once, and until then it must not be used again
}

func (p payload) Close() error {
	p.closed <- struct{}{}
	return nil
}

// poster returns a function that sends one POST with a body of the given size and reads the answer.
func poster(tb testing.TB, rt http.RoundTripper, addr string, ctx context.Context, size int) func() { //nolint:revive // tb first, as in all helpers
	tb.Helper()
	text := []byte(strings.Repeat("x", size-3) + "END")
	body := payload{bytes.NewReader(text), make(chan struct{}, 1)}
	req := newRequest(tb, ctx, http.MethodPost, addr, body)
	req.ContentLength = int64(size)
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"client/1.0"}, "X-Request-Id": {"0123456789abcdef"},
		"X-Forwarded-For": {"10.0.0.1"}, "X-Forwarded-Proto": {"https"}, "Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	}
	b := make([]byte, 4096)
	return func() {
		body.Reset(text)
		resp, err := rt.RoundTrip(req)
		if err != nil {
			tb.Fatal(err)
		}
		for err == nil {
			_, err = resp.Body.Read(b)
		}
		if err != io.EOF { //nolint:errorlint // the clean end is bare
			tb.Fatal(err)
		}
		resp.Body.Close()
		<-body.closed
	}
}

func BenchmarkPool(b *testing.B) {
	rep := newReplica(b, echoless("END", smallAnswer))
	benchmark(b, newPool(b, rep.addr, upstream.Options{}), rep.addr)
}

func BenchmarkTransport(b *testing.B) {
	rep := newReplica(b, echoless("END", smallAnswer))
	tr := &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}
	defer tr.CloseIdleConnections()
	benchmark(b, tr, rep.addr)
}

func benchmark(b *testing.B, rt http.RoundTripper, addr string) {
	b.Helper()
	for name, size := range map[string]int{"200B": 200, "16KiB": 16 << 10, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			do := poster(b, rt, addr, ctx, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				do()
			}
		})
	}
	b.Run("200B-background", func(b *testing.B) {
		do := poster(b, rt, addr, context.Background(), 200)
		b.ReportAllocs()
		for b.Loop() {
			do()
		}
	})
	b.Run("200B-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			do := poster(b, rt, addr, ctx, 200)
			for pb.Next() {
				do()
			}
		})
	})
}
