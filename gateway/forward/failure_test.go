package forward_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Two replicas that refuse connections, at ports that are given to nobody who asks for
// any.
const closedPort, otherClosedPort = "http://127.0.0.1:1/predict", "http://127.0.0.1:2/predict"

// wantError checks one of the gateway's errors.
func wantError(t *testing.T, res *http.Response, body string, status int) {
	t.Helper()
	var got struct{ Error, RequestID string }
	err := json.Unmarshal([]byte(body), &got)
	if res.StatusCode != status || err != nil || got.Error == "" || got.RequestID == "" ||
		got.RequestID != res.Header.Get("X-Request-Id") || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("want an error %d, got %d %v %q", status, res.StatusCode, res.Header, body)
	}
}

func TestConnectFailureIsTriedAtEachOtherReplicaOnce(t *testing.T) {
	for _, c := range []struct{ name, body string }{
		{"without body", ""},
		{"small body", "{}"},
		{"large body", strings.Repeat("x", 128<<10)}, // more than is kept
	} {
		t.Run(c.name, func(t *testing.T) {
			good := deployment(t, echo)
			g := setup{}.start(t, closedPort, good, otherClosedPort)
			for range 10 {
				res, body := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(c.body)))
				if res.StatusCode != http.StatusOK || body != c.body {
					t.Fatalf("got %d and %d bytes", res.StatusCode, len(body))
				}
				if r := g.result(t); r.Outcome != record.OK || r.Replica != good || r.RequestBytes != int64(len(c.body)) {
					t.Fatalf("result %+v", r)
				}
			}
		})
	}
}

// earlyReader is a RoundTripper that reads the body before it connects.
type earlyReader struct{ *http.Transport }

func (e earlyReader) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(strings.NewReader(string(b)))
	}
	return e.Transport.RoundTrip(r)
}

func TestABodyReadBeforeConnectingIsSentToTheOtherReplica(t *testing.T) {
	good := deployment(t, echo)
	s := setup{}
	s.pool.Transport = func(deployments.Destination) deployments.Transport {
		return earlyReader{deployments.NewTransport(deployments.TransportOptions{})}
	}
	g := s.start(t, closedPort, good, otherClosedPort)
	for range 10 {
		body := strings.Repeat("x", 30<<10)
		res, got := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(body)))
		if res.StatusCode != http.StatusOK || got != body {
			t.Fatalf("got %d and %d bytes", res.StatusCode, len(got))
		}
		if r := g.result(t); r.RequestBytes != int64(len(body)) {
			t.Fatalf("result %+v", r)
		}
	}
}

func TestNobodyThereIs502(t *testing.T) {
	g := setup{}.start(t, closedPort, otherClosedPort)
	res, body := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader("{}")))
	wantError(t, res, body, http.StatusBadGateway)
	if r := g.result(t); r.Kind != record.Connect || r.Outcome != record.Error || r.Err == nil || r.Status != 502 || r.Abort {
		t.Errorf("result %+v", r)
	}
}

func TestNoAnswerInTimeIs504(t *testing.T) {
	g, release := hanging(t, 50*time.Millisecond)
	defer release()
	res, body := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader("{}")))
	wantError(t, res, body, http.StatusGatewayTimeout)
	if r := g.result(t); r.Kind != record.Timeout || r.Outcome != record.Error || r.Status != 504 {
		t.Errorf("result %+v", r)
	}
}

// hanging is a gateway before a deployment that reads and does not answer.
func hanging(t *testing.T, timeout time.Duration) (g *gateway, release func()) {
	held := make(chan struct{})
	url := deployment(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-held:
		case <-r.Context().Done():
		}
	})
	return setup{attempt: forward.Attempt{Timeout: schema.SimpleTimeout(timeout)}}.start(t, url), func() { close(held) }
}

func TestAnUploadThatStallsIsEndedInTime(t *testing.T) {
	g, release := hanging(t, 100*time.Millisecond)
	defer release()
	for _, framing := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		res := g.send(t, "POST /v1/x HTTP/1.1\r\nHost: g\r\n"+framing+"\r\n\r\n5\r\nhello\r\n")
		if res.StatusCode != http.StatusGatewayTimeout || !res.Close {
			t.Errorf("%s: got %d, close %v", framing, res.StatusCode, res.Close)
		}
		if r := g.result(t); r.Kind != record.Timeout {
			t.Errorf("%s: result %+v", framing, r)
		}
	}
}

func TestASilentStreamIsEndedAndALivelyOneIsNot(t *testing.T) {
	for _, kind := range []string{"text/event-stream", "application/octet-stream"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			testbed.LongEnough(t, 600*time.Millisecond, func(limit time.Duration) bool { return fallsSilent(t, kind, limit) })
		})
	}
}

// fallsSilent checks what comes of a stream that is lively for one and a half times the
// limit, and then silent. It is false where it was silent for that long before, or had no head.
func fallsSilent(t *testing.T, kind string, limit time.Duration) (inTime bool) {
	t.Helper()
	url := deployment(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		tick := time.NewTicker(limit / 6)
		defer tick.Stop()
		for range 9 {
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-tick.C
		}
		<-r.Context().Done()
	})
	g := setup{attempt: forward.Attempt{Timeout: schema.SimpleTimeout(limit)}}.start(t, url)
	res, err := g.Client().Do(request(t, http.MethodGet, g.URL+"/v1/x", nil))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	r := g.result(t)
	if r.Kind == record.Timeout && r.ResponseBytes < 9*9 {
		return false
	}
	if err == nil {
		t.Error("the stream seems to have come to a clean end")
	}
	if r.Kind != record.Timeout || r.Status != http.StatusOK || !r.Abort || !r.Committed || r.ResponseBytes != int64(len(b)) {
		t.Errorf("%d bytes, result %+v", len(b), r)
	}
	if len(b) != 9*9 {
		t.Errorf("got %d bytes of a stream that was never silent for %v", len(b), limit)
	}
	return true
}

func TestACallerThatDoesNotReadIsGivenUp(t *testing.T) {
	t.Parallel()
	url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000000")
		b := make([]byte, 1<<20)
		for {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	})
	timeout := schema.Timeout{FirstByte: time.Minute, Idle: 2 * time.Second}
	g := setup{attempt: forward.Attempt{Timeout: timeout}}.start(t, url)
	c := g.dial(t)
	_, _ = io.WriteString(c, "GET /v1/x HTTP/1.1\r\nHost: g\r\n\r\n")
	if r := g.result(t); r.Kind != record.Timeout || !r.Abort {
		t.Errorf("result %+v", r)
	}
}

func TestABrokenAnswerIs502(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		kind         record.ErrorKind
	}{
		{"nothing", "", record.Reset},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", record.Reset},
		{"no byte of the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", record.Reset},
		{"not HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n", record.Protocol},
		{"bad field", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", record.Protocol},
		{"status 000", "HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n", record.Protocol},
		{"unasked 101", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", record.Protocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := rawDeployment(t, func(conn *net.TCPConn) {
				readHead(conn)
				_, _ = io.WriteString(conn, c.answer)
			})
			g := setup{}.start(t, url)
			res, body := do(t, g.Client(), request(t, http.MethodGet, g.URL+"/v1/x", nil))
			wantError(t, res, body, http.StatusBadGateway)
			if r := g.result(t); r.Kind != c.kind || r.Outcome != record.Error || r.Abort || r.Err == nil {
				t.Errorf("result %+v", r)
			}
		})
	}
}

func TestServerErrorsOfTheDeploymentPass(t *testing.T) {
	url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "busy")
	})
	g := setup{}.start(t, url)
	res, body := do(t, g.Client(), request(t, http.MethodGet, g.URL+"/v1/x", nil))
	if res.StatusCode != http.StatusServiceUnavailable || body != "busy" {
		t.Errorf("got %d %q", res.StatusCode, body)
	}
	if r := g.result(t); r.Outcome != record.Error || r.Kind != record.Status || r.Status != 503 || r.Err != nil {
		t.Errorf("result %+v", r)
	}
}

func TestH04AMalformedBodyIs400(t *testing.T) {
	var heads atomic.Int64
	url := rawDeployment(t, func(c *net.TCPConn) {
		if readHead(c) != "" {
			heads.Add(1)
		}
		_, _ = io.Copy(io.Discard, c)
	})
	g := setup{}.start(t, url)
	for _, body := range []string{"zz\r\nhello\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "-1\r\n\r\n", "10000000000000000\r\n"} {
		res := g.send(t, "POST /v1/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"+body)
		b, _ := io.ReadAll(res.Body)
		wantError(t, res, string(b), http.StatusBadRequest)
		if !res.Close {
			t.Errorf("%q: the connection is to be used again", body)
		}
		if r := g.result(t); r.Kind != record.BadRequest || r.Outcome != record.Error || r.Status != 400 {
			t.Errorf("%q: result %+v", body, r)
		}
	}
}

func TestRequestsAboveTheLimitAre413(t *testing.T) {
	url := deployment(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for _, tls := range []bool{false, true} {
		g := setup{tls: tls, options: forward.Options{MaxRequestBytes: 1 << 20}}.start(t, url)
		for _, c := range []struct {
			name   string
			size   int
			length int64
			status int
		}{
			{"at the limit", 1 << 20, 1 << 20, 200},
			{"at the limit, chunked", 1 << 20, -1, 200},
			{"above", 8 << 20, 8 << 20, 413},
			{"above, chunked", 8 << 20, -1, 413},
		} {
			req := request(t, http.MethodPost, g.URL+"/v1/x", io.NopCloser(strings.NewReader(strings.Repeat("x", c.size))))
			req.ContentLength = c.length
			res, body := do(t, g.Client(), req)
			r := g.result(t)
			if c.status == 200 {
				if res.StatusCode != 200 || r.RequestBytes != int64(c.size) {
					t.Errorf("%s: got %d, %+v", c.name, res.StatusCode, r)
				}
				continue
			}
			wantError(t, res, body, c.status)
			if r.Kind != record.TooLarge {
				t.Errorf("%s: result %+v", c.name, r)
			}
		}
	}
}

func TestH08CallerLeavesAndTheDeploymentIsReleased(t *testing.T) {
	for _, tls := range []bool{false, true} {
		for _, c := range []struct {
			name    string
			partial bool // of the request
			stream  bool
		}{{"before the answer", false, false}, {"amid its own body", true, false}, {"amid a stream", false, true}} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", c.name, tls), func(t *testing.T) {
				arrived, released := make(chan struct{}), make(chan struct{})
				url := deployment(t, func(w http.ResponseWriter, r *http.Request) {
					if c.partial {
						close(arrived)
					}
					_, err := io.Copy(io.Discard, r.Body)
					if c.stream {
						_ = http.NewResponseController(w).Flush()
					}
					if !c.partial {
						close(arrived)
					}
					if err == nil {
						<-r.Context().Done()
					}
					close(released)
				})
				g := setup{tls: tls}.start(t, url)
				ctx, cancel := context.WithCancel(t.Context())
				body, w := io.Pipe()
				defer w.Close()
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/v1/x", body)
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = 10
				go func() {
					_, _ = io.WriteString(w, "hello")
					if !c.partial {
						_, _ = io.WriteString(w, "world")
						w.Close()
					}
				}()
				go func() {
					<-arrived
					cancel()
					w.CloseWithError(context.Canceled)
				}()
				res, err := g.Client().Do(req)
				if err == nil {
					_, err = io.ReadAll(res.Body)
					res.Body.Close()
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("got %v", err)
				}
				testbed.Receive(t, "the deployment's release", released)
				if r := g.result(t); r.Outcome != record.Canceled || r.Kind != record.CallerLeft || r.Status != forward.StatusCallerLeft || !r.Abort {
					t.Errorf("result %+v", r)
				}
			})
		}
	}
}

func TestH14APanicHitsOneRequestOnly(t *testing.T) {
	url := deployment(t, echo)
	g := setup{wrap: func(b io.ReadCloser) io.Reader { return &bomb{from: b} }}.start(t, url)
	for range 3 {
		res, body := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader("boom")))
		wantError(t, res, body, http.StatusInternalServerError)
		if r := g.result(t); r.Kind != record.Panic || r.Outcome != record.Error {
			t.Errorf("result %+v", r)
		}
		if res, body := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader("fine"))); res.StatusCode != 200 || body != "fine" {
			t.Errorf("afterwards: %d %q", res.StatusCode, body)
		}
		g.result(t)
	}
	if !strings.Contains(g.log.String(), "panic reading a request body: boom") {
		t.Errorf("the log says %q", g.log)
	}
}

type bomb struct{ from io.Reader }

func (b *bomb) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if strings.HasPrefix(string(p[:n]), "boom") {
		panic("boom")
	}
	return n, err
}

func TestH14APanicOfATransportReleasesTheReplica(t *testing.T) {
	s := setup{}
	s.pool.Transport = func(deployments.Destination) deployments.Transport { return panicky{} }
	g := s.start(t, "http://127.0.0.1:9/predict")
	for range 3 {
		c := g.dial(t)
		_, _ = io.WriteString(c, "POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi")
		if _, err := bufio.NewReader(c).ReadByte(); err == nil {
			t.Error("there was an answer")
		}
	}
	if n := g.group.Replicas()[0].InFlight(); n != 0 {
		t.Errorf("%d requests in flight", n)
	}
}

type panicky struct{}

func (panicky) RoundTrip(*http.Request) (*http.Response, error) { panic("boom") }
func (panicky) CloseIdleConnections()                           {}

func TestWhatMustNotBeSentIsRefused(t *testing.T) {
	var calls atomic.Int64
	url := deployment(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	g := setup{}.start(t, url)
	for _, path := range []string{
		"/.", "/..", "/../x", "/a/../b", "/a/./b", "/a/..", "/%2e%2e/x", "/%2E/x", "/.%2e/x", "/a%2f..%2fb", "/..%2Fb", "/..%5cb",
		"/a\\..\\b", "/..;x/b", "/..%3bx/b", "/a%2F%2e%2e",
	} {
		res := g.send(t, "POST /v1/x"+path+" HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi")
		b, _ := io.ReadAll(res.Body)
		wantError(t, res, string(b), http.StatusBadRequest)
		if r := g.result(t); r.Kind != record.BadRequest {
			t.Errorf("%s: result %+v", path, r)
		}
	}
	res := g.send(t, "TRACE /v1/x HTTP/1.1\r\nHost: g\r\n\r\n")
	b, _ := io.ReadAll(res.Body)
	wantError(t, res, string(b), http.StatusMethodNotAllowed)
	if calls.Load() != 0 {
		t.Errorf("%d requests were sent", calls.Load())
	}
}
