package testbed

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// HTTP starts a server with the handler, which ends with the test whatever its
// handlers do.
func HTTP(tb testing.TB, h http.HandlerFunc) (url string) {
	tb.Helper()
	server := httptest.NewServer(h)
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// Echo answers with the body of the request.
func Echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// Says gives a handler that answers with a text, once it has read the request.
func Says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, text)
	}
}

// TCP starts a server that has each connection handled as it is. A connection is
// closed when its handler returns, and when the test ends; handlers that wait for
// anything else wait for the test's context as well.
func TCP(tb testing.TB, handle func(*net.TCPConn)) (url string) {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := server{handle: handle, open: map[*net.TCPConn]struct{}{}}
	s.serving.Go(func() { s.serve(l) })
	tb.Cleanup(func() {
		_ = l.Close()
		s.close()
		s.serving.Wait()
	})
	return "http://" + l.Addr().String()
}

// server is what TCP starts.
type server struct {
	handle  func(*net.TCPConn)
	serving sync.WaitGroup

	mu    sync.Mutex
	open  map[*net.TCPConn]struct{}
	ended bool
}

func (s *server) serve(l net.Listener) {
	for {
		accepted, err := l.Accept()
		if err != nil {
			return
		}
		c := accepted.(*net.TCPConn)
		s.mu.Lock()
		s.open[c] = struct{}{}
		if s.ended {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.serving.Go(func() {
			defer s.done(c)
			s.handle(c)
		})
	}
}

func (s *server) done(c *net.TCPConn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for c := range s.open {
		_ = c.Close()
	}
}

// AfterRequest handles a connection by reading one whole request and doing what
// follows.
func AfterRequest(then func(*net.TCPConn)) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		then(c)
	}
}

// Hung handles a connection by reading all there is, and answering nothing.
func Hung(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }

// Repeat writes head and then text again and again until the connection ends.
func Repeat(c io.Writer, head, text string) {
	_, err := io.WriteString(c, head)
	for err == nil {
		_, err = io.WriteString(c, text)
	}
}

// WebSocket handles a connection by switching protocols and then sending back
// what comes, to the end of it; a request that does not ask for it gets a 426.
func WebSocket(c *net.TCPConn) {
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	if !strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
		_, _ = io.WriteString(c, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_, _ = io.Copy(c, r)
	_ = c.CloseWrite()
}

// UpgradeRequest is the request for a WebSocket at a path.
func UpgradeRequest(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}
