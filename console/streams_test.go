package console_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/console"
)

// pipes are connections without any memory between their ends, in the time of a bubble.
type pipes struct {
	dialed chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialed:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// listen serves the console until the test ends; what it gives connects to it.
func (s *stage) listen(t *testing.T) (dial func() net.Conn) {
	t.Helper()
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	server, ended := &http.Server{Handler: s.console}, make(chan error, 1)
	go func() { ended <- server.Serve(p) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return func() net.Conn {
		here, there := net.Pipe()
		t.Cleanup(func() { _ = here.Close() })
		p.dialed <- there
		return here
	}
}

// open asks for a stream, and reads nothing of it.
func (s *stage) open(t *testing.T, to net.Conn, path string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://"+s.host+path, http.NoBody)
	if s.cookie != nil {
		r.AddCookie(s.cookie)
	}
	if err := r.Write(to); err != nil {
		t.Fatal(err)
	}
}

// Whoever opens streams and takes nothing of them keeps nobody else from them.
func TestWhoReadsNothingHoldsNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, split(), nil)
		dial := s.listen(t)
		for range 100 {
			s.open(t, dial(), "/console/events/endpoints")
		}
		status := func() int {
			c := dial()
			s.open(t, c, "/console/events/status")
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			_ = answer.Body.Close() // which reads as long as the stream goes on
			return answer.StatusCode
		}
		synctest.Wait()
		if got := status(); got != http.StatusServiceUnavailable {
			t.Errorf("beside 100 streams another one is answered %d", got)
		}
		<-time.After(time.Minute)
		if got := status(); got != http.StatusOK {
			t.Errorf("after a minute in which nobody read it is answered %d", got)
		}
	})
}

// A page that is left open does not use the session that it was opened in.
func TestAnOpenPageIsNoUseOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, split(), func(o *console.Options) { o.Loopback = false })
		s.logIn("viewer")
		dial := s.listen(t)
		c := dial()
		s.open(t, c, "/console/events/endpoints/e")
		began := time.Now()
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", answer, err)
		}
		defer answer.Body.Close()
		go func() { // a session lasts twelve hours at most
			<-time.After(5 * time.Hour)
			_ = c.Close()
		}()
		_, _ = io.Copy(io.Discard, answer.Body)
		if lasted := time.Since(began); lasted < 2*time.Hour || lasted > 2*time.Hour+time.Minute {
			t.Errorf("the stream lasted %v, and not two hours without use", lasted)
		}
		if got := s.get("/"); got.status != http.StatusSeeOther {
			t.Errorf("the session goes on: %d", got.status)
		}
		<-time.After(5 * time.Hour)
	})
}

// first is a browser that leaves after the first event.
type first struct {
	*httptest.ResponseRecorder
	leave context.CancelFunc
}

func (f first) Flush() { f.leave() }

// event is the data of the first event of a stream, as the standard reads it (HTML,
// 9.2.6), and fails if there is anything else in it.
func (s *stage) event(path string) string {
	s.t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	r.Host = s.host
	if s.cookie != nil {
		r.AddCookie(s.cookie)
	}
	w := first{httptest.NewRecorder(), leave}
	s.console.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		s.t.Fatalf("%s is answered %d", path, w.Code)
	}
	lines := regexp.MustCompile(`\r\n|\n|\r`).Split(w.Body.String(), -1)
	var data []string
	for i, line := range lines {
		text, ok := strings.CutPrefix(line, "data: ")
		if end := i >= len(lines)-2; ok == end || end && line != "" {
			s.t.Fatalf("line %d of the event of %s is %q:\n%s", i+1, path, line, w.Body)
		}
		data = append(data, text)
	}
	return strings.Join(data, "\n")
}

func TestACommitCannotWriteEvents(t *testing.T) {
	s := newStage(t, split(), nil)
	s.following.Live.Subject = "x\revent: y\rdata: z\r\rid: 1\r\n\r\nretry: 1\n\nx"
	for _, path := range []string{"/console/events/status", "/console/events/endpoints", "/console/events/endpoints/e", "/console/events/records"} {
		if got := s.event(path); !strings.Contains(got, "event: y") {
			t.Errorf("%s does not tell the subject:\n%s", path, got)
		}
	}
}

// What moves is of the revision that serves, and the page is told that it is another one.
func TestPiecesAreOfTheRevisionThatServes(t *testing.T) {
	s := newStage(t, split(), nil)
	commit := func() string { return s.following.Live.Commit }
	page := s.get("/").body
	for _, want := range []string{`<body data-events="/console/events/endpoints?" data-revision="` + commit() + `">`, `data-anew hidden`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	tell := func(path string, all ...string) {
		t.Helper()
		got := s.event(path)
		for _, want := range append(all, `<div id="status" class="status" data-revision="`+commit()+`">`) {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", path, want, got)
			}
		}
	}
	tell("/console/events/endpoints", `<div id="backends-e">`, "a <span class=\"muted\">75 %</span>")
	before := commit()
	if _, err := s.publish(t.Context(), console.Commit{Base: commit(), Files: map[string][]byte{
		"endpoints/e.yaml": []byte(strings.Replace(split()["endpoints/e.yaml"], "weight: 3", "weight: 1", 1)), "endpoints/f.yaml": []byte(split()["endpoints/e.yaml"]),
	}}); err != nil {
		t.Fatal(err)
	}
	s.read()
	if commit() == before {
		t.Fatal("nothing was committed")
	}
	tell("/console/events/endpoints", `<div id="backends-e">`, "a <span class=\"muted\">50 %</span>")
	tell("/console/events/endpoints/e", `<div id="live">`, "<td>50 % <span class=\"muted\">weight 1")
	if _, err := s.publish(t.Context(), console.Commit{Base: commit(), Files: map[string][]byte{"endpoints/e.yaml": nil}}); err != nil {
		t.Fatal(err)
	}
	s.read()
	tell("/console/events/endpoints/e", `<div id="live">`, "e does not serve any more")
}
