package forward_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestM01TheLiveBodyIsStreamed(t *testing.T) {
	for _, c := range []struct {
		name   string
		tls    bool
		length int64
	}{{"Content-Length", false, 20}, {"chunked", false, -1}, {"HTTP/2 with length", true, 20}, {"HTTP/2", true, -1}} {
		t.Run(c.name, func(t *testing.T) {
			got := make(chan string)
			url := deployment(t, func(_ http.ResponseWriter, r *http.Request) {
				if r.ContentLength != c.length {
					t.Errorf("length %d", r.ContentLength)
				}
				for {
					var b [20]byte
					n, err := r.Body.Read(b[:])
					if n > 0 {
						got <- string(b[:n])
					}
					if err != nil {
						return
					}
				}
			})
			g := setup{tls: c.tls}.start(t, url)
			body, w := io.Pipe()
			req := request(t, http.MethodPost, g.URL+"/v1/x", body)
			req.ContentLength = c.length
			done := make(chan error, 1)
			go func() {
				res, err := g.Client().Do(req)
				if err == nil {
					res.Body.Close()
				}
				done <- err
			}()
			// Each part is waited for before the next is sent: whoever gathers
			// parts would wait for ever.
			for i := range 4 {
				part := fmt.Sprintf("part%d", i)
				if _, err := io.WriteString(w, part); err != nil {
					t.Fatal(err)
				}
				if i == 3 {
					w.Close() // some clients hold back the last part until they see the end
				}
				select {
				case p := <-got:
					if p != part {
						t.Fatalf("got %q, want %q", p, part)
					}
				case <-time.After(patience):
					t.Fatal("the part did not come")
				}
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestH09PartsOfAStreamComeAtOnce(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		tls        bool
		length     bool
	}{
		{"event stream", "text/event-stream; charset=utf-8", false, false},
		{"event stream with a length", "Text/Event-Stream", false, true},
		{"unknown length", "application/json", false, false},
		{"known length", "application/json", false, true},
		{"HTTP/2", "text/event-stream", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := make(chan struct{})
			url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				if c.length {
					w.Header().Set("Content-Length", "45")
				}
				for i := range 5 {
					fmt.Fprintf(w, "data: %d\n\n", i)
					_ = http.NewResponseController(w).Flush()
					<-next
				}
			})
			g := setup{tls: c.tls}.start(t, url)
			res, err := g.Client().Do(request(t, http.MethodGet, g.URL+"/v1/x", nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			for i := range 5 {
				b := make([]byte, 9)
				if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != fmt.Sprintf("data: %d\n\n", i) {
					t.Fatalf("got %q, %v", b, err)
				}
				next <- struct{}{}
			}
			if _, err := res.Body.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
			if r := g.result(t); r.Outcome != record.OK || r.ResponseBytes != 45 {
				t.Errorf("result %+v", r)
			}
		})
	}
}

func TestH09TheHeadOfAStreamComesBeforeItsBody(t *testing.T) {
	release := make(chan struct{})
	url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	g := setup{}.start(t, url)
	res, err := g.Client().Do(request(t, http.MethodGet, g.URL+"/v1/x", nil))
	close(release)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func TestH09TrailersOfAnswersPass(t *testing.T) {
	for _, tls := range []bool{false, true} {
		url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = io.WriteString(w, "hi")
			w.Header().Set("Grpc-Status", "0")
			w.Header().Set(http.TrailerPrefix+"X-Late", "1")
		})
		g := setup{tls: tls}.start(t, url)
		res, body := do(t, g.Client(), request(t, http.MethodGet, g.URL+"/v1/x", nil))
		if body != "hi" || res.Trailer.Get("Grpc-Status") != "0" || res.Trailer.Get("X-Late") != "1" {
			t.Errorf("HTTP/2 %v: %q, %v", tls, body, res.Trailer)
		}
	}
}

func TestBothDirectionsFlowAtTheSameTime(t *testing.T) {
	for _, tls := range []bool{false, true} {
		url := rawDeployment(t, func(c *net.TCPConn) {
			readHead(c)
			r := bufio.NewReader(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for {
				// The parts are chunks as the gateway writes them.
				size, err := r.ReadString('\n')
				if err != nil {
					return
				}
				data, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if _, err := io.WriteString(c, size+data); err != nil || size == "0\r\n" {
					return
				}
			}
		})
		g := setup{tls: tls}.start(t, url)
		body, w := io.Pipe()
		req := request(t, http.MethodPost, g.URL+"/v1/x", body)
		written := make(chan error, 1)
		go func() {
			_, err := io.WriteString(w, "ping 0")
			written <- err
		}()
		res, err := g.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			b := make([]byte, len("ping 0"))
			if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != fmt.Sprintf("ping %d", i) {
				t.Fatalf("HTTP/2 %v: got %q, %v", tls, b, err)
			}
			go func() {
				_, err := fmt.Fprintf(w, "ping %d", i+1)
				written <- err
			}()
		}
		<-written
		w.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Error(err)
		}
		res.Body.Close()
		if r := g.result(t); r.Outcome != record.OK {
			t.Errorf("result %+v", r)
		}
	}
}

func TestH06AnEarlyAnswerComesThroughAnUpload(t *testing.T) {
	const size = 20 << 20
	url := rawDeployment(t, func(c *net.TCPConn) {
		readHead(c)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
	})
	for _, framing := range []string{fmt.Sprintf("Content-Length: %d", size), "Transfer-Encoding: chunked"} {
		g := setup{}.start(t, url)
		arrived := 0
		const tries = 40 // of which all but one have to arrive; 99 of 100 in package soak
		for range tries {
			status, body := upload(t, g, framing, size)
			if status != http.StatusRequestEntityTooLarge || body != "too large" {
				t.Logf("%s: got %d %q, %+v", framing, status, body, g.result(t))
				continue
			}
			arrived++
			if r := g.result(t); r.Status != http.StatusRequestEntityTooLarge || r.Outcome != record.OK {
				t.Errorf("result %+v", r)
			}
		}
		if arrived < tries-1 {
			t.Errorf("%s: %d of %d callers got the answer", framing, arrived, tries)
		}
	}
}

// upload sends a body as fast as it is taken, all of it before it looks at the
// answer, as simple clients do.
func upload(t *testing.T, g *gateway, framing string, size int) (status int, body string) {
	t.Helper()
	c := g.dial(t)
	defer c.Close()
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	if strings.HasPrefix(framing, "Transfer-Encoding") {
		chunk = append(append([]byte("10000\r\n"), chunk...), "\r\n"...)
	}
	w := bufio.NewWriter(c)
	fmt.Fprintf(w, "POST /v1/x HTTP/1.1\r\nHost: g\r\n%s\r\n\r\n", framing)
	for sent := 0; sent < size; sent += 64 << 10 {
		if _, err := w.Write(chunk); err != nil {
			break // answered; the connection may still be read
		}
	}
	if strings.HasPrefix(framing, "Transfer-Encoding") {
		_, _ = io.WriteString(w, "0\r\n\r\n")
	}
	_ = w.Flush()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err.Error()
	}
	return res.StatusCode, string(b)
}

func TestH07ADeploymentThatDiesIsNotACleanEnd(t *testing.T) {
	for _, tls := range []bool{false, true} {
		for _, c := range []struct{ name, head, body string }{
			{"length", "Content-Length: 100000", strings.Repeat("x", 50000)},
			{"short length", "Content-Length: 100", "x"},
			{"chunked", "Transfer-Encoding: chunked", "5\r\nhello\r\n"},
			{"chunked, amid a chunk", "Transfer-Encoding: chunked", "5\r\nhel"},
			{"chunked, amid the end", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n"},
			{"event stream", "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n"},
		} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", c.name, tls), func(t *testing.T) {
				passed := make(chan struct{})
				url := rawDeployment(t, func(conn *net.TCPConn) {
					readHead(conn)
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+c.head+"\r\n\r\n"+c.body)
					<-passed
				})
				g := setup{tls: tls}.start(t, url)
				res, err := g.Client().Do(request(t, http.MethodGet, g.URL+"/v1/x", nil))
				close(passed)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if b, err := io.ReadAll(res.Body); err == nil {
					t.Errorf("%d bytes and a clean end", len(b))
				}
				r := g.result(t)
				// net/http's word for an end amid the trailers is not that of a broken connection.
				kind := r.Kind == record.Reset || c.name == "chunked, amid the end" && r.Kind == record.Protocol
				if r.Outcome != record.Error || !kind || r.Status != http.StatusOK || !r.Abort || !r.Committed || r.Err == nil {
					t.Errorf("result %+v", r)
				}
			})
		}
	}
}

// mute is a deployment that answers the first request of a connection and ends
// the connection upon the second one, having received it. It tells how often a request was
// received, and whether once as the second.
func mute(t *testing.T) (url string, received func(line string) (times int, second bool)) {
	var seen testbed.Log
	url = rawDeployment(t, func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		for i := range 2 {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = fmt.Fprintf(&seen, "%s %s %d\n", req.Method, req.URL.Path, i)
			if i == 0 {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
	})
	return url, func(line string) (int, bool) {
		text := seen.String()
		return strings.Count(text, line+" "), strings.Contains(text, line+" 1\n")
	}
}

func TestH12APostIsNeverSentTwice(t *testing.T) {
	for _, c := range []struct {
		name, method string
		header       http.Header
		body         string
		times        int
	}{
		{"POST", http.MethodPost, nil, "{}", 1},
		{"POST with a key", http.MethodPost, http.Header{"Idempotency-Key": {"1"}}, "{}", 1},
		{"POST without body", http.MethodPost, nil, "", 1},
		{"POST without body, with a key", http.MethodPost, http.Header{"Idempotency-Key": {"1"}}, "", 1},
		{"POST without body, with the other key", http.MethodPost, http.Header{"X-Idempotency-Key": {"1"}}, "", 1},
		{"PATCH without body, with a key", http.MethodPatch, http.Header{"Idempotency-Key": {"1"}}, "", 1},
		{"GET", http.MethodGet, nil, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, received := mute(t)
			g := setup{}.start(t, url)
			// net/http does not keep a connection whose request took long to be accounted for.
			for i, kept := 0, false; !kept; i++ {
				if i == 20 {
					t.Fatal("no connection is kept")
				}
				if res, _ := do(t, g.Client(), request(t, http.MethodGet, g.URL+"/v1/x/first", nil)); res.StatusCode != 200 {
					t.Fatalf("first: %d", res.StatusCode)
				}
				g.result(t)
				path := fmt.Sprintf("/second%d", i)
				req := request(t, c.method, g.URL+"/v1/x"+path, strings.NewReader(c.body))
				req.Header = c.header.Clone()
				res, body := do(t, g.Client(), req)
				var n int
				r := g.result(t)
				if n, kept = received(c.method + " /predict" + path); !kept {
					if n != 1 || res.StatusCode != http.StatusOK {
						t.Errorf("over a connection of its own: it arrived %d times, and was answered with %d", n, res.StatusCode)
					}
					continue
				}
				if n != c.times {
					t.Errorf("it arrived %d times, want %d", n, c.times)
				}
				if c.times > 1 {
					if res.StatusCode != http.StatusOK {
						t.Errorf("got %d", res.StatusCode)
					}
					return
				}
				wantError(t, res, body, http.StatusBadGateway)
				if r.Kind != record.Reset {
					t.Errorf("result %+v", r)
				}
			}
		})
	}
}

func TestIdempotencyKeysReachTheDeployment(t *testing.T) {
	url, requests := recorder(t)
	g := setup{}.start(t, url)
	g.send(t, "POST /v1/x HTTP/1.1\r\nHost: g\r\nIdempotency-Key: a\r\nX-Idempotency-Key: b\r\nContent-Length: 0\r\n\r\n")
	if h := (<-requests).Header; h.Get("Idempotency-Key") != "a" || h.Get("X-Idempotency-Key") != "b" {
		t.Errorf("got %v", h)
	}
}

func TestPathsKeepTheirForm(t *testing.T) {
	var uri atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { uri.Store(r.RequestURI) }))
	t.Cleanup(s.Close)
	for _, c := range []struct{ replica, path, want string }{
		{"/predict", "", "/predict"},
		{"/predict/", "", "/predict/"},
		{"/predict", "/", "/predict/"},
		{"/predict/", "/", "/predict/"},
		{"/predict/", "/a", "/predict/a"},
		{"", "", "/"},
		{"", "/a", "/a"},
		{"/", "//a", "//a"},
		{"/p", "/a%2Fb/%41//c/", "/p/a%2Fb/%41//c/"},
		{"/p%2Fq", "/a", "/p%2Fq/a"},
		{"/p", "/...", "/p/..."},
		{"/p", "/a..b/..c", "/p/a..b/..c"},
		{"/p", "/%252e%252e", "/p/%252e%252e"},
		{"/p", "/é", "/p/%C3%A9"},
		{"/p", "/a?b=%20c;d&e", "/p/a?b=%20c;d&e"},
		{"/p", "/a?", "/p/a?"},
		{"/p?k=1", "/a", "/p/a?k=1"},
		{"/p?k=1", "/a?b", "/p/a?k=1&b"},
	} {
		g := setup{}.start(t, s.URL+c.replica)
		res := g.send(t, "GET /v1/x"+c.path+" HTTP/1.1\r\nHost: g\r\n\r\n")
		if res.StatusCode != 200 || uri.Load() != c.want {
			t.Errorf("%q + %q: %d, asked for %q, want %q", c.replica, c.path, res.StatusCode, uri.Load(), c.want)
		}
	}
}

func TestLargeBodiesPassWhole(t *testing.T) {
	body := make([]byte, 2<<20) // more than any buffer on its way, and than is kept
	_, _ = rand.Read(body)
	want := sha256.Sum256(body)
	url := deployment(t, echo)
	for _, tls := range []bool{false, true} {
		g := setup{tls: tls}.start(t, url)
		for _, length := range []int64{int64(len(body)), -1} {
			req := request(t, http.MethodPost, g.URL+"/v1/x", io.NopCloser(bytes.NewReader(body)))
			req.ContentLength = length
			res, got := do(t, g.Client(), req)
			if res.StatusCode != 200 || sha256.Sum256([]byte(got)) != want {
				t.Errorf("HTTP/2 %v, length %d: %d and %d bytes", tls, length, res.StatusCode, len(got))
			}
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	url := deployment(t, echo)
	g := setup{}.start(t, url)
	c := g.dial(t)
	r := bufio.NewReader(c)
	for i := range 5 {
		for _, body := range []string{"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"} {
			if _, err := io.WriteString(c, "POST /v1/x HTTP/1.1\r\nHost: g\r\n"+body); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			if b, err := io.ReadAll(res.Body); err != nil || string(b) != "hello" || res.Close {
				t.Fatalf("answer %d: %q, %v, close %v", i, b, err, res.Close)
			}
			res.Body.Close()
		}
	}
}

func TestExpectationsAreTheDeploymentsToMeet(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		unasked      time.Duration // after which the body is sent without a word from the deployment
	}{
		{"met", "", 200 * time.Millisecond},
		{"not met", "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", patience},
	} {
		t.Run(c.name, func(t *testing.T) {
			replica := rawDeployment(t, func(conn *net.TCPConn) {
				r := bufio.NewReader(conn)
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				if c.answer != "" {
					_, _ = io.WriteString(conn, c.answer)
					return
				}
				b, _ := io.ReadAll(req.Body)
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b)
			})
			s := setup{}
			s.pool.Transport = func(deployments.Destination) deployments.Transport {
				tr := deployments.NewTransport(deployments.TransportOptions{})
				tr.ExpectContinueTimeout = c.unasked
				return tr
			}
			g := s.start(t, replica)
			conn := g.dial(t)
			_, _ = io.WriteString(conn, "POST /v1/x HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
			r := bufio.NewReader(conn)
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if c.answer != "" {
				if !strings.HasPrefix(line, "HTTP/1.1 417") {
					t.Errorf("got %q", line)
				}
				return
			}
			if !strings.HasPrefix(line, "HTTP/1.1 100") {
				t.Fatalf("got %q", line)
			}
			_, _ = r.ReadString('\n')
			_, _ = io.WriteString(conn, "hello")
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 200 || string(b) != "hello" {
				t.Errorf("got %d %q", res.StatusCode, b)
			}
		})
	}
}
