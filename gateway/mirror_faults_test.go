package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
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
	all := map[string]fault{
		"black-holed SYN": {url: "http://hole.invalid", outcomes: wrong, transport: dialing(func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})},
		"DNS failure": {url: "http://unknown.invalid", outcomes: wrong, transport: dialing((&net.Dialer{Resolver: &net.Resolver{
			PreferGo: true,
			Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no such server") },
		}}).DialContext)},
		"a panic of our own": {url: "http://panic.invalid", outcomes: wrong, transport: panicking{}},
	}
	for name, url := range testbed.Faults(t) {
		all[name] = fault{url: url, outcomes: wrong}
	}
	// On a slow machine the time may be over before as much was read as is kept.
	all["1 GB answer"] = fault{url: all["1 GB answer"].url, outcomes: map[string]bool{"ok": true, "error": true}}
	return all
}

func dialing(dial func(context.Context, string, string) (net.Conn, error)) deployments.Transport {
	return deployments.Once(&http.Transport{DialContext: dial})
}

// Whether live is as fast as without mirrors is measured in package soak.
func TestM02NoFaultOfAMirrorReachesALiveRequest(t *testing.T) {
	for name, f := range faults(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live := testbed.HTTP(t, testbed.Echo)
			s := newStage(t, options{
				mirror: mirror.Options{Queue: 8, Workers: 2, Timeout: 200 * time.Millisecond},
				transport: func(to deployments.Destination) (deployments.Transport, bool) {
					return f.transport, f.transport != nil && to.Use.Mirror == "m"
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
	early := testbed.TCP(t, func(c *net.TCPConn) {
		_, _ = bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	moved := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(http.StatusFound)
	})
	upgraded := testbed.TCP(t, testbed.WebSocket)
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
				mirror:    mirror.Options{Idle: 10 * time.Millisecond, Workers: 2},
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
			// Connections that are kept have goroutines of their own; they are few, as workers are.
			testbed.Eventually(t, "the goroutines of the requests end", func() bool {
				s.client.CloseIdleConnections()
				return runtime.NumGoroutine() < before+each/2
			})
			if n := s.captured(); n != 0 {
				t.Errorf("%v bytes are captured at rest", n)
			}
		})
	}
}
