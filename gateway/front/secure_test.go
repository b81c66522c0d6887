//go:build linux

package front_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// secured is a server over TLS, as callers see it.
type secured struct {
	*front.Server
	addr string
	log  *logBuffer
	as   *tls.Config // what a caller needs
}

func startTLS(t *testing.T, std *http.Server, set ...func(*front.Options)) *secured {
	t.Helper()
	a := testbed.NewAuthority(t)
	s := &secured{log: &logBuffer{}, as: &tls.Config{RootCAs: a.Pool(), ServerName: "a.example.com"}}
	std.ErrorLog = log.New(s.log, "", 0)
	o := front.Options{Std: std}
	for _, f := range set {
		f(&o)
	}
	s.Server = front.New(o)
	l := listen(t)
	s.addr = l.Addr().String()
	config := &tls.Config{Certificates: []tls.Certificate{a.Certificate("a.example.com")}, NextProtos: []string{"h2", "http/1.1"}}
	done := make(chan error, 1)
	go func() { done <- s.ServeTLS(l, config) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("ServeTLS returned %v", err)
		}
	})
	return s
}

// dial connects and completes the handshake for these protocols.
func (s *secured) dial(t *testing.T, protocols ...string) *tls.Conn {
	t.Helper()
	as := s.as.Clone()
	as.NextProtos = protocols
	d := tls.Dialer{NetDialer: &dialer, Config: as}
	c, err := d.DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c.(*tls.Conn)
}

func (s *secured) exchange(t *testing.T, in string) string {
	t.Helper()
	c := s.dial(t)
	_, _ = io.WriteString(c, in) // who is refused may not get it all out
	out, _ := io.ReadAll(c)      // to the end, however it comes
	return string(out)
}

func tellProto(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, r.Proto, " ", r.TLS != nil && r.TLS.HandshakeComplete && r.TLS.ServerName == "a.example.com")
}

func TestTLSServesBothVersions(t *testing.T) {
	s := startTLS(t, &http.Server{Handler: http.HandlerFunc(tellProto)})
	for _, h2 := range []bool{false, true} {
		var protocols http.Protocols
		protocols.SetHTTP1(!h2)
		protocols.SetHTTP2(h2)
		tr := &http.Transport{TLSClientConfig: s.as, Protocols: &protocols}
		res, err := (&http.Client{Transport: tr, Timeout: patience}).Get("https://" + s.addr)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		tr.CloseIdleConnections()
		if want := map[bool]string{false: "HTTP/1.1 true", true: "HTTP/2.0 true"}[h2]; string(body) != want {
			t.Errorf("%q, want %q", body, want)
		}
	}
}

// TestH05TLSIsGuarded: what the guard refuses it refuses over TLS as well, and nothing behind it is served.
func TestH05TLSIsGuarded(t *testing.T) {
	var w witness
	s := startTLS(t, &http.Server{Handler: &w})
	answered := 0
	for name, request := range refusedShapes() {
		out := s.exchange(t, request+smuggled)
		if seen := strings.Join(w.forget(), " "); strings.Contains(seen, "/smuggled") {
			t.Errorf("%s: the handler saw %s", name, seen)
		}
		switch {
		case strings.Contains(out, "HTTP/1.1 400 "), strings.Contains(out, "HTTP/1.1 200 "):
			answered++
		case out != "": // a client that still sends when the connection ends is reset, and may lose the answer
			t.Errorf("%s: %q", name, out)
		}
	}
	if all := len(refusedShapes()); answered < all*9/10 {
		t.Errorf("%d of %d were answered", answered, all)
	}
	for _, name := range []string{"CL.TE"} {
		if got := statusesOf(t, s.exchange(t, fmt.Sprintf(get, "/")+refusedShapes()[name]+smuggled)); !cmp.Equal(got, []int{200, 400}) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestTLSUpgrade: a tunnel works over TLS, with half-closed ends.
func TestTLSUpgrade(t *testing.T) {
	s := startTLS(t, &http.Server{Handler: upgraded(t, 0)})
	c := s.dial(t)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nGET / HTTP/1.1\n\n")
	c.CloseWrite()
	if out, _ := io.ReadAll(c); !strings.HasSuffix(string(out), "\r\n\r\nGET / HTTP/1.1\n\n") {
		t.Errorf("%q", out)
	}
}

// TestTLSPlainRequest: who forgets the s of https is told.
func TestTLSPlainRequest(t *testing.T) {
	s := startTLS(t, &http.Server{Handler: http.HandlerFunc(hello)})
	out := exchange(t, &running{addr: s.addr}, fmt.Sprintf(get, "/"), patience)
	if !strings.HasPrefix(out, "HTTP/1.0 400 ") || !strings.Contains(out, "HTTPS") {
		t.Errorf("%q", out)
	}
}

// TestTLSHandshakeIsBounded: a connection that says nothing ends.
func TestTLSHandshakeIsBounded(t *testing.T) {
	s := startTLS(t, &http.Server{Handler: http.HandlerFunc(hello), ReadHeaderTimeout: 50 * time.Millisecond})
	c := (&running{addr: s.addr}).dial(t)
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it was not closed: %v", err)
	}
}

// TestTLSProbesAreNotLogged: nothing is said of a connection that just ends itself.
func TestTLSProbesAreNotLogged(t *testing.T) {
	s := startTLS(t, &http.Server{Handler: http.HandlerFunc(hello), ReadHeaderTimeout: time.Hour})
	probe := (&running{addr: s.addr}).dial(t)
	probe.CloseWrite()
	closedBy(t, probe) // after whatever is said
	if got := s.log.String(); got != "" {
		t.Errorf("the log says %q", got)
	}
}

// TestTLSShutdown: requests end whole, a handshake under way ends at once, and nothing is left.
func TestTLSShutdown(t *testing.T) {
	began, let := make(chan struct{}, 1), make(chan struct{})
	s := startTLS(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		began <- struct{}{}
		<-let
		io.WriteString(w, "whole")
	})})
	silent := (&running{addr: s.addr}).dial(t)
	c := s.dial(t)
	io.WriteString(c, fmt.Sprintf(get, "/"))
	testbed.Receive(t, "the request", began)
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.WithoutCancel(t.Context())) }()
	if out, _ := io.ReadAll(silent); len(out) > 0 {
		t.Errorf("the silent connection got %q", out)
	}
	close(let)
	if out, _ := io.ReadAll(c); !strings.HasSuffix(string(out), "whole") {
		t.Errorf("%q", out)
	}
	if err := testbed.Receive(t, "the end", ended); err != nil {
		t.Error(err)
	}
}
