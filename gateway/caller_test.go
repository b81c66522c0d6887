package gateway_test

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
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// mirrored is an endpoint e with one backend and the mirrors named, each of
// which copies all requests to the deployment of its name.
func mirrored(live string, mirrors map[string]string) files {
	f := files{"deployments/live.yaml": deployment(live)}
	text := "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: live, version: 1}}\n"
	f["endpoints/off.yaml"] = text
	if len(mirrors) > 0 {
		text += "mirrors:\n"
	}
	for name, url := range mirrors {
		text += "  " + name + ": {deployment: {branch: main, name: " + name + ", version: 1}}\n"
		f["deployments/"+name+".yaml"] = deployment(url)
	}
	f["endpoints/e.yaml"] = text
	return f
}

// tls serves the gateway over TLS with HTTP/2, and returns a client that speaks
// it. The server is net/http's with both engines, as it is where TLS ends at the
// gateway.
func (s *stage) tls() (url string, client *http.Client) {
	s.t.Helper()
	server := httptest.NewUnstartedServer(s.gateway)
	server.EnableHTTP2 = true
	server.StartTLS()
	s.t.Cleanup(server.Close)
	return server.URL, server.Client()
}

// clients are the ways in which callers reach the gateway.
func (s *stage) clients() map[string]caller {
	s.t.Helper()
	url, client := s.tls()
	return map[string]caller{"HTTP/1.1": {s.url, s.client}, "HTTP/2": {url, client}}
}

type caller struct {
	url    string
	client *http.Client
}

// at is the stage as a caller of that kind sees it.
func (s *stage) at(c caller) *stage {
	seen := *s
	seen.url, seen.client = c.url, c.client
	return &seen
}

// all is the inference records so far that match.
func (s *stage) all(match func(fields) bool) []fields {
	s.t.Helper()
	var found []fields
	for _, f := range testbed.Lines[fields](s.t, s.log) {
		if f["event"] == "inference" && match(f) {
			found = append(found, f)
		}
	}
	return found
}

// captured is the bytes that are held for copies.
func (s *stage) captured() float64 {
	s.t.Helper()
	for line := range strings.Lines(s.admin("GET", "/metrics", nil).body) {
		if text, ok := strings.CutPrefix(line, "switchyard_mirror_captured_bytes "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatal("no metric tells what is captured")
	panic("unreachable")
}

// dial opens a raw connection to the gateway, on which nothing may take longer
// than testbed.Patience.
func (s *stage) dial() *net.TCPConn {
	s.t.Helper()
	c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(testbed.Patience)); err != nil {
		s.t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// send writes a request as it stands on a connection of its own, and reads the
// answer.
func (s *stage) send(raw string) answer {
	s.t.Helper()
	c := s.dial()
	defer c.Close()
	if _, err := io.WriteString(c, raw); err != nil {
		s.t.Fatal(err)
	}
	return s.receive(bufio.NewReader(c), raw)
}

// receive reads the answer to a raw request, after informational ones;
// "Connection: close" is in its header.
func (s *stage) receive(r *bufio.Reader, raw string) answer {
	s.t.Helper()
	method, _, _ := strings.Cut(raw, " ")
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		s.t.Fatalf("no answer to %.80q: %v", raw, err)
	}
	defer res.Body.Close()
	if res.StatusCode < http.StatusOK {
		return s.receive(r, raw)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("the answer to %.80q: %v", raw, err)
	}
	if res.Close {
		res.Header.Set("Connection", "close")
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// hold is a deployment that reads requests and answers none before release is
// called. arrived gets a value for each request.
func hold(t *testing.T) (url string, arrived <-chan asked, release func()) {
	t.Helper()
	held := make(chan struct{})
	release = sync.OnceFunc(func() { close(held) })
	got := make(chan asked, 10_000) // more than any test sends
	url = testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		got <- asked{r.Method, r.RequestURI, string(body), r.Header.Clone()}
		select {
		case <-held:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(release)
	return url, got, release
}

// upgrade asks for a WebSocket and returns the connection after the 101.
func (s *stage) upgrade(path string) *net.TCPConn {
	s.t.Helper()
	c := s.dial()
	if _, err := io.WriteString(c, testbed.UpgradeRequest(path)); err != nil {
		s.t.Fatal(err)
	}
	// Byte by byte: what follows the head is not HTTP.
	var head []byte
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		var b [1]byte
		if _, err := c.Read(b[:]); err != nil {
			s.t.Fatalf("%v after %q", err, head)
		}
		head = append(head, b[0])
	}
	if !strings.HasPrefix(string(head), "HTTP/1.1 101 ") {
		s.t.Fatalf("no upgrade: %q", head)
	}
	return c
}

// panicsAt is a transport for one host that panics.
func panicsAt(host string) func(deployments.Destination) (deployments.Transport, bool) {
	return func(to deployments.Destination) (deployments.Transport, bool) {
		return panicking{}, to.URL.Host == host
	}
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("a bug") }
func (panicking) CloseIdleConnections()                           {}
