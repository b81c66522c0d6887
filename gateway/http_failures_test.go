package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestH04AMalformedBodyIs400AndNotTheDeploymentsFault(t *testing.T) {
	live := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	s := newStage(t, options{})
	s.serve(mirrored("["+live+"/a, "+live+"/b]", map[string]string{"m": live}))
	bodies := []string{"zz\r\nhello\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "-1\r\n\r\n", "10000000000000000\r\n"}
	for _, body := range bodies {
		got := s.send("POST /v1/e HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
		if got.status != http.StatusBadRequest || got.header.Get("Connection") != "close" {
			t.Errorf("%q: %+v", body, got)
		}
	}
	for _, f := range s.written(len(bodies), role("live")) {
		if f["errorKind"] != "bad_request" || f["status"] != float64(400) {
			t.Errorf("%v", f)
		}
	}
	for _, f := range s.written(len(bodies), role("mirror")) {
		if f["errorKind"] != "incomplete" {
			t.Errorf("%v", f)
		}
	}
	// Neither replica is marked as down.
	for range 4 {
		if got := s.post("/v1/e", "{}"); got.status != http.StatusOK {
			t.Errorf("afterwards: %+v", got)
		}
	}
	running.Measured(t, "H4", "%d malformed bodies: each 400 and bad_request, no replica marked as down", len(bodies))
}

// The published shapes at the level of bytes are in package front; here is what
// reaches the deployment of them.
func TestH05NoRequestIsSmuggled(t *testing.T) {
	// A shape whose fault is in the body may reach the deployment as one request
	// that never becomes whole.
	var whole atomic.Int64
	live := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "smuggled") {
			t.Error("a smuggled request arrived")
		}
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			whole.Add(1)
		}
	})
	s := newStage(t, options{})
	s.serve(mirrored(live, nil))
	const inner = "GET /v1/e/smuggled HTTP/1.1\r\nHost: g\r\n\r\n"
	post := "POST /v1/e HTTP/1.1\r\nHost: g\r\n"
	for name, raw := range map[string]string{
		"length and chunked":      post + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", 5+len(inner), inner),
		"chunked and length":      post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + inner,
		"two lengths":             post + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner),
		"a list of lengths":       post + fmt.Sprintf("Content-Length: 0, %d\r\n\r\n%s", len(inner), inner),
		"a signed length":         post + "Content-Length: +0\r\n\r\n" + inner,
		"a negative length":       post + "Content-Length: -1\r\n\r\n" + inner,
		"xchunked":                post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
		"chunked twice":           post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"chunked, identity":       post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + inner,
		"space before the colon":  post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
		"obs-fold":                post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + inner,
		"obs-fold of another":     post + "X-A: 1\r\n Content-Length: 40\r\n\r\n" + inner,
		"NUL in a value":          post + "X-A: a\x00b\r\nContent-Length: 0\r\n\r\n" + inner,
		"bare CR":                 post + "X-A: a\rContent-Length: 40\r\n\r\n" + inner,
		"HTTP/1.0 with chunked":   "POST /v1/e HTTP/1.0\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"two hosts":               post + "Host: h\r\nContent-Length: 0\r\n\r\n" + inner,
		"no host":                 "POST /v1/e HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + inner,
		"a bad host":              "POST /v1/e HTTP/1.1\r\nHost: g/h\r\nContent-Length: 0\r\n\r\n" + inner,
		"a chunk without CRLF":    post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n" + inner,
		"a chunk size of 17 digs": post + "Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\n\r\n" + inner,
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial()
			defer c.Close()
			_, _ = io.WriteString(c, raw)
			_ = c.CloseWrite()
			r := bufio.NewReader(c)
			got := s.receive(r, raw)
			if got.status != http.StatusBadRequest && got.status != http.StatusNotImplemented {
				t.Errorf("the answer is %d %s", got.status, got.body)
			}
			if got.header.Get("Connection") != "close" {
				t.Errorf("the connection is to be used again: %v", got.header)
			}
			if rest, _ := io.ReadAll(r); len(rest) > 0 {
				t.Errorf("a second answer: %.60q", rest)
			}
		})
	}
	if n := whole.Load(); n > 0 {
		t.Errorf("%d requests reached the deployment whole", n)
	}
	running.Measured(t, "H5", "%d requests of the shapes that are refused reached the deployment whole", whole.Load())
}

func TestH06AnEarlyRefusalOfALargeUploadReachesTheCaller(t *testing.T) {
	live := testbed.TCP(t, func(c *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.CopyN(io.Discard, req.Body, 100<<10)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
	})
	s := newStage(t, options{})
	s.serve(mirrored(live, map[string]string{"m": live}))
	body := bytes.Repeat([]byte("x"), 20<<20)
	const n = 20
	good := 0
	var last any
	for range n {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/e", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.client.Do(req)
		if err != nil {
			last = err
			continue
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil && res.StatusCode == http.StatusRequestEntityTooLarge && string(text) == "too large" {
			good++
			continue
		}
		last = fmt.Sprint(res.StatusCode, string(text), err)
	}
	if good < n-1 { // 99 of 100 are asked for in package soak
		t.Errorf("%d of %d callers got the 413; another: %v", good, n, last)
	}
}

func TestH07ADeploymentThatDiesIsNotACleanEnd(t *testing.T) {
	for name, head := range map[string]string{
		"length":  "Content-Length: 100\r\n\r\nhalf",
		"chunked": "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		live := testbed.TCP(t, func(c *net.TCPConn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+head)
		})
		s := newStage(t, options{})
		s.serve(mirrored(live, nil))
		for proto, c := range s.clients() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/v1/e", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			res, err := c.client.Do(req)
			if err != nil {
				continue // before the head is as good
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil && res.StatusCode == http.StatusOK {
				t.Errorf("%s, %s: a clean end after %q", proto, name, body)
			}
		}
		for _, f := range s.written(2, role("live")) {
			if f["outcome"] != "error" || f["errorKind"] != "reset" {
				t.Errorf("%s: %v", name, f)
			}
		}
	}
	running.Measured(t, "H7", "length and chunked, HTTP/1.1 and HTTP/2: no clean end, each recorded as reset")
}

func TestH08ACallerWhoLeavesReleasesTheDeployment(t *testing.T) {
	arrived, released := make(chan struct{}, 1), make(chan struct{}, 1)
	live := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
		released <- struct{}{}
	})
	s := newStage(t, options{})
	s.serve(mirrored(live, nil))
	n := 0
	for proto, c := range s.clients() {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/e", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if res, err := c.client.Do(req); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, %v", proto, res, err)
		}
		testbed.Receive(t, proto+": the release of the deployment", released)
		n++
	}
	for _, f := range s.written(n, role("live")) {
		if f["outcome"] != "canceled" || f["status"] != float64(499) || f["errorKind"] != "canceled" {
			t.Errorf("%v", f)
		}
	}
}

// Each event is awaited before the next one is sent: nothing holds it back.
func TestH09EventsAndTrailersComeThrough(t *testing.T) {
	next := make(chan struct{}, 1)
	live := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Trailer", "X-Sum")
		for i := range 20 {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("X-Sum", "20")
	})
	copied := newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(mirrored(live, map[string]string{"m": copied.url}))
	for proto, c := range s.clients() {
		for _, endpoint := range []string{"/v1/e", "/v1/off"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+endpoint, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := c.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(res.Body)
			for i := range 20 {
				line, err := r.ReadString('\n')
				if _, e := r.ReadString('\n'); err != nil || e != nil || line != fmt.Sprintf("data: %d\n", i) {
					t.Fatalf("%s%s: %q, %v", proto, endpoint, line, err)
				}
				next <- struct{}{}
			}
			rest, err := io.ReadAll(r)
			res.Body.Close()
			if err != nil || len(rest) > 0 || res.Trailer.Get("X-Sum") != "20" {
				t.Errorf("%s%s: the end: %q, %v, trailers %v", proto, endpoint, rest, err, res.Trailer)
			}
		}
	}
}

// Every kept connection is dead when its second request is sent.
func TestH12APostIsNeverSentTwice(t *testing.T) {
	var mu sync.Mutex
	bodies := map[string]int{}
	live := testbed.TCP(t, func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		for i := range 2 {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			mu.Lock()
			bodies[string(body)]++
			mu.Unlock()
			if i == 1 {
				_ = c.SetLinger(0) // it was read, and is not answered
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	s := newStage(t, options{})
	s.serve(mirrored(live, nil))
	const n = 100
	statuses := map[int]int{}
	for i := range n {
		statuses[s.post("/v1/e", fmt.Sprint("body-", i), "Idempotency-Key", fmt.Sprint(i)).status]++
	}
	mu.Lock()
	defer mu.Unlock()
	for body, times := range bodies {
		if times != 1 {
			t.Errorf("%s was sent %d times", body, times)
		}
	}
	if statuses[200]+statuses[502] != n || statuses[200] == 0 || statuses[502] == 0 || len(bodies) != n {
		t.Errorf("%d bodies arrived; by status: %v", len(bodies), statuses)
	}
	running.Measured(t, "H12", "%d POSTs over dying connections: %d arrived once, 0 twice", n, len(bodies))
}

func TestH14APanicHitsOneRequestOnly(t *testing.T) {
	live := newReplica(t, "v1")
	s := newStage(t, options{transport: panicsAt("panic.invalid")})
	f := mirrored(live.url, nil)
	f["endpoints/bad.yaml"] = "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: bad, version: 1}}\n"
	f["deployments/bad.yaml"] = deployment("http://panic.invalid")
	s.serve(f)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				if got := s.post("/v1/e", "{}"); got.status != http.StatusOK {
					t.Errorf("beside panics: %+v", got)
				}
			}
		})
	}
	const n = 20
	for range n {
		c := s.dial()
		_, _ = io.WriteString(c, "POST /v1/bad HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}")
		if head, _ := io.ReadAll(c); strings.Contains(string(head), " 200 ") {
			t.Errorf("a panic is answered with %q", head)
		}
		c.Close()
	}
	wg.Wait()
	for _, f := range s.written(n, func(f fields) bool { return f["endpoint"] == "bad" }) {
		if f["errorKind"] != "panic" || f["outcome"] != "error" {
			t.Errorf("%v", f)
		}
	}
	testbed.Eventually(t, "no attempt is in flight", func() bool { return s.metric("switchyard_attempts_in_flight") == 0 })
	running.Measured(t, "H14", "%d requests ended in a panic, 100 beside them whole", n)
}
