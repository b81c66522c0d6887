package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
)

// fault is one way in which a mirror may fail.
type fault struct {
	url       string
	transport deployments.Transport // nil for the engine's
	outcomes  map[string]bool       // that records of its copies may have, besides dropped
}

// faults starts a mirror for each fault of the set that the requirements name.
func faults(t *testing.T) map[string]fault {
	t.Helper()
	wrong := map[string]bool{"error": true}
	hang := func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }
	refusing := raw(t, func(*net.TCPConn) {})
	return map[string]fault{
		"refused": {url: "http://127.0.0.1:1", outcomes: wrong},
		"black-holed SYN": {url: "http://hole.invalid", outcomes: wrong, transport: dialing(func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})},
		"accepts and never reads": {outcomes: wrong, url: raw(t, func(c *net.TCPConn) {
			_ = c.SetReadBuffer(4 << 10)
			<-t.Context().Done()
		})},
		"reads 1 KiB/s": {outcomes: wrong, url: raw(t, func(c *net.TCPConn) {
			_ = c.SetReadBuffer(4 << 10)
			for {
				if _, err := io.CopyN(io.Discard, c, 102); err != nil {
					return
				}
				select {
				case <-time.After(100 * time.Millisecond):
				case <-t.Context().Done():
					return
				}
			}
		})},
		"never answers": {outcomes: wrong, url: raw(t, hang)},
		"answers after 60 s": {outcomes: wrong, url: answering(t, func(c *net.TCPConn) {
			select {
			case <-time.After(time.Minute):
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			case <-t.Context().Done():
			}
		})},
		"resets mid-body": {outcomes: wrong, url: raw(t, func(c *net.TCPConn) {
			_, _ = io.CopyN(io.Discard, c, 300)
			_ = c.SetLinger(0)
		})},
		"resets mid-answer": {outcomes: wrong, url: answering(t, func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			_ = c.SetLinger(0)
		})},
		// On a slow machine the time may be over before as much was read as is kept.
		"1 GB answer": {outcomes: map[string]bool{"ok": true, "error": true}, url: answering(t, func(c *net.TCPConn) {
			repeat(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", strings.Repeat("x", 64<<10))
		})},
		"endless 1xx": {outcomes: wrong, url: answering(t, func(c *net.TCPConn) {
			repeat(c, "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
		})},
		"invalid HTTP": {outcomes: wrong, url: answering(t, func(c *net.TCPConn) {
			repeat(c, "", "SSH-2.0-OpenSSH_9.6\r\n")
		})},
		"TLS failure": {outcomes: wrong, url: strings.Replace(refusing, "http:", "https:", 1)},
		"DNS failure": {url: "http://unknown.invalid", outcomes: wrong, transport: dialing((&net.Dialer{Resolver: &net.Resolver{
			PreferGo: true,
			Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no such server") },
		}}).DialContext)},
		"a panic of our own": {url: "http://panic.invalid", outcomes: wrong, transport: panicking{}},
	}
}

func dialing(dial func(context.Context, string, string) (net.Conn, error)) deployments.Transport {
	return deployments.Once(&http.Transport{DialContext: dial})
}

// answering is a server that reads requests whole and then does what follows, once
// for each connection.
func answering(t *testing.T, then func(*net.TCPConn)) (url string) {
	t.Helper()
	return raw(t, func(c *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		then(c)
	})
}

// repeat writes head and then text until the connection ends.
func repeat(c io.Writer, head, text string) {
	_, err := io.WriteString(c, head)
	for err == nil {
		_, err = io.WriteString(c, text)
	}
}

// Whether live is as fast as without mirrors is measured in package soak.
func TestM02NoFaultOfAMirrorReachesALiveRequest(t *testing.T) {
	for name, f := range faults(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live := hook(t, echo)
			s := newStage(t, options{
				mirror: mirror.Options{Queue: 8, Workers: 2, Timeout: 200 * time.Millisecond},
				transport: func(_ *url.URL, use deployments.Use) (deployments.Transport, bool) {
					return f.transport, f.transport != nil && use.Mirror == "m"
				},
			})
			s.serve(mirrored(live, map[string]string{"m": f.url}))
			const callers, each = 4, 15
			var wg sync.WaitGroup
			for c := range callers {
				wg.Go(func() {
					for i := range each {
						body := strings.Repeat(fmt.Sprintf("%d.%d ", c, i), 1+i*1000)
						if got := s.post("/v1/e", body); got.status != http.StatusOK || got.body != body {
							t.Errorf("status %d, %d bytes instead of %d", got.status, len(got.body), len(body))
						}
					}
				})
			}
			wg.Wait()
			seen := map[any]bool{}
			for _, r := range s.written(callers*each, role("mirror")) {
				outcome := r["outcome"].(string)
				if outcome != "dropped" && !f.outcomes[outcome] {
					t.Errorf("a copy's record: %v", r)
				}
				seen[r["requestId"]] = true
			}
			if len(seen) != callers*each {
				t.Errorf("%d requests have a record of their copy, instead of %d", len(seen), callers*each)
			}
		})
	}
}

func TestM12NoGoroutineIsLeft(t *testing.T) {
	const each = 50
	early := raw(t, func(c *net.TCPConn) {
		_, _ = bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	moved := hook(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(http.StatusFound)
	})
	upgraded := websocket(t)
	body := strings.Repeat("x", 40<<10)
	for name, c := range map[string]struct {
		live, mirror string
		call         func(s *stage)
		outcome      string
	}{
		"early answer": {live: early, mirror: early, outcome: "", call: func(s *stage) { s.post("/v1/e", body) }},
		"open breaker": {live: newReplica(t, "v1").url, mirror: "http://127.0.0.1:1", call: func(s *stage) { s.post("/v1/e", body) }},
		"upgrade":      {live: upgraded, mirror: upgraded, outcome: "dropped", call: func(s *stage) { s.upgrade("/v1/e").Close() }},
		"redirect":     {live: moved, mirror: moved, outcome: "ok", call: func(s *stage) { s.post("/v1/e", body) }},
		"panic":        {live: newReplica(t, "v1").url, mirror: "http://panic.invalid", call: func(s *stage) { s.post("/v1/e", body) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, options{
				mirror:    mirror.Options{Idle: 10 * time.Millisecond},
				transport: panicsAt("panic.invalid"),
			})
			s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			s.serve(mirrored(c.live, map[string]string{"m": c.mirror}))
			c.call(s)
			s.written(2, func(fields) bool { return true })
			before := runtime.NumGoroutine()
			for range each {
				c.call(s)
			}
			for _, f := range s.written(each+1, role("mirror")) {
				if c.outcome != "" && f["outcome"] != c.outcome {
					t.Errorf("a copy: %v", f)
				}
			}
			// Connections that are kept have goroutines of their own; they are few.
			eventually(t, "the goroutines of the requests end", func() bool {
				s.client.CloseIdleConnections()
				return runtime.NumGoroutine() < before+each/2
			})
			if n := s.captured(); n != 0 {
				t.Errorf("%v bytes are captured at rest", n)
			}
		})
	}
}
