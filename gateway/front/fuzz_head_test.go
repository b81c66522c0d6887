package front

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// seeds for FuzzHead that differ from what the fast lane takes by one step; the published shapes are in shapes_test.go.
var headSeeds = []string{
	"POST /v1/a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n",
	"GET /a;b:c HTTP/1.1\r\nhost: [::1]:8\r\nconnection: close\r\nx-a:\t 1 \t\r\nX-A: 2\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n 2\r\n\r\n",
	"GET / HTTP/1.1\nHost: h\n\n",
	"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na",
	"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nX: \x00\r\n\r\n",
	"GET http://b/ HTTP/1.1\r\nHost: h\r\n\r\n",
	"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

// read runs the fast lane's reader over a stream and returns what it decided, the request, its body and what is left.
func read(t *testing.T, stream io.Reader) (v verdict, r *http.Request, body, rest string) {
	t.Helper()
	c := newConn(New(Options{Std: &http.Server{}}), nil, nil)
	c.br.Reset(stream)
	c.prepare(context.Background(), "")
	v = c.readHead()
	if v == serve {
		c.begin()
		b, _ := io.ReadAll(c.req.Body)
		body = string(b)
	}
	left, err := io.ReadAll(c.br)
	if err != nil {
		t.Fatal(err)
	}
	return v, &c.req, body, string(left)
}

// FuzzHead: whatever the fast lane takes, net/http reads as the same request, to the same byte; what it does not take is
// left untouched; and neither depends on how the bytes were cut into packets.
func FuzzHead(f *testing.F) {
	for _, s := range headSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, got, body, rest := read(t, bytes.NewReader(in))
		slow, _, slowBody, slowRest := read(t, iotest.OneByteReader(bytes.NewReader(in)))
		if v != slow || body != slowBody || rest != slowRest {
			t.Fatalf("in one piece: %v %q %q; byte by byte: %v %q %q", v, body, rest, slow, slowBody, slowRest)
		}
		if v != serve {
			if rest != string(in) && v == over {
				t.Fatalf("handed over %q of %q", rest, in)
			}
			return
		}
		br := bufio.NewReader(bytes.NewReader(in))
		want, err := http.ReadRequest(br)
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		compare(t, got, want)
		wantBody, _ := io.ReadAll(want.Body)
		wantRest, _ := io.ReadAll(br)
		if body != string(wantBody) || rest != string(wantRest) {
			t.Fatalf("body %q, rest %q; net/http: %q, %q", body, rest, wantBody, wantRest)
		}
	})
}

// compare holds every exported field of the two requests against each other.
func compare(t *testing.T, got, want *http.Request) {
	t.Helper()
	if want.Host == "" {
		t.Fatal("no Host")
	}
	opts := []cmp.Option{
		cmpopts.IgnoreUnexported(http.Request{}),
		cmpopts.IgnoreFields(http.Request{}, "Body"),
		cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Fatalf("net/http (-), front (+):\n%s", diff)
	}
	if (got.Body == http.NoBody) != (want.Body == http.NoBody) {
		t.Fatal("one has a body")
	}
}

// FuzzField: whatever a handler puts into a field, the head that is sent has that field and no other.
func FuzzField(f *testing.F) {
	f.Add("X-A", "1\r\nX-B: 2\r\n\r\nHTTP/1.1 200 OK")
	f.Add("X-A\r\nX-B", "1")
	f.Add("", "\x00 a\x7f\t")
	f.Fuzz(func(t *testing.T, key, value string) {
		w := &response{out: newOutput()}
		w.appendField(key, []string{value})
		var want bytes.Buffer
		_ = http.Header{key: {value}}.Write(&want)
		space := func(r rune) rune {
			if r < ' ' && r != '\t' {
				return ' '
			}
			return r
		}
		line, crlf := strings.CutSuffix(want.String(), "\r\n")
		if crlf {
			name, v, _ := strings.Cut(line, ": ")
			line = name + ": " + strings.Trim(mapBytes(v, space), " \t") + "\r\n"
		}
		if got := string(w.out.wire); got != line {
			t.Fatalf("got %q, net/http %q", got, line)
		}
	})
}

func mapBytes(s string, f func(rune) rune) string {
	b := []byte(s)
	for i := range b {
		b[i] = byte(f(rune(b[i])))
	}
	return string(b)
}
