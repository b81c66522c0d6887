package front

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// streamed is a connection that is nothing but a stream.
type streamed struct {
	net.Conn
	io.Reader
}

func (s streamed) Read(p []byte) (int, error) { return s.Reader.Read(p) }

// through is what comes of a stream behind the guard: the requests with whole content.
func through(stream io.Reader, size int) (requests []string) {
	g := newGuarded(nil, streamed{Reader: stream})
	br := bufio.NewReaderSize(g, size)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return requests
		}
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return requests
		}
		requests = append(requests, r.Method+" "+r.RequestURI+" "+string(content))
	}
}

// FuzzFollow: what passes the guard depends neither on how the bytes were cut into packets nor on how much is read at once.
func FuzzFollow(f *testing.F) {
	for _, s := range headSeeds {
		f.Add([]byte(s))
	}
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		want := through(bytes.NewReader(in), 64<<10)
		for name, got := range map[string][]string{
			"byte by byte":     through(iotest.OneByteReader(bytes.NewReader(in)), 64<<10),
			"in halves":        through(iotest.HalfReader(bytes.NewReader(in)), 4<<10),
			"with the end":     through(iotest.DataErrReader(bytes.NewReader(in)), 4<<10),
			"in a small room":  through(bytes.NewReader(in), 16),
			"in a common room": through(bytes.NewReader(in), 4<<10),
		} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: at once (-), so (+):\n%s", name, diff)
			}
		}
	})
}

// TestH11FollowerHoldsNoMoreThanALine: the guard keeps what it has read only as far as it must.
func TestH11FollowerHoldsNoMoreThanALine(t *testing.T) {
	in := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nX: " + strings.Repeat("x", 10<<10) + "\r\n\r\n" + strings.Repeat("y", 1_000_000)
	g := newGuarded(nil, streamed{Reader: iotest.OneByteReader(strings.NewReader(in))})
	most := 0
	for buf := make([]byte, 4<<10); ; {
		if _, err := g.Read(buf); err != nil {
			break
		}
		most = max(most, cap(g.follower.line)+cap(g.held))
	}
	if most > 20<<10 || g.follower.place != beforeRequest || cap(g.follower.line)+cap(g.held) > 0 {
		t.Errorf("%d bytes were held for a line of 10 KiB, %d at the end", most, cap(g.follower.line)+cap(g.held))
	}
}

func BenchmarkFollow(b *testing.B) {
	in := []byte("POST /v1/pricing HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench/1\r\nContent-Type: application/json\r\n" +
		"Accept: */*\r\nX-User-Id: 12345\r\nContent-Length: 200\r\n\r\n" + strings.Repeat("x", 200))
	var f follower
	b.ReportAllocs()
	for b.Loop() {
		if f.follow(in) != len(in) || f.place != beforeRequest {
			b.Fatal(f.place)
		}
	}
}
