//go:build linux

package front_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestH05GuardChangesNothingElse: over the conformance matrix the answers of net/http are the same with and without the
// guard, up to a refusal.
func TestH05GuardChangesNothingElse(t *testing.T) {
	guarded := startGuarded(t, &http.Server{Handler: http.HandlerFunc(behave)})
	alone := startStd(t, &http.Server{Handler: http.HandlerFunc(behave)})
	for name, in := range conformance() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, want := normal(exchange(t, guarded, in, patience)), normal(exchange(t, alone, in, patience))
			if _, rest := strictRequests(in); rest != "" {
				return // TestH05SmugglingIsRefused and FuzzGuard
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("net/http alone (-), under guard (+):\n%s", diff)
			}
		})
	}
}

// TestH05RefusalReachesASenderThatGoesOn: a client that sends everything before it reads learns why it was refused.
func TestH05RefusalReachesASenderThatGoesOn(t *testing.T) {
	for lane, start := range lanes {
		s := start(t, &http.Server{Handler: http.HandlerFunc(hello)})
		for range 10 {
			patient(t, func(pace *gaps) error {
				c := s.dial(t)
				defer c.Close()
				io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
				for chunk, sent := make([]byte, 64<<10), 0; sent < 4<<20; sent += len(chunk) {
					pace.step()
					_, err := c.Write(chunk)
					pace.step()
					if err != nil {
						return fmt.Errorf("%s: after %d bytes: %w", lane, sent, err)
					}
				}
				if out, err := io.ReadAll(c); string(out) != badRequest || err != nil {
					return fmt.Errorf("%s: %q %w", lane, out, err)
				}
				return nil
			})
		}
	}
}

// TestRefusedConnectionsDoNotDelayClose: Close closes, without lingering, which would take half a second for each of them.
func TestRefusedConnectionsDoNotDelayClose(t *testing.T) {
	const conns = 60
	entered, leave := make(chan error, conns), make(chan struct{})
	defer close(leave)
	s := startGuarded(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		entered <- err
		<-leave
	})})
	for range conns {
		io.WriteString(s.dial(t), "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x\r\n")
	}
	for range conns {
		if err := <-entered; err == nil {
			t.Error("a broken chunk was read")
		}
	}
	begin := time.Now()
	s.Close()
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("Close took %v", took)
	}
}

// upgraded hijacks every request that asks for it, after a while in which net/http watches the connection, and echoes.
func upgraded(t *testing.T, wait time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" {
			hello(w, r)
			return
		}
		<-time.After(wait)
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		io.Copy(c, rw)
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
	})
}

// TestTunnelsPassTheGuard: what follows a request that is switched over is not looked at, whether it came with the request,
// before the switch or after it, and whatever it looks like.
func TestTunnelsPassTheGuard(t *testing.T) {
	tunneled := map[string]string{
		"line feeds": "\n\n\n\n\n\n", "CRLFs": strings.Repeat("\r\n", 10), "NUL": "\x00\x01\x02", "one LF": "\n",
		"a request": smuggled, "a bad request": "GET / HTTP/1.1\nHost : a\r\n b\r\n\r\n", "frames": strings.Repeat("\x81\x85\x00\n\r\x00hello", 5000),
		"CL.TE": refusedShapes()["CL.TE"], "a preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	}
	const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	for lane, start := range lanes {
		for _, wait := range []time.Duration{0, 20 * time.Millisecond} {
			s := start(t, &http.Server{Handler: upgraded(t, wait), ReadHeaderTimeout: patience})
			for name, bytes := range tunneled {
				t.Run(fmt.Sprint(lane, " ", wait, " ", name), func(t *testing.T) {
					t.Parallel()
					for _, cut := range []int{0, len(request), len(request) + 1, len(request) + len(bytes)} {
						c := s.dial(t)
						all := request + bytes
						io.WriteString(c, all[:cut])
						<-time.After(wait / 4)
						io.WriteString(c, all[cut:])
						c.CloseWrite()
						out, err := io.ReadAll(c)
						if _, echo, _ := strings.Cut(string(out), "\r\n\r\n"); echo != bytes || err != nil {
							t.Fatalf("cut at %d: %q %v", cut, clip(string(out)), err)
						}
						c.Close()
					}
				})
			}
		}
	}
}

// TestTunnelTakesUnreadContent: a handler that hijacks gets the content that it has not read, as from net/http.
func TestTunnelTakesUnreadContent(t *testing.T) {
	s := startGuarded(t, &http.Server{Handler: upgraded(t, 0)})
	c := s.dial(t)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 5\r\n\r\nhello\n\n")
	c.CloseWrite()
	if out, _ := io.ReadAll(c); !strings.HasSuffix(string(out), "\r\n\r\nhello\n\n") {
		t.Errorf("%q", out)
	}
}

// TestH05UpgradeThatIsNotDoneStaysGuarded: asking for a tunnel is not a way past the guard.
func TestH05UpgradeThatIsNotDoneStaysGuarded(t *testing.T) {
	for lane, start := range lanes {
		s := start(t, &http.Server{Handler: upgraded(t, 0)})
		for name, request := range map[string]string{
			"websocket": "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
			"CONNECT":   "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
			"h2c":       "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
		} {
			got := statusesOf(t, exchange(t, s, request+refusedShapes()["CL.TE"]+smuggled, patience))
			if diff := cmp.Diff([]int{200, 400}, got); diff != "" {
				t.Errorf("%s, %s: want (-), got (+):\n%s", lane, name, diff)
			}
		}
	}
}

// TestH05PrefaceWithoutHTTP2: a preface is no way past the guard either. Alone it gets one call of a handler at most.
func TestH05PrefaceWithoutHTTP2(t *testing.T) {
	for _, start := range lanes {
		var w witness
		s := start(t, &http.Server{Handler: &w})
		exchange(t, s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+smuggled+refusedShapes()["CL.TE"], patience)
		if seen := w.forget(); len(seen) > 1 || len(seen) == 1 && !strings.HasPrefix(seen[0], `PRI "*" HTTP/2.0`) {
			t.Errorf("%q", seen)
		}
	}
}

// TestH08ClientGoneCancelsUnderGuard: net/http's watch for the client's end works through the guard.
func TestH08ClientGoneCancelsUnderGuard(t *testing.T) {
	entered, canceled := make(chan struct{}), make(chan struct{})
	s := startGuarded(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		<-r.Context().Done()
		canceled <- struct{}{}
	})})
	for way, leave := range departures {
		for _, in := range []string{
			fmt.Sprintf(get, "/"), fmt.Sprintf(post, "/"),
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		} {
			c := s.dial(t)
			io.WriteString(c, in)
			<-entered
			leave(c)
			select {
			case <-canceled:
			case <-time.After(patience):
				t.Fatalf("%s after %q: not canceled", way, in)
			}
		}
	}
}

// TestDeadlinesUnderGuard: read deadlines that a handler sets hold, for both ways of framing, and end with the request.
func TestDeadlinesUnderGuard(t *testing.T) {
	s := startGuarded(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := io.ReadAll(r.Body)
		fmt.Fprint(w, errors.Is(err, os.ErrDeadlineExceeded), "|")
	})})
	for _, in := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5",
	} {
		c := s.dial(t)
		io.WriteString(c, in)
		readAnswer(t, c, "true|")
	}
}

// pipes is a listener whose connections are net.Pipes: no addresses, no system calls, no half-close.
type pipes struct {
	conns  chan net.Conn // capacity 0: dial waits for Accept
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestGuardNeedsNoSocket: connections of any kind are guarded, and what they cannot do is said by an error.
func TestGuardNeedsNoSocket(t *testing.T) {
	for lane, start := range lanes {
		hijacked := make(chan error, 1)
		s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hijack" {
				hello(w, r)
				return
			}
			c, _, _ := http.NewResponseController(w).Hijack()
			hijacked <- c.(interface{ CloseWrite() error }).CloseWrite()
			c.Close()
		})})
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		for in, want := range map[string]string{
			last: "std", fmt.Sprintf(get, "/hijack"): "", refusedShapes()["CL.TE"]: badRequest,
		} {
			client, server := net.Pipe()
			l.conns <- server
			client.SetDeadline(time.Now().Add(patience))
			go io.WriteString(client, in)
			if out, _ := io.ReadAll(client); !strings.HasSuffix(string(out), want) {
				t.Errorf("%s: %q: %q", lane, in, out)
			}
			client.Close()
		}
		if err := <-hijacked; !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("CloseWrite of a pipe: %v", err)
		}
		s.Close()
		<-done
	}
}

// TestGuardedConnections: the hooks of the http.Server get what they are promised, and the addresses are the connection's.
func TestGuardedConnections(t *testing.T) {
	states := make(chan http.ConnState, 10)
	s := startGuarded(t, &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
			fmt.Fprint(w, r.RemoteAddr, " ", local)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) { states <- state },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if _, ok := c.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn); !ok {
				t.Errorf("%T", c)
			}
			return ctx
		},
	})
	c := s.dial(t)
	io.WriteString(c, last)
	out, _ := io.ReadAll(c)
	if want := fmt.Sprint(c.LocalAddr(), " ", c.RemoteAddr()); !strings.HasSuffix(string(out), want) {
		t.Errorf("%q, want %q", out, want)
	}
	for _, want := range []http.ConnState{http.StateNew, http.StateActive, http.StateClosed} {
		if got := <-states; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// TestFilesPassTheGuard: net/http's way around buffers works, for a file that is larger than any of them.
func TestFilesPassTheGuard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	want := strings.Repeat("0123456789", 100_000)
	if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startGuarded(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })})
	if got := contents(exchange(t, s, fmt.Sprintf(get, "/")+last, patience)); len(got) != 2 || got[0] != want || got[1] != want {
		t.Errorf("%d files", len(got))
	}
}

// TestAnAnswerDuringAnUploadArrives: the handler has given up reading what the client goes on to send, and net/http, for which
// that is an error of the body, closes at once. The client gets the answer and a clean end all the same.
func TestAnAnswerDuringAnUploadArrives(t *testing.T) {
	s := startGuarded(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := errors.Join(control.EnableFullDuplex(), control.SetReadDeadline(time.Unix(1, 0))); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the body ended with %v", err)
		}
		w.Header().Set("Connection", "close")
		io.WriteString(w, "enough")
	})})
	for range 20 {
		c := s.dial(t)
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for chunk := "1000\r\n" + strings.Repeat("x", 0x1000) + "\r\n"; ; {
				if _, err := io.WriteString(c, chunk); err != nil {
					return
				}
			}
		}()
		if out, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(out), "enough") {
			t.Errorf("got %q, %v", out, err)
		}
		c.Close()
		<-sent
	}
}
