package mirror_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/upstream"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// listen serves every connection with handle, which ends when the test does.
func listen(t *testing.T, handle func(ctx context.Context, conn net.Conn)) string {
	t.Helper()
	return testbed.TCP(t, func(c *net.TCPConn) { handle(t.Context(), c) })
}

// afterRequest reads one request and then does what follows.
func afterRequest(then func(ctx context.Context, conn net.Conn)) func(context.Context, net.Conn) {
	return func(ctx context.Context, conn net.Conn) {
		testbed.AfterRequest(func(c *net.TCPConn) { then(ctx, c) })(conn.(*net.TCPConn))
	}
}

func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// forever writes head and then repeats text until the connection ends.
func forever(head, text string) func(context.Context, net.Conn) {
	return afterRequest(func(_ context.Context, conn net.Conn) { testbed.Repeat(conn, head, text) })
}

// fault is what a mirror may do, and what its record says then.
type fault struct {
	name  string
	serve func(context.Context, net.Conn) // nil: see over
	over  func(deployments.Destination) deployments.Transport
	url   string
	body  int
	want  result
}

// faults is the fault set F.
func faults() []fault {
	hang := func(ctx context.Context, _ net.Conn) { <-ctx.Done() }
	over := func(bad deployments.Transport) func(deployments.Destination) deployments.Transport {
		return func(to deployments.Destination) deployments.Transport {
			if to.URL.Host == "mirror.invalid" {
				return bad
			}
			return deployments.NewTransport(deployments.TransportOptions{})
		}
	}
	dial := func(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(deployments.Destination) deployments.Transport {
		return over(&http.Transport{DialContext: dial})
	}
	const large = 1 << 20
	return []fault{
		{name: "refused", url: "http://127.0.0.1:1", want: result{record.Error, record.Connect, 0}},
		{
			name: "black-holed SYN", url: "http://mirror.invalid", want: result{record.Error, record.Timeout, 0},
			over: dial(func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}),
		},
		{name: "accepts and never reads", body: large, serve: hang, want: result{record.Error, record.Timeout, 0}},
		{
			name: "reads 1 KiB/s", body: large, want: result{record.Error, record.Timeout, 0},
			serve: func(ctx context.Context, conn net.Conn) {
				_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
				for ctx.Err() == nil {
					if _, err := io.CopyN(io.Discard, conn, 102); err != nil {
						return
					}
					<-time.After(100 * time.Millisecond)
				}
			},
		},
		{name: "never answers", serve: afterRequest(hang), want: result{record.Error, record.Timeout, 0}},
		{
			name: "answers late", want: result{record.Error, record.Timeout, 0},
			serve: afterRequest(func(ctx context.Context, conn net.Conn) {
				select {
				case <-ctx.Done():
				case <-time.After(time.Minute):
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}),
		},
		{
			name: "resets mid-body", body: large, want: result{record.Error, record.Reset, 0},
			serve: func(_ context.Context, conn net.Conn) {
				_, _ = io.CopyN(io.Discard, conn, 10<<10)
				reset(conn)
			},
		},
		{
			name: "resets mid-answer", want: result{record.Error, record.Reset, 200},
			serve: afterRequest(func(_ context.Context, conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
				reset(conn)
			}),
		},
		{
			name: "endless answer", want: result{record.Error, record.TooLarge, 200},
			serve: forever("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 1<<10)),
		},
		{
			name: "answers slowly for ever", want: result{record.Error, record.Timeout, 200},
			serve: afterRequest(func(ctx context.Context, conn net.Conn) {
				_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
				for err == nil && ctx.Err() == nil {
					_, err = io.WriteString(conn, "x")
					<-time.After(20 * time.Millisecond)
				}
			}),
		},
		{
			name: "endless 1xx", want: result{record.Error, record.Protocol, 0},
			serve: forever("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
		},
		{name: "invalid HTTP", serve: forever("", "SSH-2.0-OpenSSH_9.6\r\n"), want: result{record.Error, record.Protocol, 0}},
		{
			name: "broken chunk", want: result{record.Error, record.Protocol, 200},
			serve: afterRequest(func(_ context.Context, conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
			}),
		},
		{
			name: "no TLS", url: "https", want: result{record.Error, record.Connect, 0},
			serve: func(_ context.Context, conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.0 400 Bad Request\r\n\r\n")
				_, _ = io.Copy(io.Discard, conn)
			},
		},
		{
			name: "DNS failure", url: "http://mirror.invalid", want: result{record.Error, record.Connect, 0},
			over: dial((&net.Dialer{Resolver: &net.Resolver{
				PreferGo: true,
				Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no such server") },
			}}).DialContext),
		},
		{
			name: "panic", url: "http://mirror.invalid", want: result{record.Error, record.Panic, 0},
			over: over(panicking{}),
		},
		{
			name: "answers 500", want: result{record.Error, record.Status, 500},
			serve: afterRequest(func(_ context.Context, conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
			}),
		},
		{
			name: "redirects", want: result{record.OK, record.None, 302},
			serve: afterRequest(func(_ context.Context, conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
			}),
		},
		{
			name: "early answer", body: large, want: result{record.OK, record.None, 413},
			serve: func(ctx context.Context, conn net.Conn) {
				_, _ = bufio.NewReader(conn).ReadString('\n')
				_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
				<-ctx.Done()
			},
		},
	}
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("a bug") }
func (panicking) CloseIdleConnections()                           {}

func TestM02EveryFaultIsItsMirrorsOwnAffair(t *testing.T) {
	for client, over := range clients() {
		for _, f := range faults() {
			over := over
			if f.over != nil {
				over.Transport = f.over
			}
			t.Run(client+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				limit := time.Minute
				if f.want.Kind == record.Timeout {
					limit = 300 * time.Millisecond
				}
				testbed.LongEnough(t, limit, func(limit time.Duration) bool { return f.staysAlone(t, over, limit) })
			})
		}
	}
}

// staysAlone sends a copy to the mirror at fault and to one that is well, each of which has
// that much time. It is false where that was over for the one that is well, or before the
// other one had shown its fault.
func (f *fault) staysAlone(t *testing.T, over deployments.PoolOptions, limit time.Duration) (inTime bool) {
	t.Helper()
	engine := newFixtureOver(t, mirror.Options{Timeout: limit}, over)
	address := f.url
	if f.serve != nil {
		address = listen(t, f.serve)
	}
	if f.url == "https" {
		address = strings.Replace(address, "http:", "https:", 1)
	}
	bad, good := engine.mirror(address), engine.mirror(answering(t).URL)
	engine.send("POST", "/x", strings.Repeat("b", max(f.body, 100)), bad, good)
	records := engine.wait(2)
	for _, r := range records {
		late := r.ErrorKind == record.Timeout && (r.Backend == good.name || r.Status != f.want.Status)
		if f.want.Kind == record.Timeout && late {
			return false
		}
	}
	for _, r := range records {
		want := f.want
		if r.Backend == good.name {
			want = result{record.OK, record.None, 200}
		}
		if diff := cmp.Diff(want, resultOf(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s%s", r.Backend, diff, r.Error)
		}
		if (r.ErrorKind == record.None) != (r.Error == "") {
			t.Errorf("error %q of kind %q", r.Error, r.ErrorKind)
		}
	}
	return true
}

// What a record says does not depend on the way that a copy is sent, which its size
// decides about.
func TestRecordsCountTheBytesThatPassed(t *testing.T) {
	const most = 1000
	breaksOff := afterRequest(func(_ context.Context, conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
	})
	for client, over := range clients() {
		for _, size := range []int{1, upstream.MaxMessage, upstream.MaxMessage + 1, 200_000} {
			for _, c := range []struct {
				name, url  string
				want       result
				sent, read int
			}{
				{"refused", "http://127.0.0.1:1", result{record.Error, record.Connect, 0}, 0, 0},
				{"not HTTP", listen(t, forever("", "SSH-2.0-OpenSSH_9.6\r\n")), result{record.Error, record.Protocol, 0}, size, 0},
				{"breaks off", listen(t, breaksOff), result{record.Error, record.Reset, 200}, size, 4},
				{"too large", listen(t, forever("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 1<<10))), result{record.Error, record.TooLarge, 200}, size, most},
				{"whole", answering(t).URL, result{record.OK, record.None, 200}, size, len(fmt.Sprint(size))},
			} {
				f := newFixtureOver(t, mirror.Options{MaxAnswer: most, Timeout: time.Minute}, over)
				f.send("POST", "/x", strings.Repeat("b", size), f.mirror(c.url))
				r := f.wait(1)[0]
				if resultOf(r) != c.want || r.RequestBytes != int64(c.sent) || r.ResponseBytes != int64(c.read) {
					t.Errorf("%s, %s, a body of %d bytes: %+v, %d bytes sent and %d read instead of %+v, %d and %d: %s",
						client, c.name, size, resultOf(r), r.RequestBytes, r.ResponseBytes, c.want, c.sent, c.read, r.Error)
				}
			}
		}
	}
}

func TestADroppedCopySaysWhy(t *testing.T) {
	f := newFixture(t, mirror.Options{})
	reasons := []record.ErrorKind{record.Loop, record.Upgrade, record.Method, record.Refused, record.Overload}
	m := f.mirror("http://127.0.0.1:1")
	for _, reason := range reasons {
		f.offered[m.queue]++
		m.queue.Drop(&record.Record{Backend: m.name}, reason)
	}
	for _, r := range f.wait(len(reasons)) {
		if r.Outcome != record.Dropped || r.Error == "" {
			t.Errorf("%s: %s, %q", r.ErrorKind, r.Outcome, r.Error)
		}
	}
}

// answering is a mirror that reads everything and answers at once.
func answering(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestAnAnswerIsReadUpToItsLimit(t *testing.T) {
	f := newFixture(t, mirror.Options{MaxAnswer: 10_000})
	for i, size := range []int{0, 9_999, 10_000, 10_001, 1 << 20} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", size))
		}))
		t.Cleanup(s.Close)
		f.send("GET", "/x", "", f.mirror(s.URL))
		r := f.wait(i + 1)[i]
		want := result{record.OK, record.None, 200}
		if size > 10_000 {
			want = result{record.Error, record.TooLarge, 200}
		}
		if resultOf(r) != want || r.ResponseBytes != int64(min(size, 10_000)) || (r.Error != "") != (size > 10_000) {
			t.Errorf("answer of %d bytes: %+v, %d bytes, error %q", size, resultOf(r), r.ResponseBytes, r.Error)
		}
	}
}
