package upstream_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// echo answers with the request's body.
func echo(_ int, c net.Conn, r *bufio.Reader) {
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		resp := http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(b)), Body: io.NopCloser(bytes.NewReader(b))}
		if resp.Write(c) != nil {
			return
		}
	}
}

// Bodies of every size and sort arrive whole, and the connection is used again.
func TestBodiesArriveWhole(t *testing.T) {
	rep := newReplica(t, echo)
	p := newPool(t, rep.addr, upstream.Options{})
	data := bytes.Repeat([]byte("0123456789abcde\n"), 70_000)
	for _, size := range []int{0, 1, 100, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10, 64<<10 + 1, len(data)} {
		for name, body := range map[string]io.Reader{
			"in memory":  bytes.NewReader(data[:size]),
			"streamed":   struct{ io.Reader }{bytes.NewReader(data[:size])},
			"in pieces":  struct{ io.Reader }{io.MultiReader(bytes.NewReader(data[:size/3]), bytes.NewReader(data[size/3:size]))},
			"chunked":    nil,
			"lent":       newLender(t, data[:size], 1<<20, size),
			"lent a bit": newLender(t, data[:size], 1000, size),
			"lent first": newLender(t, data[:size], 40_000, size/2),
			"byte first": struct{ io.Reader }{io.MultiReader(bytes.NewReader(data[:min(1, size)]), bytes.NewReader(data[min(1, size):size]))},
		} {
			length := int64(size)
			if body == nil {
				body, length = bytes.NewReader(data[:size]), -1
			}
			req := newRequest(t, t.Context(), http.MethodPost, rep.addr, body)
			req.ContentLength = length
			_, got, err := ask(p, req)
			if err != nil || got != string(data[:size]) {
				t.Fatalf("%s, %d bytes: got %d bytes back, %v", name, size, len(got), err)
			}
			if l, ok := body.(*lending); ok && l.lent > 0 && size > 32<<10 {
				t.Errorf("%s, %d bytes: %d more would have been lent", name, size, l.lent)
			}
		}
	}
	// One, but for senders that are late to say that they are done: see sentGrace. There are nine bodies of each sort.
	if n := rep.accepted(); n > 8 {
		t.Errorf("%d connections, want 1", n)
	}
}

// Many callers at a time: each gets the answer to its own request.
func TestAnswersAreNotMixedUp(t *testing.T) {
	rep := newReplica(t, echo)
	p := newPool(t, rep.addr, upstream.Options{MaxConns: 7})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				text := strings.Repeat(fmt.Sprintf("%d/%d.", i, j), 1+(i*50+j)*13%9000)
				body := io.Reader(strings.NewReader(text))
				if j%4 == 0 {
					body = struct{ io.Reader }{body} // chunked
				}
				if _, got, err := ask(p, newRequest(t, t.Context(), http.MethodPost, rep.addr, body)); err != nil || got != text {
					t.Errorf("%d/%d: got %d bytes, want %d, %v", i, j, len(got), len(text), err)
				}
			}
		})
	}
	wg.Wait()
}

// The client's fault must not look like the replica's, and the replica must not take a part for the whole.
func TestFailingBodyIsTheClientsFault(t *testing.T) {
	broken := errors.New("malformed chunk from the client")
	for name, tt := range map[string]struct {
		sent   int
		length int64
		err    error
	}{
		"small, at once":   {0, 10, broken},
		"small, later":     {5, 10, broken},
		"small, too short": {5, 10, io.EOF},
		"large":            {100_000, 200_000, broken},
		"large, too short": {100_000, 200_000, io.EOF},
		"chunked":          {100_000, -1, broken},
		"lent":             {100_000, 200_000, broken},
		"lent, too short":  {100_000, 200_000, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			whole := make(chan bool, 1)
			rep := newReplica(t, func(_ int, _ net.Conn, r *bufio.Reader) { whole <- readRequest(r) == nil })
			p := newPool(t, rep.addr, upstream.Options{})
			body := io.MultiReader(strings.NewReader(strings.Repeat("a", tt.sent)), failing{tt.err})
			if strings.HasPrefix(name, "lent") {
				body = &lending{Reader: body, t: t, piece: 1 << 20, lent: 1 << 30}
			}
			req := newRequest(t, t.Context(), http.MethodPost, rep.addr, body)
			req.ContentLength = tt.length
			_, _, err := ask(p, req)
			e := wantKind(t, err, upstream.KindRequestBody)
			want := tt.err
			if want == io.EOF { //nolint:errorlint // from the table
				want = io.ErrUnexpectedEOF
			}
			if !errors.Is(err, want) || e.Sent != (tt.sent > 0) {
				t.Errorf("got %v, sent %t; want %v", err, e.Sent, want)
			}
			if e.Sent && <-whole {
				t.Error("the replica saw a whole request")
			}
			if s := p.Stats(); s.Open != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// lending is a body that reads into memory of its own, and lends it: piece bytes at a time, and so many in all.
type lending struct {
	io.Reader
	t           testing.TB
	piece, lent int
	memory      []byte
	held        bool
}

func newLender(t testing.TB, data []byte, piece, lent int) *lending {
	return &lending{Reader: bytes.NewReader(data), t: t, piece: piece, lent: lent}
}

func (l *lending) Lend(most int64) ([]byte, io.Closer, error) {
	if l.held {
		l.t.Error("more is asked for while something is lent")
	}
	n := min(l.piece, l.lent, int(most))
	if n == 0 {
		return nil, nil, nil
	}
	l.memory = make([]byte, n)
	n, err := l.Reader.Read(l.memory)
	l.held, l.lent = true, l.lent-n
	return l.memory[:n], l, err
}

// Close ends the body, and what is lent: the memory is somebody else's then.
func (l *lending) Close() error {
	clear(l.memory)
	l.held = false
	return nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// M1: what the client has sent is passed on at once, though the rest of a small body is missing.
func TestM01TrickledBodyIsPassedOn(t *testing.T) {
	for _, length := range []int64{10, 100_000, -1} {
		first := make(chan string, 1)
		rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			b := make([]byte, 1)
			_, _ = io.ReadFull(req.Body, b)
			first <- string(b)
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		})
		pr, pw := io.Pipe()
		req := newRequest(t, t.Context(), http.MethodPost, rep.addr, pr)
		req.ContentLength = length
		done := make(chan error, 1)
		go func() {
			_, _, err := ask(newPool(t, rep.addr, upstream.Options{}), req)
			done <- err
		}()
		_, _ = io.WriteString(pw, "a")
		if got := <-first; got != "a" {
			t.Errorf("got %q first", got)
		}
		_, _ = io.WriteString(pw, strings.Repeat("b", int(max(length, 10)-1)))
		pw.Close()
		if err := <-done; err != nil {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

// Large bodies that come fast are sent in large pieces, a bounded number of them
// at a time: what many slow bodies hold stays small.
func TestLargePiecesAreBounded(t *testing.T) {
	const most, bodies, size = 16, 40, 384 << 10
	rep := newReplica(t, echo)
	p := newPool(t, rep.addr, upstream.Options{})
	var large atomic.Int32
	var asked sync.WaitGroup // all bodies have been read from twice
	asked.Add(bodies)
	var done sync.WaitGroup
	for range bodies {
		done.Go(func() {
			body := &measured{r: bytes.NewReader(make([]byte, size)), large: &large, second: &asked}
			req := newRequest(t, t.Context(), http.MethodPost, rep.addr, body)
			req.ContentLength = size
			if _, got, err := ask(p, req); err != nil || len(got) != size {
				t.Errorf("got %d bytes back, %v", len(got), err)
			}
		})
	}
	done.Wait()
	if got := large.Load(); got != most {
		t.Errorf("%d bodies were read in large pieces at a time, want %d", got, most)
	}
}

// measured is a body whose second Read waits for that of all others.
type measured struct {
	r      io.Reader
	reads  int
	large  *atomic.Int32 // whose second Read was for more than a small piece
	second *sync.WaitGroup
}

func (m *measured) Read(p []byte) (int, error) {
	if m.reads++; m.reads == 2 {
		if len(p) > 64<<10 {
			m.large.Add(1)
		}
		m.second.Done()
		m.second.Wait()
	}
	return m.r.Read(p)
}
