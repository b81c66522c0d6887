package forward_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// trickling answers as often as it is told, a part at a time, with a Content-Length or
// without.
func trickling(t *testing.T, parts int, every time.Duration, length bool) (url string) {
	return deployment(t, func(w http.ResponseWriter, r *http.Request) {
		if length {
			w.Header().Set("Content-Length", fmt.Sprint(parts))
		}
		tick := time.NewTicker(every)
		defer tick.Stop()
		for range parts {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	})
}

func TestEachPartOfAnAttemptHasItsTime(t *testing.T) {
	const long = time.Minute
	// The limit bounds an answer that is on its way, and has to leave its head enough time.
	for name, c := range map[string]struct {
		deployment func(t *testing.T, limit time.Duration) (url string)
		timeout    func(limit time.Duration) schema.Timeout
		status     int
		whole      bool
	}{
		"no head in time": {
			func(t *testing.T, _ time.Duration) string { return hangingAt(t) },
			func(limit time.Duration) schema.Timeout { return schema.Timeout{FirstByte: limit, Total: long} }, http.StatusGatewayTimeout, false,
		},
		"a silence in a plain answer": {
			func(t *testing.T, _ time.Duration) string { return trickling(t, 2, long, true) },
			func(limit time.Duration) schema.Timeout { return schema.Timeout{Idle: limit} }, http.StatusOK, false,
		},
		"a silence in a stream": {
			func(t *testing.T, _ time.Duration) string { return trickling(t, 2, long, false) },
			func(limit time.Duration) schema.Timeout { return schema.Timeout{Idle: limit} }, http.StatusOK, false,
		},
		"a plain answer without end": {
			func(t *testing.T, limit time.Duration) string { return trickling(t, 1<<20, limit/20, true) },
			func(limit time.Duration) schema.Timeout {
				return schema.Timeout{FirstByte: long, Idle: long, Plain: limit}
			}, http.StatusOK, false,
		},
		"a stream without end": {
			func(t *testing.T, limit time.Duration) string { return trickling(t, 1<<20, limit/20, false) },
			func(limit time.Duration) schema.Timeout { return schema.Timeout{Total: limit} }, http.StatusOK, false,
		},
		"a slow answer that goes on": {
			func(t *testing.T, _ time.Duration) string { return trickling(t, 30, 20*time.Millisecond, true) },
			func(time.Duration) schema.Timeout { return schema.Timeout{FirstByte: long, Idle: long} }, http.StatusOK, true,
		},
		"a stream longer than its time": {
			func(t *testing.T, limit time.Duration) string { return trickling(t, 20, limit/15, false) },
			func(limit time.Duration) schema.Timeout {
				return schema.Timeout{FirstByte: long, Idle: long, Plain: limit}
			}, http.StatusOK, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testbed.LongEnough(t, 300*time.Millisecond, func(limit time.Duration) bool {
				g := setup{attempt: forward.Attempt{Timeout: c.timeout(limit)}}.start(t, c.deployment(t, limit))
				res, err := g.Client().Do(request(t, http.MethodGet, g.URL+"/v1/x", nil))
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
				r := g.result(t)
				switch {
				case c.status == http.StatusOK && res.StatusCode == http.StatusGatewayTimeout:
					return false
				case res.StatusCode != c.status:
					t.Errorf("status %d, want %d", res.StatusCode, c.status)
				case c.whole && (err != nil || r.Outcome != record.OK):
					t.Errorf("%v, result %+v", err, r)
				case !c.whole && r.Kind != record.Timeout:
					t.Errorf("result %+v", r)
				case !c.whole && c.status == http.StatusOK && err == nil:
					t.Error("what was cut off seems to have come to a clean end")
				}
				return true
			})
		})
	}
}

// hangingAt is a deployment that never answers.
func hangingAt(t *testing.T) (url string) {
	return deployment(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// full is the URL of a server that no connection can be made to, and that refuses
// none: its queue is as short as can be, and nobody accepts what it holds. The system does
// not answer what is above that at all.
func full(t *testing.T) (url string) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(socket)
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := errors.Join(syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(socket, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(at.(*syscall.SockaddrInet4).Port))
	// One dial that takes long may be the machine's doing, three are the queue's.
	d := net.Dialer{Timeout: 100 * time.Millisecond}
	for late, made := 0, 0; made < 1<<8; made++ {
		c, err := d.Dial("tcp", address)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			continue
		}
		if late++; late == 3 {
			return "http://" + address
		}
	}
	t.Skip("the system holds any number of connections that nobody accepts")
	return ""
}

func TestConnectingHasATimeOfItsOwn(t *testing.T) {
	g := setup{attempt: forward.Attempt{Timeout: schema.Timeout{Connect: 50 * time.Millisecond, Total: time.Minute}}}.start(t, full(t))
	res, body := do(t, g.Client(), request(t, http.MethodGet, g.URL+"/v1/x", nil))
	wantError(t, res, body, http.StatusBadGateway) // of the whole time it would be 504
	if r := g.result(t); r.Kind != record.Connect {
		t.Errorf("result %+v", r)
	}
}

func TestBodiesAboveTheVersionsLimits(t *testing.T) {
	echo := deployment(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Length") != "" {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		}
		_, _ = w.Write(b[:len(b)/2])
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(b[len(b)/2:])
	})
	g := setup{attempt: forward.Attempt{MaxRequestBytes: 1000, MaxResponseBytes: 100}}.start(t, echo)
	for _, c := range []struct {
		name    string
		bytes   int
		length  string
		status  int
		kind    record.ErrorKind
		message string
	}{
		{"within", 100, "yes", http.StatusOK, record.None, ""},
		{"within, of unknown length", 100, "", http.StatusOK, record.None, ""},
		{"a long request", 1001, "", http.StatusRequestEntityTooLarge, record.TooLarge, "the request body is above 1000 bytes"},
		{"a long answer", 101, "yes", http.StatusBadGateway, record.TooLarge, "the deployment's answer is above 100 bytes"},
		{"a long answer of unknown length", 900, "", http.StatusOK, record.TooLarge, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(strings.Repeat("x", c.bytes)))
			req.Header.Set("X-Length", c.length)
			res, err := g.Client().Do(req)
			if err != nil && c.status != http.StatusOK {
				t.Fatal(err)
			}
			var body []byte
			if err == nil {
				body, err = io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != c.status || !strings.Contains(string(body), c.message) {
					t.Errorf("got %d %q", res.StatusCode, body)
				}
			}
			r := g.result(t)
			if r.Kind != c.kind || r.Status != c.status || r.Status == http.StatusOK && r.ResponseBytes > 100 {
				t.Errorf("result %+v", r)
			}
			if r.Abort && err == nil {
				t.Error("an answer that was cut off seems whole")
			}
		})
	}
}
