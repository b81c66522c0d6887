//go:build linux

package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestH06EarlyAnswerArrives: a handler that refuses an upload without reading it; the client sends everything before it
// reads anything. The answer must not be lost to a reset.
func TestH06EarlyAnswerArrives(t *testing.T) {
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		io.WriteString(w, "too large")
	})})
	chunk := make([]byte, 256<<10)
	for _, size := range []int{1 << 10, 200 << 10, 300 << 10, 20 << 20} {
		for range 10 {
			patient(t, func(pace *gaps) error {
				c := s.dial(t)
				defer c.Close()
				fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
				for sent := 0; sent < size; {
					pace.step()
					n, err := c.Write(chunk[:min(len(chunk), size-sent)])
					pace.step()
					if err != nil {
						return fmt.Errorf("after %d of %d: %w", sent, size, err)
					}
					sent += n
				}
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					return fmt.Errorf("%d bytes: %w", size, err)
				}
				resp.Body.Close()
				if resp.StatusCode != 413 || resp.Close != (size > 256<<10) {
					t.Fatalf("%d bytes: %v close %v", size, resp.Status, resp.Close)
				}
				return nil
			})
		}
	}
}

// TestEarlyAnswerDoesNotWaitForTheUpload: a client that stalls in its upload learns at once that nobody wants it.
func TestEarlyAnswerDoesNotWaitForTheUpload(t *testing.T) {
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(hello)})
	c := s.dial(t)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
	readAnswer(t, c, "fast")
	io.WriteString(c, "world"+fmt.Sprintf(get, "/"))
	readAnswer(t, c, "fast")
}

// TestStragglerNeverReadsTheNextRequest: a goroutine that the handler has left behind, reading, neither holds up the answer
// nor gets a byte of what follows.
func TestStragglerNeverReadsTheNextRequest(t *testing.T) {
	reading, result := make(chan struct{}), make(chan string, 1)
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body := r.Body
			body.Read(make([]byte, 5))
			go func() {
				close(reading)
				b, err := io.ReadAll(body)
				result <- fmt.Sprintf("%q %v", b, err != nil)
			}()
			<-reading
		}
		hello(w, r)
	})})
	c := s.dial(t)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
	if got := <-result; got != `"" true` {
		t.Errorf("the straggler read %s", got)
	}
	io.WriteString(c, "GET /secret HTTP/1.1\r\nHost: a\r\n\r\n")
	c.CloseWrite()
	out, err := io.ReadAll(c)
	if n := strings.Count(string(out), "Connection: close"); n != 1 || !strings.HasSuffix(string(out), "fast") || err != nil {
		t.Errorf("%q %v", out, err)
	}
}

// TestH09EventsAreSentAtOnce: each Flush reaches the client before the handler goes on.
func TestH09EventsAreSentAtOnce(t *testing.T) {
	next := make(chan struct{})
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		for i := range 5 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
			<-next
		}
	})})
	c := s.dial(t)
	io.WriteString(c, fmt.Sprintf(get, "/"))
	for i := range 5 {
		readAnswer(t, c, fmt.Sprintf("data: %d\n\n\r\n", i))
		next <- struct{}{}
	}
	readAnswer(t, c, "0\r\n\r\n")
}

// TestDeadlinesOfHandlers: those set through a ResponseController hold, and end with the request.
func TestDeadlinesOfHandlers(t *testing.T) {
	s := startFront(t, &http.Server{IdleTimeout: time.Hour, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		switch r.URL.Path {
		case "/read":
			rc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, err := io.ReadAll(r.Body)
			fmt.Fprint(w, errors.Is(err, os.ErrDeadlineExceeded), "|")
		case "/write":
			rc.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					if r.Context().Err() == nil {
						t.Error("a failed write has not canceled the request")
					}
				}
			}
		case "/past":
			rc.SetReadDeadline(time.Now().Add(-time.Hour))
			if err := rc.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			fmt.Fprint(w, "past|")
		}
		if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack: %v", err)
		}
	})})
	c := s.dial(t)
	io.WriteString(c, strings.TrimSuffix(fmt.Sprintf(post, "/read"), "lo"))
	readAnswer(t, c, "true|")
	io.WriteString(c, "lo"+fmt.Sprintf(get, "/past"))
	readAnswer(t, c, "past|")
	<-time.After(20 * time.Millisecond) // idle, with the deadline of the last request in the past
	io.WriteString(c, fmt.Sprintf(get, "/past"))
	readAnswer(t, c, "past|")
	c2 := s.dial(t)
	io.WriteString(c2, fmt.Sprintf(get, "/write"))
	eventually(t, func() bool { _, err := io.Copy(io.Discard, io.LimitReader(c2, 1<<20)); return err == nil })
	<-time.After(100 * time.Millisecond)
	closedBy(t, c2)
}

// TestLateWritesFail: a writer kept by a goroutine beyond its request is of no use, and no danger to an idle connection.
func TestLateWritesFail(t *testing.T) {
	kept := make(chan http.ResponseWriter, 1)
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hello(w, r)
		kept <- w
	})})
	c := s.dial(t)
	io.WriteString(c, last)
	closedBy(t, c)
	w := <-kept
	s.Shutdown(t.Context()) // waits for the connection's goroutine
	if _, err := w.Write([]byte("late")); err == nil {
		t.Error("a late write succeeded")
	}
	w.WriteHeader(500)
	if err := http.NewResponseController(w).Flush(); err == nil {
		t.Error("a late flush succeeded")
	}
}

// TestUpgradeIsHandedOver: a protocol switch works through Hijack, with the bytes that the client sent ahead.
func TestUpgradeIsHandedOver(t *testing.T) {
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			hello(w, r)
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(c, rw)
		if half, ok := c.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
			t.Error("no half-close")
		}
	})})
	c := s.dial(t)
	io.WriteString(c, fmt.Sprintf(get, "/")+"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nahead,")
	readAnswer(t, c, "ahead,")
	io.WriteString(c, "later")
	c.CloseWrite()
	if out, err := io.ReadAll(c); string(out) != "later" || err != nil {
		t.Errorf("%q %v", out, err)
	}
}

// TestHTTP2IsHandedOver: with prior knowledge, when the std server wants it, and past the guard.
func TestHTTP2IsHandedOver(t *testing.T) {
	for lane, start := range lanes {
		t.Run(lane, func(t *testing.T) { testHTTP2(t, start) })
	}
}

func testHTTP2(t *testing.T, start func(testing.TB, *http.Server) *running) {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := start(t, &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })})
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &only}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.addr, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "HTTP/2.0" {
		t.Errorf("%q", b)
	}
}

// TestPrefaceOnlyBeginsAConnection: behind a request it is a malformed one, whoever served that.
func TestPrefaceOnlyBeginsAConnection(t *testing.T) {
	for lane, start := range lanes {
		for _, h2c := range []bool{false, true} {
			var protocols http.Protocols
			protocols.SetHTTP1(true)
			protocols.SetUnencryptedHTTP2(h2c)
			s := start(t, &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(hello)})
			in := fmt.Sprintf(get, "/") + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
			if diff := cmp.Diff([]int{200, 400}, statusesOf(t, exchange(t, s, in, patience))); diff != "" {
				t.Errorf("%s, HTTP/2 %v: want (-), got (+):\n%s", lane, h2c, diff)
			}
		}
	}
}

// TestOtherListeners: what is not TCP is served by net/http.
func TestOtherListeners(t *testing.T) {
	path := t.TempDir() + "/s"
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(hello)})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	c, err := dialer.DialContext(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, last)
	if out, _ := io.ReadAll(c); !strings.HasSuffix(string(out), "std") {
		t.Errorf("%q", out)
	}
	s.Close()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
