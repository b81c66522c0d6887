package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// answer is what a caller sees of one.
type answer struct {
	Status           string
	Code             int
	Proto            string
	Header           http.Header
	Body             string
	Trailer          http.Header
	Length           int64
	TransferEncoding []string
	Close            bool
}

func see(resp *http.Response) (answer, error) {
	a := answer{
		Status: resp.Status, Code: resp.StatusCode, Proto: resp.Proto, Header: resp.Header.Clone(),
		Length: resp.ContentLength, TransferEncoding: append([]string(nil), resp.TransferEncoding...), Close: resp.Close,
	}
	if a.Close {
		a.Header.Del("Connection") // http.Transport removes it, and with it what else it names
	}
	b, err := io.ReadAll(resp.Body)
	a.Body = string(b)
	a.Trailer = resp.Trailer.Clone()
	return a, errors.Join(err, resp.Body.Close())
}

var goodAnswers = map[string]string{
	"length":               "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: application/json\r\n\r\nhello",
	"no reason":            "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	"empty reason":         "HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno",
	"lower-case names":     "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: 7\r\nSET-COOKIE: a\r\nset-cookie: b\r\n\r\nok",
	"spaces around values": "HTTP/1.1 200 OK\r\nContent-Length:\t 2 \t\r\nX: a b \r\nEmpty:\r\n\r\nok",
	"same length twice":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
	"chunked":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0006;x=\"y\"\r\n world\r\n0\r\n\r\n",
	"trailers":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, x-other\r\n\r\nA\r\n0123456789\r\n0\r\nx-sum: 1\r\nX-More: 2\r\n\r\n",
	"204":                  "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
	"304 with length":      "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
	"until close":          "HTTP/1.1 200 OK\r\n\r\nall of it",
	"http/1.0":             "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"http/1.0 keep-alive":  "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
	"connection: close":    "HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 2\r\n\r\nok",
	"interim answers":      "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"large head":           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + strings.Repeat("x", 20_000) + "\r\nY: z\r\n\r\nok",
	"many fields":          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + strings.Repeat("X: y\r\n", 50) + "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\nI: 9\r\n\r\nok",
	"large chunks":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("4000\r\n"+strings.Repeat("z", 0x4000)+"\r\n", 8) + "0\r\n\r\n",
}

// Each answer must look as it does through http.Transport: sent at once, and byte by byte.
func TestAnswersLookAsThroughTransport(t *testing.T) {
	for name, text := range goodAnswers {
		for _, bytewise := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/bytewise=%t", name, bytewise), func(t *testing.T) {
				if bytewise && len(text) > 1000 {
					t.Skip("long")
				}
				rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
					if readRequest(r) != nil {
						return
					}
					step := len(text)
					if bytewise {
						step = 1
					}
					for i := 0; i < len(text); i += step {
						_, _ = io.WriteString(c, text[i:i+step])
					}
				})
				transport := &http.Transport{DisableCompression: true}
				defer transport.CloseIdleConnections()
				var seen [2]answer
				for i, rt := range []http.RoundTripper{transport, newPool(t, rep.addr, upstream.Options{})} {
					resp, err := rt.RoundTrip(post(t, rep.addr, "{}"))
					if err != nil {
						t.Fatal(err)
					}
					if seen[i], err = see(resp); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(seen[0], seen[1]); diff != "" {
					t.Errorf("Transport -, Pool +\n%s", diff)
				}
			})
		}
	}
}

func TestAnswerToHeadHasNoBody(t *testing.T) {
	rep := newReplica(t, always("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"))
	p := newPool(t, rep.addr, upstream.Options{})
	for range 2 {
		resp, err := p.RoundTrip(newRequest(t, t.Context(), http.MethodHead, rep.addr, nil))
		if err != nil {
			t.Fatal(err)
		}
		a, err := see(resp)
		if err != nil || a.Length != 1234 || a.Body != "" {
			t.Fatalf("got %+v, %v", a, err)
		}
	}
	if n := rep.accepted(); n != 1 {
		t.Errorf("%d connections for two HEAD requests, want 1", n)
	}
}

func TestInterimAnswersReachTheTrace(t *testing.T) {
	rep := newReplica(t, always(goodAnswers["interim answers"]))
	p := newPool(t, rep.addr, upstream.Options{})
	type interim struct {
		Code   int
		Header textproto.MIMEHeader
	}
	var got []interim
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			got = append(got, interim{code, h})
			return nil
		},
	})
	if _, body, err := ask(p, newRequest(t, ctx, http.MethodGet, rep.addr, nil)); err != nil || body != "ok" {
		t.Fatalf("got %q, %v", body, err)
	}
	want := []interim{{102, textproto.MIMEHeader{}}, {103, textproto.MIMEHeader{"Link": {"</a>"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	gone := errors.New("caller gone")
	ctx = httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { return gone },
	})
	_, _, err := ask(p, newRequest(t, ctx, http.MethodGet, rep.addr, nil))
	wantKind(t, err, upstream.KindCanceled)
	if !errors.Is(err, gone) {
		t.Errorf("%v does not wrap the trace's error", err)
	}
}

// A caller may hold on to a forgotten Body, and to values of its header, without touching another exchange.
func TestClosedAnswerTouchesNoOther(t *testing.T) {
	rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for i := 0; readRequest(r) == nil; i++ {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-N: %d\r\n\r\n%02d", i, i)
		}
	})
	p := newPool(t, rep.addr, upstream.Options{})
	first, err := p.RoundTrip(post(t, rep.addr, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	values := first.Header["X-N"]
	a, err := see(first)
	if err != nil || a.Body != "00" {
		t.Fatalf("got %+v, %v", a, err)
	}
	second, err := p.RoundTrip(post(t, rep.addr, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Body.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := first.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("Read after Close: %v", err)
	}
	if first.Header != nil || len(values) != 1 || values[0] != "0" {
		t.Errorf("header %v, values kept %q", first.Header, values)
	}
	if a, err = see(second); err != nil || a.Body != "01" || a.Header.Get("X-N") != "1" {
		t.Errorf("got %+v, %v", a, err)
	}
}

// What a stream has sent is passed on at once, not when a buffer is full.
func TestStreamIsPassedOnAsItComes(t *testing.T) {
	next := make(chan struct{}, 1)
	rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if readRequest(r) != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for i := range 20 {
			_, _ = fmt.Fprintf(c, "3\r\n%03d\r\n", i)
			<-next
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
	})
	resp, err := newPool(t, rep.addr, upstream.Options{}).RoundTrip(get(t, rep.addr))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b := make([]byte, 4096)
	for i := range 20 {
		n, err := resp.Body.Read(b)
		if want := fmt.Sprintf("%03d", i); err != nil || string(b[:n]) != want {
			t.Fatalf("got %q, %v, want %q", b[:n], err, want)
		}
		next <- struct{}{}
	}
	if _, err := resp.Body.Read(b); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func TestCloseEndsARead(t *testing.T) {
	rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if readRequest(r) == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
			_, _ = r.ReadByte()
		}
	})
	p := newPool(t, rep.addr, upstream.Options{})
	resp, err := p.RoundTrip(newRequest(t, context.Background(), http.MethodGet, rep.addr, nil))
	if err != nil {
		t.Fatal(err)
	}
	half := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		_, _ = io.ReadFull(resp.Body, make([]byte, 4))
		close(half)
		_, err := resp.Body.Read(make([]byte, 4))
		ended <- err
	}()
	<-half
	resp.Body.Close()
	if err := <-ended; err == nil {
		t.Error("Read returned without error")
	}
	if s := p.Stats(); s.Open != 0 {
		t.Errorf("%+v", s)
	}
}
