//go:build linux

package front_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var smallPost = []byte("POST /v1/pricing HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench/1\r\nContent-Type: application/json\r\n" +
	"Accept: */*\r\nX-User-Id: 12345\r\nContent-Length: 200\r\n\r\n" + strings.Repeat("x", 200))

// answerSmall reads the body and answers as a gateway does: with the length and type of a deployment's answer.
func answerSmall() http.HandlerFunc {
	var (
		length  = []string{"64"}
		kind    = []string{"application/json"}
		content = bytes.Repeat([]byte("y"), 64)
		scratch = make([]byte, 512)
	)
	return func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.ReadFull(r.Body, scratch[:200]); n != 200 || err != nil {
			panic(err)
		}
		h := w.Header()
		h["Content-Length"], h["Content-Type"] = length, kind
		w.Write(content)
	}
}

// roundTrip sends one request and reads one answer, without allocating.
func roundTrip(tb testing.TB, c net.Conn, in, buf []byte) {
	if _, err := c.Write(in); err != nil {
		tb.Fatal(err)
	}
	for n := 0; !bytes.HasSuffix(buf[:n], []byte("yyyy")); {
		m, err := c.Read(buf[n:])
		if err != nil {
			tb.Fatal(err)
		}
		n += m
	}
}

// TestKeepAlivePostAllocatesTwice: the string behind the head, and the body.
func TestKeepAlivePostAllocatesTwice(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations cannot be counted under the race detector")
	}
	for name, timeout := range map[string]time.Duration{"no timeouts": 0, "timeouts": time.Minute} {
		t.Run(name, func(t *testing.T) {
			std := &http.Server{Handler: answerSmall(), ReadHeaderTimeout: timeout, IdleTimeout: timeout}
			c := startFront(t, std).dial(t)
			buf := make([]byte, 4<<10)
			roundTrip(t, c, smallPost, buf)
			got := testbed.Allocs(2000, func() { roundTrip(t, c, smallPost, buf) })
			if got > 2 {
				t.Errorf("%v allocations for one request, want at most 2", got)
			}
		})
	}
}

func BenchmarkFront(b *testing.B) {
	benchmark(b, func(std *http.Server) *running { return startFront(b, std) })
}

func BenchmarkNetHTTP(b *testing.B) {
	benchmark(b, func(std *http.Server) *running { return startStd(b, std) })
}

func BenchmarkNetHTTPUnderGuard(b *testing.B) {
	benchmark(b, func(std *http.Server) *running { return startGuarded(b, std) })
}

// benchmark reports the processor time of server and client together: the client is the same, so the difference between
// two servers is all theirs.
func benchmark(b *testing.B, start func(*http.Server) *running) {
	s := start(&http.Server{Handler: answerSmall(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute})
	c := s.dial(b)
	c.SetDeadline(time.Time{})
	buf := make([]byte, 4<<10)
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		roundTrip(b, c, smallPost, buf)
	}
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
