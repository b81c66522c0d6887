//go:build linux

package front_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// patience bounds what must happen soon; only a failing test uses it up.
const patience = testbed.Patience

// server is what http.Server and front.Server have in common.
type server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}

// running is a server under test, closed by the end of the test.
type running struct {
	server
	addr string
	log  *logBuffer
}

// logBuffer collects an ErrorLog.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startFront serves std through the fast lane.
func startFront(tb testing.TB, std *http.Server, set ...func(*front.Options)) *running {
	tb.Helper()
	logs := &logBuffer{}
	if std.ErrorLog == nil {
		std.ErrorLog = log.New(logs, "", 0)
	}
	o := front.Options{Std: std}
	for _, f := range set {
		f(&o)
	}
	return start(tb, front.New(o), logs)
}

// startGuarded serves std by net/http under guard.
func startGuarded(tb testing.TB, std *http.Server) *running {
	tb.Helper()
	return startFront(tb, std, func(o *front.Options) { o.StdOnly = true })
}

// startStd serves std by net/http alone: the oracle.
func startStd(tb testing.TB, std *http.Server) *running {
	tb.Helper()
	logs := &logBuffer{}
	if std.ErrorLog == nil {
		std.ErrorLog = log.New(logs, "", 0)
	}
	return start(tb, std, logs)
}

func start(tb testing.TB, s server, logs *logBuffer) *running {
	tb.Helper()
	l := listen(tb)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	tb.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("Serve returned %v", err)
		}
	})
	return &running{server: s, addr: l.Addr().String(), log: logs}
}

var dialer = net.Dialer{Timeout: patience}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false) // see Options.StallTimeout
	l, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func (r *running) dial(tb testing.TB) *net.TCPConn {
	tb.Helper()
	c, err := dialer.DialContext(tb.Context(), "tcp", r.addr)
	if err != nil {
		tb.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	tb.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// patient has a client send whole, without a word from its machine in between: one that was held up for long is silent to the
// server, which is right to end a connection that it only keeps for what is on its way, and the client begins anew.
func patient(tb testing.TB, upload func(pace *gaps) error) {
	tb.Helper()
	for range 20 {
		var pace gaps
		err := upload(&pace)
		if err == nil {
			return
		}
		if pace.longest < 200*time.Millisecond { // the server ends them after 500
			tb.Fatal(err)
		}
		tb.Logf("once more after a gap of %v: %v", pace.longest, err)
	}
	tb.Fatal("the machine is too busy to send without gaps")
}

// gaps are how long a client sent nothing.
type gaps struct {
	last    time.Time
	longest time.Duration
}

// step says that something is about to be sent, or has been.
func (g *gaps) step() {
	now := time.Now()
	if !g.last.IsZero() {
		g.longest = max(g.longest, now.Sub(g.last))
	}
	g.last = now
}

// exchange sends all of in, shuts the sending side only if told, and returns all that comes until the server closes or has
// been silent long enough for the caller's taste.
func exchange(tb testing.TB, r *running, in string, silence time.Duration) string {
	tb.Helper()
	c := r.dial(tb)
	defer c.Close()
	if _, err := io.WriteString(c, in); err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	buf := make([]byte, 64<<10)
	for {
		c.SetReadDeadline(time.Now().Add(silence))
		n, err := c.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			return out.String()
		}
	}
}

func isFast(r *http.Request) bool { return front.HangupOf(r.Context()) != nil }
