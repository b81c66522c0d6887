package forward_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// lending is a caller's body that lends memory of its own, which is somebody else's as
// soon as it has it back.
type lending struct {
	io.Reader
	lent, back atomic.Int64 // pieces
	memory     []byte
}

func (l *lending) Lend(most int64) ([]byte, io.Closer, error) {
	l.memory = make([]byte, min(most, 100_000))
	n, err := l.Read(l.memory)
	l.lent.Add(1)
	return l.memory[:n], l, err
}

func (l *lending) Close() error {
	clear(l.memory)
	l.back.Add(1)
	return nil
}

// Whether a body is lent or read, it arrives whole, also where a replica is tried that
// refuses, and all that was lent is given back.
func TestLentBodiesArriveWhole(t *testing.T) {
	url := deployment(t, echo)
	var body *lending
	wrap := func(b io.ReadCloser) io.Reader {
		body = &lending{Reader: b}
		return body
	}
	for name, replicas := range map[string][]string{"one replica": {url}, "one of two refuses": {closedPort, url}} {
		t.Run(name, func(t *testing.T) {
			g := setup{wrap: wrap}.start(t, replicas...)
			for _, size := range []int{1, 32 << 10, 32<<10 + 1, 99_999, 100_000, 100_001, 1_000_000} {
				want := strings.Repeat("0123456789", size/10+1)[:size]
				res, got := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(want)))
				if res.StatusCode != http.StatusOK || got != want {
					t.Fatalf("%d bytes: %d, %d bytes back", size, res.StatusCode, len(got))
				}
				if r := g.result(t); r.RequestBytes != int64(size) || r.Outcome != record.OK {
					t.Errorf("%d bytes: %+v", size, r)
				}
				lent := body.lent.Load()
				if lent > 0 && !running.Upstream || lent == 0 && running.Upstream && size > 32<<10 {
					t.Errorf("%d bytes: lent %d times", size, lent)
				}
				testbed.Eventually(t, "what was lent is given back", func() bool { return body.back.Load() == lent })
			}
		})
	}
}

func TestLentBodiesOfCallersWhoLeave(t *testing.T) {
	begun := make(chan struct{}, 1)
	url := deployment(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 1))
		begun <- struct{}{}
		if n, err := io.Copy(io.Discard, r.Body); err == nil {
			t.Errorf("the deployment took %d bytes for the whole", n)
		}
	})
	var body *lending
	g := setup{wrap: func(b io.ReadCloser) io.Reader {
		body = &lending{Reader: b}
		return body
	}}.start(t, url)
	for range 3 {
		c := g.dial(t)
		_, _ = io.WriteString(c, "POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 200000\r\n\r\n"+strings.Repeat("a", 100_000))
		<-begun
		c.Close()
		if r := g.result(t); r.Outcome != record.Canceled || r.Kind != record.CallerLeft {
			t.Errorf("%+v", r)
		}
	}
}

// mined is a body that lends something and panics.
type mined struct{ io.Reader }

func (m *mined) Lend(most int64) ([]byte, io.Closer, error) {
	p := make([]byte, min(most, 10))
	if n, _ := m.Reader.Read(p); bytes.HasPrefix(p[:n], []byte("boom")) {
		panic("boom")
	}
	return nil, nil, nil
}

func TestH14APanicOfABodyThatIsLentHitsOneRequestOnly(t *testing.T) {
	if !running.Upstream {
		t.Skip("net/http's client asks for nothing to be lent")
	}
	g := setup{wrap: func(b io.ReadCloser) io.Reader { return &mined{b} }}.start(t, deployment(t, echo))
	for range 3 {
		res, body := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(strings.Repeat("boom", 10_000))))
		wantError(t, res, body, http.StatusInternalServerError)
		if r := g.result(t); r.Kind != record.Panic || r.Outcome != record.Error {
			t.Errorf("result %+v", r)
		}
	}
	if !strings.Contains(g.log.String(), "panic reading a request body: boom") {
		t.Errorf("the log says %q", g.log)
	}
}
