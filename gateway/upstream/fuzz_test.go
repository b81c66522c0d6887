package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// script is a connection whose other side says data, step bytes at a time, and ends.
type script struct {
	net.Conn // nil: whatever is not overridden must not be used
	data     []byte
	step     int
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.data[:min(s.step, len(s.data))])
	s.data = s.data[n:]
	return n, nil
}

func (*script) Write(b []byte) (int, error)      { return len(b), nil }
func (*script) Close() error                     { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// through gives the answer in data as the pool reads it.
func through(t *testing.T, method string, data []byte, step int) (answer, error) {
	p := upstream.New("replica:1", upstream.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		return &script{data: data, step: step}, nil
	}})
	defer p.CloseIdleConnections()
	resp, err := p.RoundTrip(newRequest(t, context.Background(), method, "replica:1", nil))
	if err != nil {
		return answer{}, err
	}
	a, err := see(resp)
	return alike(a), err
}

// oracle gives it as net/http reads it.
func oracle(t *testing.T, method string, data []byte) (answer, error) {
	r := bufio.NewReader(bytes.NewReader(data))
	for {
		resp, err := http.ReadResponse(r, newRequest(t, context.Background(), method, "replica:1", nil))
		if err != nil {
			return answer{}, err
		}
		if resp.StatusCode >= 200 {
			a, err := see(resp)
			return alike(a), err
		}
		resp.Body.Close()
	}
}

// alike removes what differs on purpose: net/http makes a Cache-Control of a Pragma, which is not a proxy's to do.
func alike(a answer) answer {
	if p := a.Header["Pragma"]; len(p) > 0 && p[0] == "no-cache" {
		a.Header.Del("Cache-Control")
	}
	return a
}

// compare fails the test unless what the pool accepts is read by http.ReadResponse in the same way, however the bytes are cut
// into packets.
func compare(t *testing.T, data []byte, method, step uint8) {
	m := []string{http.MethodGet, http.MethodPost, http.MethodHead}[method%3]
	got, err := through(t, m, data, int(step)+1)
	whole, wholeErr := through(t, m, data, len(data)+1)
	if (err == nil) != (wholeErr == nil) {
		t.Fatalf("%q in steps of %d: %v, at once: %v", data, int(step)+1, err, wholeErr)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(whole, got); diff != "" {
		t.Fatalf("%q at once -, in steps +\n%s", data, diff)
	}
	want, err := oracle(t, m, data)
	if err != nil {
		t.Fatalf("accepted %q, which net/http refuses: %v", data, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q net/http -, Pool +\n%s", data, diff)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, text := range goodAnswers {
		if len(text) < 2000 {
			f.Add([]byte(text), uint8(0), uint8(255))
			f.Add([]byte(text), uint8(1), uint8(1))
		}
	}
	f.Fuzz(compare)
}

// pieces are what answers are made of, and what those are made of that should be refused.
var pieces = []string{
	"HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 204 No Content\r\n", "HTTP/1.1 304 Not Modified\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n",
	"HTTP/1.1 404\r\n", "HTTP/1.1 600 \tx\r\n", "HTTP/1.1 999 \xff\r\n", "HTTP/1.1  200 OK\r\n", "HTTP/2.0 200 OK\r\n",
	"Content-Length: 5\r\n", "content-length:5 \r\n", "Content-Length: 05\r\n", "Content-Length: 0\r\n", "Content-Length: 5, 5\r\n", "Content-Length:\r\n", "Content-Length: +5\r\n",
	"Transfer-Encoding: chunked\r\n", "transfer-encoding:\tCHUNKED\r\n", "Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: \x0bchunked\r\n",
	"Connection: close\r\n", "Connection: keep-alive\r\n", "connection: Keep-Alive, X\r\n", "Connection: xclose\r\n",
	"Trailer: A, b\r\n", "Trailer: Content-Length\r\n", "Trailer:\r\n", "Trailer: a b\r\n",
	"A: b\r\n", "a:  c\t \r\n", "A :b\r\n", " fold\r\n", "\tfold\r\n", "x-y-z: \x80\r\n", "A: \x00\r\n", "A: b\rc\r\n", "A: b\n", "!#$: x\r\n", "pragma: no-cache\r\n", ": x\r\n", "\xe4: x\r\n",
	"\r\n", "\n", "\r", "hello", "5\r\nhello\r\n", "5;a=b\r\nhello\r\n", "5 ;a\r\nhello\r\n", "5 \r\nhello\r\n", "0005\r\nhello\r\n", "A\r\n0123456789\r\n", "5\nhello\r\n", "5\r\nhello\n",
	"ffffffffffffffff\r\n", "10000000000000000\r\n", "4\r\nhello\r\n", "0\r\n", "00\r\n", "0;x\r\n", "0\r\n\r\n", "-1\r\n", "0x5\r\nhello\r\n",
}

// FuzzAnswerOfPieces reaches further than bytes at random do.
func FuzzAnswerOfPieces(f *testing.F) {
	for _, seed := range [][]byte{{0, 10, 43, 46}, {0, 17, 43, 47, 48, 61}, {0, 17, 26, 43, 47, 58, 30, 43}, {4, 1, 23, 10, 43, 46}} {
		f.Add(seed, uint8(0), uint8(3))
	}
	f.Fuzz(func(t *testing.T, recipe []byte, method, step uint8) {
		var data []byte
		for _, i := range recipe[:min(len(recipe), 40)] {
			data = append(data, pieces[int(i)%len(pieces)]...)
		}
		compare(t, data, method, step)
	})
}

// What the pool writes, http.ReadRequest reads as the one request that was meant, with nothing behind it.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/v1/a?b=c", "replica:80", "X-A", "value", []byte("{}"), false)
	f.Add("GET", "/ HTTP/1.1\r\nX: y\r\n\r\n", "a\r\n", "Content-Length", "5", []byte("GET / HTTP/1.1\r\n\r\n"), true)
	f.Add("PUT", "/%2f?a b", "[::1%25a]:1", "transfer-encoding", "chunked", []byte("0\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, method, target, host, key, value string, body []byte, chunked bool) {
		req, err := http.NewRequestWithContext(context.Background(), method, "http://replica"+target, bytes.NewReader(body))
		if err != nil {
			return
		}
		req.Host, req.Header = host, http.Header{key: {value}}
		if chunked {
			req.ContentLength = -1
		}
		conn := &listener{answer: make(chan struct{})}
		p := upstream.New("replica:1", upstream.Options{Dial: func(context.Context, string, string) (net.Conn, error) { return conn, nil }})
		_, _, err = ask(p, req)
		if err != nil {
			wantKind(t, err, upstream.KindRequest)
			return
		}
		r := bufio.NewReader(bytes.NewReader(conn.written.Bytes()))
		got, err := http.ReadRequest(r)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", conn.written.String(), err)
		}
		b, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(b, body) {
			t.Fatalf("body %q, %v, want %q", b, err, body)
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Fatalf("bytes behind the request in %q", conn.written.String())
		}
		if method != "" && got.Method != method || len(got.Header) > 2 {
			t.Fatalf("got %+v", got)
		}
	})
}

// listener is a connection that keeps what is written and answers 204 when the request is complete.
type listener struct {
	script
	written bytes.Buffer
	answer  chan struct{}
	asked   bool
}

func (l *listener) Write(b []byte) (int, error) {
	l.written.Write(b)
	if !l.asked && complete(l.written.Bytes()) {
		l.asked = true
		l.data, l.step = []byte("HTTP/1.1 204 No Content\r\n\r\n"), 100
		close(l.answer)
	}
	return len(b), nil
}

func (l *listener) Read(b []byte) (int, error) {
	<-l.answer
	return l.script.Read(b)
}

func (l *listener) Close() error { return nil }

func complete(b []byte) bool {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return bytes.Contains(b, []byte("\r\n\r\n")) // let the test say so
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}
