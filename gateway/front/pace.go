package front

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// defaultGrace is for how long the content of a request may be waited for, all waits together, before it has to come at
// Options.MinBodyRate.
const defaultGrace = 10 * time.Second

// shortestCheck is the time between two looks at a body that is nearly too slow.
const shortestCheck = 100 * time.Millisecond

// longAgo is a deadline that ends what waits for it.
var longAgo = time.Unix(1, 0)

// pace ends the content of a request that comes too slowly. What counts is how long it was waited for: a handler that takes
// its time to read is not the client's fault. It serves one request after another; its zero value is stopped.
type pace struct {
	rate  int64 // bytes per second
	grace time.Duration
	cut   func()      // ends the read in progress and those to come
	slow  atomic.Bool // it has been called

	mu     sync.Mutex
	timer  *time.Timer
	runs   bool
	began  time.Time // of the read in progress; zero: there is none
	waited time.Duration
	bytes  int64
}

// start begins to watch a request.
func (p *pace) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs, p.began, p.waited, p.bytes = true, time.Time{}, 0, 0
	if p.timer == nil {
		p.timer = time.AfterFunc(p.grace, p.check)
	} else {
		p.timer.Reset(p.grace)
	}
}

// stop ends watching: nothing is cut from now on.
func (p *pace) stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs {
		p.runs = false
		p.timer.Stop()
	}
}

// read reads while it is watched.
func (p *pace) read(from io.Reader, b []byte) (int, error) {
	p.mark(0)
	n, err := from.Read(b)
	p.mark(n)
	return n, err
}

// count adds bytes that were not waited for.
func (p *pace) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes += int64(n)
}

// mark says that a read begins, or has ended with n bytes.
func (p *pace) mark(n int) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began.IsZero() {
		p.began = now
		return
	}
	p.waited += now.Sub(p.began)
	p.bytes += int64(n)
	p.began = time.Time{}
}

// check is called by the timer, when the body may have become too slow.
func (p *pace) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.runs {
		return
	}
	waited := p.waited
	if !p.began.IsZero() {
		waited += time.Since(p.began)
	}
	left := p.grace + time.Duration(float64(p.bytes)/float64(p.rate)*float64(time.Second)) - waited
	if left > 0 {
		p.timer.Reset(max(left, shortestCheck))
		return
	}
	p.runs = false
	p.slow.Store(true)
	p.cut()
}

// paceKey finds the pace of a request in its context.
type paceKey struct{}

// TooSlow reports whether the content of the request that ctx was given to, or derived from, has come too slowly and was
// cut off. Outside the fast lane the context of such a request may end before the read that was cut returns: net/http
// ends it with whatever error a connection has, which here does not say that the client has gone away.
func TooSlow(ctx context.Context) bool {
	p, _ := ctx.Value(paceKey{}).(*pace)
	return p != nil && p.slow.Load()
}

// paced is a handler whose requests' bodies are watched, for what is not in the fast lane.
func (s *Server) paced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || takesItsTime(r) {
			next.ServeHTTP(w, r)
			return
		}
		p := s.newPace(func() { _ = http.NewResponseController(w).SetReadDeadline(longAgo) })
		p.start()
		defer p.stop()
		*r = *r.WithContext(context.WithValue(r.Context(), paceKey{}, p)) // in place: net/http gives this one its trailers
		r.Body = &pacedBody{r.Body, p}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) newPace(cut func()) *pace { return &pace{rate: s.minRate, grace: s.grace, cut: cut} }

// takesItsTime reports whether both sides talk in the bodies of one request, which may be silent for as long as they like:
// gRPC and what is like it.
func takesItsTime(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	return strings.HasPrefix(kind, "application/grpc") || strings.HasPrefix(kind, "application/connect+")
}

// pacedBody is a body that is watched.
type pacedBody struct {
	io.ReadCloser
	pace *pace
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) { return b.pace.read(b.ReadCloser, p) }
