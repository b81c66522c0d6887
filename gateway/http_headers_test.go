package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestH01ForwardedFieldsAreRebuiltAndFieldsOfTheConnectionRemoved(t *testing.T) {
	got := make(chan http.Header, 1)
	nominated := "X-Hop, close"
	if !running.Upstream {
		nominated = "X-Hop" // net/http's client forgets all that stands beside close
	}
	live := testbed.TCP(t, func(c *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		got <- req.Header
		_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n"+
			"HTTP/1.1 200 OK\r\nConnection: "+nominated+"\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: Basic\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\n{}")
	})
	s := newStage(t, options{})
	s.serve(mirrored(live, nil))
	raw := "GET /v1/e HTTP/1.1\r\nHost: gateway.example\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n" +
		"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Real-Ip: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Kept: 1\r\n\r\n"
	c := s.dial()
	_, _ = io.WriteString(c, raw)
	r := bufio.NewReader(c)
	interim, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	answered := s.receive(r, raw)
	header := testbed.Receive(t, "the request", got)
	header.Del("X-Request-Id")
	header.Del("Traceparent")
	want := http.Header{
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"gateway.example"}, "X-Forwarded-Proto": {"http"}, "X-Kept": {"1"},
	}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("the deployment got: %s", diff)
	}
	if interim.StatusCode != http.StatusEarlyHints || interim.Header.Get("Link") != "</a>" {
		t.Errorf("the informational answer: %d %v", interim.StatusCode, interim.Header)
	}
	for name, h := range map[string]http.Header{"103": interim.Header, "200": answered.header} {
		for _, key := range []string{"X-Hop", "Keep-Alive", "Proxy-Authenticate"} {
			if h[key] != nil {
				t.Errorf("the %s has %s", name, key)
			}
		}
	}
	if answered.header.Get("X-Kept") != "1" || answered.body != "{}" {
		t.Errorf("%+v", answered)
	}
	running.Measured(t, "H1", "no field of the connection passed, in 103 and 200")
}

// What is not WebSocket is served as if no upgrade had been asked for (RFC 9110
// 7.8): nothing is tunneled, and the request does not get past the routes.
func TestH02NothingButWebSocketIsSwitchedTo(t *testing.T) {
	asked := make(chan http.Header, 10)
	live := testbed.TCP(t, func(c *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		asked <- req.Header
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	})
	s := newStage(t, options{})
	s.serve(mirrored(live, nil))
	for _, upgrade := range []string{"h2c", "h2c, websocket", "TLS/1.0", "connect-udp"} {
		got := s.send("GET /v1/e HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + upgrade + "\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
		if got.status != http.StatusOK || got.body != "ok" {
			t.Errorf("%s: %+v", upgrade, got)
		}
		h := testbed.Receive(t, "the request", asked)
		if h["Upgrade"] != nil || h["Connection"] != nil || h["Http2-Settings"] != nil {
			t.Errorf("%s: the deployment got %v", upgrade, h)
		}
	}
	// A preface of HTTP/2 without an upgrade.
	c := s.dial()
	_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	if head, _ := io.ReadAll(c); strings.Contains(string(head), " 200 ") || strings.Contains(string(head), " 101 ") {
		t.Errorf("the preface of HTTP/2 is answered with %q", head)
	}
	running.Measured(t, "H2", "4 other upgrades and the preface of HTTP/2: none switched")
}

func TestH02AWebSocketIsPassedOnAndRecorded(t *testing.T) {
	s := newStage(t, options{})
	url := testbed.TCP(t, testbed.WebSocket)
	s.serve(mirrored(url, map[string]string{"m": url}))
	c := s.upgrade("/v1/e")
	for i := range 10 {
		text := strings.Repeat(fmt.Sprint(i), 1000)
		_, _ = io.WriteString(c, text)
		got := make([]byte, len(text))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
			t.Fatalf("%v, %.20q", err, got)
		}
	}
	if err := c.CloseWrite(); err != nil { // the other direction goes on until its own end
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("after our end: %q, %v", rest, err)
	}
	if f := s.written(1, role("live"))[0]; f["status"] != float64(101) || f["outcome"] != "ok" || f["requestBytes"] != float64(10_000) || f["responseBytes"] != float64(10_000) {
		t.Errorf("%v", f)
	}
	if f := s.written(1, role("mirror"))[0]; f["errorKind"] != "upgrade" {
		t.Errorf("%v", f)
	}
}

func TestH03HeadersOfTheGatewaySurviveInformationalAnswers(t *testing.T) {
	live := testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
		}
		w.Header().Del("Link")
		_, _ = io.WriteString(w, "done")
	})
	s := newStage(t, options{})
	s.serve(mirrored(live, nil))
	for proto, c := range s.clients() {
		hints := 0
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if code == http.StatusEarlyHints && h.Get("Link") == "</style.css>" {
				hints++
			}
			return nil
		}}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, c.url+"/v1/e", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if hints != 3 || string(body) != "done" || res.Header.Get("X-Switchyard-Backend") != "only" || res.Header.Get("X-Request-Id") == "" || res.Header["Link"] != nil {
			t.Errorf("%s: %d hints, %q, %v", proto, hints, body, res.Header)
		}
	}
	running.Measured(t, "H3", "3 informational answers each by HTTP/1.1 and HTTP/2: the gateway's fields are in the final ones")
}

func TestH11HeadersAboveTheLimitAre431(t *testing.T) {
	live := newReplica(t, "v1")
	s := newStage(t, options{server: func(h *http.Server) { h.MaxHeaderBytes = 16 << 10 }})
	s.serve(mirrored(live.url, nil))
	head := "GET /v1/e HTTP/1.1\r\nHost: g\r\n"
	for name, c := range map[string]struct {
		raw    string
		status int
	}{
		"10 KiB":         {head + "X-Long: " + strings.Repeat("x", 10<<10) + "\r\n\r\n", 200},
		"one field":      {head + "X-Long: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", 431},
		"many fields":    {head + strings.Repeat("X-Many: 1234567890\r\n", 2000) + "\r\n", 431},
		"a long path":    {"GET /v1/e/" + strings.Repeat("x", 40<<10) + " HTTP/1.1\r\nHost: g\r\n\r\n", 431},
		"without an end": {head + "X-Long: " + strings.Repeat("x", 40<<10), 431},
	} {
		if got := s.send(c.raw); got.status != c.status {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if n := len(live.requests()); n != 1 {
		t.Errorf("%d requests reached the deployment", n)
	}
}

// Small variant: thousands of connections, and others' latency, in package soak.
func TestH10ASlowHeadIsClosed(t *testing.T) {
	t.Parallel()
	live := newReplica(t, "v1")
	testbed.LongEnough(t, 500*time.Millisecond, func(limit time.Duration) bool { return slowHeadsAreClosed(t, live, limit) })
}

// slowHeadsAreClosed is false where one that is not meant to be slow took longer than the
// limit as well.
func slowHeadsAreClosed(t *testing.T, live *replica, limit time.Duration) (inTime bool) {
	t.Helper()
	s := newStage(t, options{server: func(h *http.Server) { h.ReadHeaderTimeout = limit }})
	s.serve(mirrored(live.url, nil))
	var slow []net.Conn
	for range 50 {
		c := s.dial()
		_, _ = io.WriteString(c, "POST /v1/e HTTP/1.1\r\nHost: g\r\nX-Slow: ")
		slow = append(slow, c)
	}
	for range 20 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/e", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		res, err := s.client.Do(req)
		if err == nil {
			res.Body.Close()
		}
		if err != nil || res.StatusCode != http.StatusOK {
			if time.Since(began) >= limit {
				return false
			}
			t.Errorf("%v, %v", res, err)
		}
	}
	for _, c := range slow {
		if _, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("a slow head is not closed: %v", err)
		}
	}
	return true
}
