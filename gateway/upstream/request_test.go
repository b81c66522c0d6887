package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// recorder answers each request and keeps its bytes as they came.
func recorder(t *testing.T) (*replica, func() string) {
	t.Helper()
	heads := make(chan string, 1)
	rep := newReplica(t, func(_ int, c net.Conn, _ *bufio.Reader) {
		var raw bytes.Buffer
		r := bufio.NewReader(io.TeeReader(c, &raw))
		for readRequest(r) == nil {
			heads <- raw.String()
			raw.Reset()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	return rep, func() string { return <-heads }
}

func TestRequestAsWritten(t *testing.T) {
	reader := func(s string) io.Reader { return struct{ io.Reader }{strings.NewReader(s)} }
	tests := []struct {
		name   string
		method string
		body   io.Reader
		change func(*http.Request)
		want   string // %s is the address; fields sorted
	}{
		{name: "get", method: "GET", want: "GET /predict?a=1 HTTP/1.1\r\nHost: %s\r\n\r\n"},
		{name: "no method", change: func(r *http.Request) { r.Method = "" }, want: "GET /predict?a=1 HTTP/1.1\r\nHost: %s\r\n\r\n"},
		{name: "host", method: "GET", change: func(r *http.Request) { r.Host = "model.example" }, want: "GET /predict?a=1 HTTP/1.1\r\nHost: model.example\r\n\r\n"},
		{name: "zone", method: "GET", change: func(r *http.Request) { r.Host = "[fe80::1%eth0]:80" }, want: "GET /predict?a=1 HTTP/1.1\r\nHost: [fe80::1]:80\r\n\r\n"},
		{
			name: "escaped path", method: "GET", change: func(r *http.Request) { r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/a b/c", "/a%20b%2fc", "" },
			want: "GET /a%20b%2fc HTTP/1.1\r\nHost: %s\r\n\r\n",
		},
		{name: "no path", method: "GET", change: func(r *http.Request) { r.URL.Path, r.URL.RawQuery = "", "" }, want: "GET / HTTP/1.1\r\nHost: %s\r\n\r\n"},
		{name: "small body", method: "POST", body: strings.NewReader("{}"), want: "POST /predict?a=1 HTTP/1.1\r\nContent-Length: 2\r\nHost: %s\r\n\r\n{}"},
		{name: "no body", method: "POST", want: "POST /predict?a=1 HTTP/1.1\r\nContent-Length: 0\r\nHost: %s\r\n\r\n"},
		{
			name: "unknown length", method: "POST", body: reader("hello"),
			want: "POST /predict?a=1 HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		},
		{
			name: "trailers", method: "POST", body: reader("hello"),
			change: func(r *http.Request) { r.Trailer = http.Header{"X-Sum": {"1"}} },
			want:   "POST /predict?a=1 HTTP/1.1\r\nHost: %s\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
		},
		{
			name: "framing fields are ours, in any spelling", method: "POST", body: strings.NewReader("{}"),
			change: func(r *http.Request) {
				r.Header = http.Header{
					"Content-Length": {"7"}, "content-length": {"8"}, "TRANSFER-ENCODING": {"chunked"}, "Trailer": {"X"}, "host": {"evil"},
					"X-A": {"1", "2\t3"}, "x-b": {"\xc3\xa4"},
				}
			},
			want: "POST /predict?a=1 HTTP/1.1\r\nContent-Length: 2\r\nHost: %s\r\nX-A: 1\r\nX-A: 2\t3\r\nx-b: \xc3\xa4\r\n\r\n{}",
		},
		{
			name: "close", method: "GET", change: func(r *http.Request) { r.Close = true },
			want: "GET /predict?a=1 HTTP/1.1\r\nConnection: close\r\nHost: %s\r\n\r\n",
		},
		{
			name: "close once", method: "GET", change: func(r *http.Request) { r.Close = true; r.Header.Set("Connection", "close") },
			want: "GET /predict?a=1 HTTP/1.1\r\nConnection: close\r\nHost: %s\r\n\r\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rep, written := recorder(t)
			req := newRequest(t, t.Context(), tt.method, rep.addr, tt.body)
			if tt.change != nil {
				tt.change(req)
			}
			p := newPool(t, rep.addr, upstream.Options{})
			if _, _, err := ask(p, req); err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(tt.want, "%s", rep.addr, 1)
			if diff := cmp.Diff(want, sortHead(written())); diff != "" {
				t.Error(diff)
			}
			streamed := req.ContentLength == 0 && tt.body != nil // whose connection is kept unless its sender is late: see sentGrace
			if s := p.Stats(); (s.Idle == 0) != req.Close && !streamed {
				t.Errorf("%+v with Close %t", s, req.Close)
			}
		})
	}
}

// sortHead sorts the field lines of a message.
func sortHead(msg string) string {
	head, body, _ := strings.Cut(msg, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

func TestNothingCanBeInjected(t *testing.T) {
	tests := map[string]func(*http.Request){
		"method":               func(r *http.Request) { r.Method = "GET / HTTP/1.1\r\nX: y\r\n" },
		"method with space":    func(r *http.Request) { r.Method = "GET /" },
		"host":                 func(r *http.Request) { r.Host = "a\r\nX: y" },
		"host with slash":      func(r *http.Request) { r.Host = "a/b" },
		"host with space":      func(r *http.Request) { r.Host = "a b" },
		"host beyond ascii":    func(r *http.Request) { r.Host = "b\u00fccher.example" },
		"no host":              func(r *http.Request) { r.Host, r.URL.Host = "", "" },
		"query":                func(r *http.Request) { r.URL.RawQuery = "a HTTP/1.1\r\nX: y" },
		"query with space":     func(r *http.Request) { r.URL.RawQuery = "a b" },
		"opaque":               func(r *http.Request) { r.URL.Opaque = "/ HTTP/1.1\r\nX: y" },
		"name":                 func(r *http.Request) { r.Header = http.Header{"A: b\r\nX": {"y"}} },
		"name with colon":      func(r *http.Request) { r.Header = http.Header{"A:": {"y"}} },
		"empty name":           func(r *http.Request) { r.Header = http.Header{"": {"y"}} },
		"value with crlf":      func(r *http.Request) { r.Header = http.Header{"A": {"longer than eight\r\nX: y"}} },
		"value with lf":        func(r *http.Request) { r.Header = http.Header{"A": {"b\nX: y"}} },
		"value with cr":        func(r *http.Request) { r.Header = http.Header{"A": {"b\r"}} },
		"value with nul":       func(r *http.Request) { r.Header = http.Header{"A": {"\x00"}} },
		"value with del":       func(r *http.Request) { r.Header = http.Header{"A": {"1234567\x7f"}} },
		"trailer name":         func(r *http.Request) { r.ContentLength = -1; r.Trailer = http.Header{"A\r\nX": nil} },
		"trailer that frames":  func(r *http.Request) { r.ContentLength = -1; r.Trailer = http.Header{"Content-Length": nil} },
		"no url":               func(r *http.Request) { r.URL = nil },
		"https, no fallback":   func(r *http.Request) { r.URL.Scheme = "https" },
		"upgrade, no fallback": func(r *http.Request) { r.Header = http.Header{"Upgrade": {"websocket"}} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, "127.0.0.1:1", upstream.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
				t.Error("dialed")
				return nil, errors.New("dialed")
			}})
			body := &closeCounter{Reader: strings.NewReader("{}")}
			req := newRequest(t, t.Context(), http.MethodPost, "replica", body)
			req.ContentLength = 2
			change(req)
			_, _, err := ask(p, req)
			if e := wantKind(t, err, upstream.KindRequest); e.Sent {
				t.Error("Sent is true")
			}
			if body.closed != 1 {
				t.Errorf("body closed %d times", body.closed)
			}
		})
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestUnusualRequestsGoToTheFallback(t *testing.T) {
	handed := errors.New("handed over")
	p := newPool(t, "127.0.0.1:1", upstream.Options{Fallback: tripper(func(*http.Request) (*http.Response, error) { return nil, handed })})
	for name, req := range map[string]*http.Request{
		"https":              {Method: "GET", URL: &url.URL{Scheme: "https", Host: "a"}},
		"connect":            {Method: "CONNECT", URL: &url.URL{Scheme: "http", Host: "a"}},
		"upgrade":            {Method: "GET", URL: &url.URL{Scheme: "http", Host: "a"}, Header: http.Header{"upgrade": {"websocket"}}},
		"connection upgrade": {Method: "GET", URL: &url.URL{Scheme: "http", Host: "a"}, Header: http.Header{"Connection": {"x, Upgrade"}}},
		"expect":             {Method: "POST", URL: &url.URL{Scheme: "http", Host: "a"}, Header: http.Header{"Expect": {"100-continue"}}},
	} {
		if _, _, err := ask(p, req); !errors.Is(err, handed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
