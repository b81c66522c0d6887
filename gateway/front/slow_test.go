//go:build linux

package front_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// slowLanes are the ways that a request takes through a server.
var slowLanes = map[string]struct {
	std  bool
	head string // of a request with a body, up to the blank line
}{
	"fast lane":   {false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"},
	"handed over": {false, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n"},
	"net/http":    {true, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"},
}

func TestSlowBodiesAreCutOff(t *testing.T) {
	for name, lane := range slowLanes {
		t.Run(name, func(t *testing.T) {
			failed := make(chan error, 1)
			s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				failed <- err
				w.WriteHeader(http.StatusRequestTimeout)
			})}, func(o *front.Options) { o.StdOnly, o.MinBodyRate, o.BodyGrace = lane.std, 10_000, 50*time.Millisecond })
			c := s.dial(t)
			if _, err := io.WriteString(c, lane.head); err != nil {
				t.Fatal(err)
			}
			trickle := time.NewTicker(10 * time.Millisecond) // 100 bytes a second
			defer trickle.Stop()
			deadline := time.After(patience)
			for {
				select {
				case err := <-failed:
					var timeout net.Error
					if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("the body ended with %v", err)
					}
					res, err := http.ReadResponse(bufio.NewReader(c), nil)
					if err != nil || res.StatusCode != http.StatusRequestTimeout {
						t.Errorf("%v, %v", res, err)
					}
					return
				case <-trickle.C:
					_, _ = io.WriteString(c, "x")
				case <-deadline:
					t.Fatal("the body is waited for")
				}
			}
		})
	}
}

// TestAHandlerMayTakeItsTime has the content there while nobody reads it, for longer than it could be waited for.
func TestAHandlerMayTakeItsTime(t *testing.T) {
	for name, lane := range slowLanes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := make(chan error, 1)
			s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				idle := time.NewTimer(4 * time.Second)
				<-idle.C
				_, err := io.Copy(io.Discard, r.Body)
				read <- err
			})}, func(o *front.Options) { o.StdOnly, o.MinBodyRate, o.BodyGrace = lane.std, 1<<30, 2*time.Second })
			c := s.dial(t)
			content := strings.Repeat("x", 100_000)
			if strings.Contains(lane.head, "chunked") {
				content += "\r\n0\r\n\r\n"
			}
			if _, err := io.WriteString(c, lane.head+content); err != nil {
				t.Fatal(err)
			}
			if err := <-read; err != nil {
				t.Errorf("the body ended with %v", err)
			}
		})
	}
}

// TestPaceIsThatOfOneRequest has some requests on one connection, each of which is slow within its bounds, and all together are not.
func TestPaceIsThatOfOneRequest(t *testing.T) {
	t.Parallel()
	testbed.LongEnough(t, 600*time.Millisecond, func(grace time.Duration) bool { return pacedByRequest(t, grace) })
}

// pacedByRequest is false where one request alone took longer than it may.
func pacedByRequest(t *testing.T, grace time.Duration) (inTime bool) {
	t.Helper()
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
		}
	})}, func(o *front.Options) { o.MinBodyRate, o.BodyGrace = 1<<30, grace })
	c := s.dial(t)
	answers := bufio.NewReader(c)
	for range 3 {
		began := time.Now()
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx"); err != nil {
			t.Fatal(err)
		}
		pause := time.NewTimer(grace * 3 / 8)
		<-pause.C
		if _, err := io.WriteString(c, "y"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(answers, nil)
		if err == nil && res.StatusCode == http.StatusRequestTimeout && time.Since(began) >= grace {
			return false
		}
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", res, err)
		}
		res.Body.Close()
	}
	return true
}

func TestCallsThatTalkBothWaysAreNotPaced(t *testing.T) {
	read := make(chan error, 1)
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadFull(r.Body, make([]byte, 2))
		read <- err
	})}, func(o *front.Options) { o.MinBodyRate, o.BodyGrace = 1<<30, time.Millisecond })
	c := s.dial(t)
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 2\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	pause := time.NewTimer(200 * time.Millisecond)
	<-pause.C
	if _, err := io.WriteString(c, "y"); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
}

const plainGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// answered sends a request and reads its answer.
func answered(t *testing.T, c io.ReadWriter, request string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
}

func TestConnectionsAboveTheLimitWait(t *testing.T) {
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for name, c := range map[string]struct {
		std     bool
		request string
	}{
		"fast lane": {false, plainGet}, "net/http": {true, plainGet},
		"handed over": {false, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startFront(t, &http.Server{Handler: handler}, func(o *front.Options) { o.StdOnly, o.MaxConnections = c.std, 2 })
			for round := range 3 { // every place is given back
				one, two, three := s.dial(t), s.dial(t), s.dial(t)
				answered(t, one, c.request)
				answered(t, two, c.request)
				if _, err := io.WriteString(three, c.request); err != nil {
					t.Fatal(err)
				}
				three.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				if n, err := three.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("round %d: a third connection is served: %v", round, err)
				}
				three.SetReadDeadline(time.Now().Add(patience))
				one.Close()
				res, err := http.ReadResponse(bufio.NewReader(three), nil)
				if err != nil || res.StatusCode != http.StatusOK {
					t.Fatalf("%v, %v", res, err)
				}
				res.Body.Close()
				two.Close()
				three.Close()
				testbed.Eventually(t, "the places are free", func() bool { n, _ := s.server.(*front.Server).Connections(); return n <= 1 }) // one is for the next to come
			}
			if n := strings.Count(s.log.String(), "2 connections are open, which is the limit"); n != 1 {
				t.Errorf("the log tells it %d times:\n%s", n, s.log)
			}
		})
	}
}

func TestTheLimitCountsConnectionsOverTLSAndUpgradedOnes(t *testing.T) {
	upgrade := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, c)
		c.Close()
		c.Close()
	})
	s := startTLS(t, &http.Server{Handler: upgrade}, func(o *front.Options) { o.MaxConnections = 3 })
	open := func() int { n, _ := s.Connections(); return n }
	http1, http2, upgraded := s.dial(t, "http/1.1"), s.dial(t, "h2"), s.dial(t, "http/1.1")
	answered(t, http1, plainGet)
	if _, err := io.WriteString(upgraded, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if res, err := http.ReadResponse(bufio.NewReader(upgraded), nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	waiting, err := dialer.DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	if open() != 3 {
		t.Errorf("%d connections are open", open())
	}
	for _, c := range []*tls.Conn{http1, http2, upgraded} {
		c.Close()
	}
	waiting.Close()
	testbed.Eventually(t, "the places are free", func() bool { return open() <= 1 })
}

// TestShutdownDoesNotWaitForAPlace ends a server all of whose places are taken.
func TestShutdownDoesNotWaitForAPlace(t *testing.T) {
	for _, std := range []bool{false, true} {
		s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}, func(o *front.Options) { o.StdOnly, o.MaxConnections = std, 1 })
		c := s.dial(t)
		answered(t, c, plainGet)
		s.dial(t)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestACallerWhoTakesNothingIsLeft sends one request after another and reads no answer: the answers fill the buffers in between,
// then the server can no longer write, then it no longer reads.
func TestACallerWhoTakesNothingIsLeft(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 64<<10)) })
	soon := func(o *front.Options) { o.StallTimeout = 300 * time.Millisecond }
	for name, lane := range slowLanes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startFront(t, &http.Server{Handler: answer}, soon, func(o *front.Options) { o.StdOnly = lane.std })
			request := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
			if name == "handed over" {
				request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
			}
			closedBy(t, once(t, s.dial(t))) // it serves by now
			mustBeLeft(t, s.dial(t), request)
		})
	}
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		s := startTLS(t, &http.Server{Handler: answer}, soon)
		closedBy(t, once(t, s.dial(t)))
		mustBeLeft(t, s.dial(t), "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	})
}

// once sends a request after which the connection closes.
func once(t *testing.T, c net.Conn) net.Conn {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return c
}

func mustBeLeft(t *testing.T, c net.Conn, request string) {
	t.Helper()
	for {
		if _, err := io.WriteString(c, request); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the connection is held")
		} else if err != nil {
			return
		}
	}
}
