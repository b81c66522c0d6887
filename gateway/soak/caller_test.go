package soak_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// conn is a caller's kept connection. It is simple so that it costs little beside
// what is measured.
type conn struct {
	net.Conn
	r    *bufio.Reader
	body []byte
}

func (p *process) dial() *conn {
	p.t.Helper()
	c, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", p.at.Public)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return &conn{Conn: c, r: bufio.NewReader(c)}
}

// post is a request as it is sent.
func post(path string, body []byte) []byte {
	return append(fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, len(body)), body...)
}

// do sends a request and reads the answer, whose body is valid until the next.
func (c *conn) do(request []byte) (status int, body []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	return c.answer()
}

// answer reads one answer with a Content-Length.
func (c *conn) answer() (status int, body []byte, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, nil, fmt.Errorf("status line %q: %w", line, errors.Join(err, io.ErrUnexpectedEOF))
	}
	status, _ = strconv.Atoi(string(line[9:12]))
	length := -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return status, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
	}
	if length < 0 {
		return status, nil, errors.New("an answer without Content-Length")
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.r, c.body)
	return status, c.body, err
}

// refusal is why a request could not be sent to its end: what the gateway has
// answered, if it has.
func (c *conn) refusal(err error) error {
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	if status, body, readErr := c.answer(); readErr == nil {
		return fmt.Errorf("%w: answered %d %s", err, status, body)
	}
	return err
}

// latencies are how long requests took.
type latencies []time.Duration

// at is a quantile.
func (l latencies) at(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[min(int(q*float64(len(l))), len(l)-1)]
}

// load is what connections made of their requests.
type load struct {
	latencies latencies
	requests  int
	errors    int
	example   string // of an error
	took      time.Duration
}

func (l *load) add(o load) {
	l.latencies = append(l.latencies, o.latencies...)
	l.requests += o.requests
	l.errors += o.errors
	l.took += o.took
	if o.example != "" {
		l.example = o.example
	}
}

// rate is requests in a second.
func (l *load) rate() float64 { return float64(l.requests) / l.took.Seconds() }

// run sends a request over each connection again and again for a time; paced, so
// many in a second by all connections together, with latencies counted from when
// a request was due. want is the body of the answers.
func run(conns []*conn, request, want []byte, rate float64, d time.Duration) (sum load) {
	began := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			l := c.run(request, want, rate/float64(len(conns)), float64(i)/float64(len(conns)), began, d)
			mu.Lock()
			defer mu.Unlock()
			sum.add(l)
		})
	}
	wg.Wait()
	sum.took = time.Since(began)
	return sum
}

func (c *conn) run(request, want []byte, rate, phase float64, began time.Time, d time.Duration) (l load) {
	for i := 0; ; i++ {
		due := time.Now()
		if rate > 0 {
			due = began.Add(time.Duration((float64(i) + phase) / rate * float64(time.Second)))
		}
		if due.Sub(began) >= d {
			return l
		}
		if wait := time.Until(due); wait > 0 {
			<-time.After(wait)
		}
		status, body, err := c.do(request)
		l.requests++
		l.latencies = append(l.latencies, time.Since(due))
		if err != nil || status != http.StatusOK || !bytes.Equal(body, want) {
			l.errors++
			l.example = fmt.Sprintf("%d, %d bytes, %v", status, len(body), err)
			if err != nil {
				return l
			}
		}
	}
}

func (p *process) dialN(n int) []*conn {
	conns := make([]*conn, n)
	for i := range conns {
		conns[i] = p.dial()
	}
	return conns
}

// count answers with the number of the bytes of the request's body.
func count(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return
	}
	_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
}
