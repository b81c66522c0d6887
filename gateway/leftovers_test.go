package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Small variant: the one under load, in a process of its own, is in package soak.
func TestW02NothingIsLeftOfSwaps(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("file descriptors are counted in /proc")
	}
	fds := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	r := newReplica(t, "m")
	s := newStage(t, options{})
	tree := func(i int) files {
		// Each revision has replicas that no other has.
		f := mirrored(fmt.Sprintf("%s/live%d", r.url, i), map[string]string{"m": fmt.Sprintf("%s/mirror%d", r.url, i)})
		return f
	}
	s.serve(tree(0))
	s.post("/v1/e", "{}")
	before, goroutines := fds(), runtime.NumGoroutine()
	const swaps = 200
	for i := range swaps {
		s.serve(tree(i + 1))
		for range 2 {
			if got := s.post("/v1/e", "{}"); got.status != http.StatusOK {
				t.Fatalf("%+v", got)
			}
		}
	}
	testbed.Eventually(t, "file descriptors and goroutines are as before", func() bool {
		return fds() <= before+64 && runtime.NumGoroutine() <= goroutines+64
	})
}

// What cmd does at SIGTERM: readiness off, and then a shutdown that waits.
func TestW05RequestsInFlightEndWhole(t *testing.T) {
	arrived, release := make(chan struct{}, 20), make(chan struct{})
	live := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		arrived <- struct{}{}
		<-release
		_, _ = w.Write(body[len(body)/2:])
	})
	s := newStage(t, options{})
	s.serve(mirrored(live, nil))
	const n = 10
	body := strings.Repeat("0123456789", 10_000)
	answers := make(chan answer, 2*n)
	call := func() {
		go func() { answers <- s.post("/v1/e", body) }()
		testbed.Receive(t, "the request", arrived)
	}
	for range n {
		call()
	}
	s.gateway.Stop()
	if got := s.admin("GET", "/readyz", nil); got.status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", got.status)
	}
	for range n { // whoever has not noticed yet is served
		call()
	}
	stopped := make(chan struct{})
	go func() {
		s.stop()
		close(stopped)
	}()
	testbed.Eventually(t, "the listener is closed", func() bool {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			return true
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET /v1/none HTTP/1.1\r\nHost: g\r\n\r\n") // accepted before the end, perhaps
		_, err = http.ReadResponse(bufio.NewReader(c), nil)
		return err != nil
	})
	close(release)
	for range 2 * n {
		if got := testbed.Receive(t, "an answer", answers); got.status != http.StatusOK || got.body != body {
			t.Errorf("status %d, %d bytes instead of %d", got.status, len(got.body), len(body))
		}
	}
	testbed.Receive(t, "the end", stopped)
	running.Measured(t, "W5", "%d of %d requests in flight ended whole", 2*n, 2*n)
}
