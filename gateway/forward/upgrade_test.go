package forward_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

const (
	askWebSocket = "GET /v1/x/chat HTTP/1.1\r\nHost: g\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	takeWebSocket = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Request-Id: theirs\r\n\r\n"
)

// open asks for a WebSocket and reads the head of the answer; more is sent in the
// same write.
func open(t *testing.T, g *gateway, more string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c := g.dial(t)
	if _, err := io.WriteString(c, askWebSocket+more); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") || res.Header.Get("Connection") != "Upgrade" ||
		res.Header.Get("Sec-WebSocket-Accept") == "" || res.Header.Get("X-Switchyard-Backend") != "control" || res.Header.Get("X-Request-Id") == "theirs" {
		t.Fatalf("got %d %v", res.StatusCode, res.Header)
	}
	return c, r
}

func TestH02WebSocketsPass(t *testing.T) {
	heads := make(chan string, 1)
	url := rawDeployment(t, func(c *net.TCPConn) {
		heads <- readHead(c)
		_, _ = io.WriteString(c, takeWebSocket+"welcome")
		_, _ = io.Copy(c, c) // until the half-close, of which the end of our answer then tells
	})
	g := setup{}.start(t, url)
	c, r := open(t, g, "early ")
	const welcome = "welcomeearly "
	for _, want := range []string{welcome, "one", "two"} {
		b := make([]byte, len(want))
		if _, err := io.ReadFull(r, b); err != nil || string(b) != want {
			t.Fatalf("got %q, %v; want %q", b, err, want)
		}
		if _, err := io.WriteString(c, map[string]string{welcome: "one", "one": "two", "two": "three"}[want]); err != nil {
			t.Fatal(err)
		}
	}
	// H9: half-closed, the other direction goes on.
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "three" {
		t.Errorf("got %q, %v", b, err)
	}
	head := <-heads
	if !strings.HasPrefix(head, "GET /predict/chat HTTP/1.1\r\n") || !strings.Contains(head, "\r\nConnection: Upgrade\r\n") ||
		!strings.Contains(head, "\r\nUpgrade: websocket\r\n") || !strings.Contains(head, "\r\nX-Forwarded-For: 127.0.0.1\r\n") {
		t.Errorf("the deployment was sent %q", head)
	}
	result := g.result(t)
	if result.Outcome != record.OK || result.Status != 101 || result.RequestBytes != 17 || result.ResponseBytes != 24 || result.Abort {
		t.Errorf("result %+v", result)
	}
}

func TestH02OtherUpgradesAreNotPassedOn(t *testing.T) {
	for _, upgrade := range []string{"h2c", "h2c, websocket", "websocket, h2c", "TLS/1.0", "foo"} {
		heads := make(chan string, 2)
		url := rawDeployment(t, func(c *net.TCPConn) {
			heads <- readHead(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			heads <- readHead(c)
		})
		g := setup{}.start(t, url)
		c := g.dial(t)
		_, _ = io.WriteString(c, "GET /v1/x HTTP/1.1\r\nHost: g\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "+upgrade+
			"\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", upgrade, res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if head := <-heads; strings.Contains(head, "pgrade") || strings.Contains(head, "Http2") || strings.Contains(head, "Connection") {
			t.Errorf("%s: the deployment was sent %q", upgrade, head)
		}
		if r := g.result(t); r.Status != http.StatusOK {
			t.Errorf("%s: result %+v", upgrade, r)
		}
		c.Close()
		g.Close()
		select {
		case head := <-heads:
			if head != "" { // which is the end of the connection
				t.Errorf("%s: the deployment was also sent %q", upgrade, head)
			}
		default:
		}
	}
}

func TestH02AWebSocketMayBeRefused(t *testing.T) {
	url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "no")
	})
	g := setup{}.start(t, url)
	res := g.send(t, askWebSocket)
	if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusForbidden || string(b) != "no" {
		t.Errorf("got %d %q", res.StatusCode, b)
	}
}

func TestH02AnotherProtocolThanAskedForIs502(t *testing.T) {
	url := rawDeployment(t, func(c *net.TCPConn) {
		readHead(c)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		readHead(c)
	})
	g := setup{}.start(t, url)
	res := g.send(t, askWebSocket)
	b, _ := io.ReadAll(res.Body)
	wantError(t, res, string(b), http.StatusBadGateway)
	if r := g.result(t); r.Kind != record.Protocol {
		t.Errorf("result %+v", r)
	}
}

func TestH08EitherSideOfAWebSocketMayLeave(t *testing.T) {
	t.Run("the caller", func(t *testing.T) {
		left := make(chan error, 1)
		url := rawDeployment(t, func(c *net.TCPConn) {
			readHead(c)
			_, _ = io.WriteString(c, takeWebSocket)
			_, err := io.Copy(io.Discard, c)
			left <- err
		})
		g := setup{}.start(t, url)
		c, _ := open(t, g, "")
		_ = c.SetLinger(0) // a reset
		c.Close()
		select {
		case <-left:
		case <-time.After(patience):
			t.Fatal("the deployment was not told")
		}
		if r := g.result(t); r.Outcome != record.Canceled || r.Status != forward.StatusCallerLeft {
			t.Errorf("result %+v", r)
		}
	})
	t.Run("the deployment", func(t *testing.T) {
		opened := make(chan struct{})
		url := rawDeployment(t, func(c *net.TCPConn) {
			readHead(c)
			_, _ = io.WriteString(c, takeWebSocket)
			<-opened
			_ = c.SetLinger(0)
		})
		g := setup{}.start(t, url)
		_, r := open(t, g, "")
		close(opened)
		if _, err := r.ReadByte(); err == nil {
			t.Error("there was something to read")
		}
		if r := g.result(t); r.Outcome != record.Error || r.Kind != record.Reset || r.Status != 101 {
			t.Errorf("result %+v", r)
		}
	})
	t.Run("neither", func(t *testing.T) {
		t.Parallel()
		testbed.LongEnough(t, 400*time.Millisecond, func(idle time.Duration) bool { return idlesAway(t, idle) })
	})
}

// idlesAway checks what comes of a WebSocket that is used for one and a half times as long as
// it may be idle, and then not. It is false where the time was over before.
func idlesAway(t *testing.T, idle time.Duration) (inTime bool) {
	t.Helper()
	url := rawDeployment(t, func(c *net.TCPConn) {
		readHead(c)
		_, _ = io.WriteString(c, takeWebSocket)
		_, _ = io.Copy(c, c)
	})
	g := setup{attempt: forward.Attempt{Timeout: schema.SimpleTimeout(idle)}}.start(t, url)
	c := g.dial(t)
	if _, err := io.WriteString(c, askWebSocket); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	switch res.StatusCode {
	case http.StatusGatewayTimeout:
		return false
	case http.StatusSwitchingProtocols:
	default:
		t.Fatalf("got %d", res.StatusCode)
	}
	tick := time.NewTicker(idle / 4)
	defer tick.Stop()
	for range 6 {
		if _, err := io.WriteString(c, "x"); err != nil {
			return false
		}
		if _, err := r.ReadByte(); err != nil {
			return false
		}
		<-tick.C
	}
	if _, err := r.ReadByte(); err == nil {
		t.Error("there was something to read")
	}
	if r := g.result(t); r.Kind != record.Timeout {
		t.Errorf("result %+v", r)
	}
	return true
}
