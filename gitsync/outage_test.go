package gitsync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// TestW04OutageKeepsTheLastGoodRevision: the server goes down, a restart serves
// from the state folder, and when it comes back the newest revision is taken.
func TestW04OutageKeepsTheLastGoodRevision(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n"})
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev", "gone"), "endpoints/empty.yaml": "\n"})
	var down atomic.Bool
	o := options(r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if down.Load() {
				http.Error(w, "no", http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, req)
		})
	}))
	o.StateDir = filepath.Join(t.TempDir(), "new", "state")

	f := follow(t, o, nil)
	live := f.mustSync()
	down.Store(true)
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnreachable) || f.Status().Live != live {
		t.Fatalf("sync: %v; status %+v", err, f.Status())
	}
	_ = f.stop()

	f = follow(t, o, nil)
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnreachable) {
		t.Fatalf("sync: %v", err)
	}
	s := f.Status()
	if s.Live == nil || s.Source != gitsync.SourceState || !s.Stale {
		t.Fatalf("status is %+v", s)
	}
	r.compare(t, "restored", s.Live)

	down.Store(false)
	f.mustSync()
	if s := f.Status(); s.Stale || s.Source != gitsync.SourceGit || f.offered() != 1 {
		t.Errorf("after the server came back: %+v, %d offers", s, f.offered())
	}
	r.commit("dev", "dev 2", files{"deployments/d.yaml": "dev 2\n"})
	r.compare(t, "after the outage", f.mustSync())
}

func TestServerDownAtFirstStartThenUp(t *testing.T) {
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	addr := testbed.Address(t)
	o := options("http://" + addr + "/models.git")
	o.Poll = 20 * time.Millisecond
	f := follow(t, o, nil)
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnreachable) {
		t.Fatalf("sync: %v", err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(r.httpHandler())
	s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()
	eventually(t, func() bool { return f.Status().Live != nil })
}

// eventually waits for a condition that polling brings about.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not happen within 30 seconds")
		case <-tick.C:
		}
	}
}

// A proxy cuts the connection after n bytes of each pack; nothing that was read
// so far may spoil what is read afterwards.
func TestCutConnectionsDoNoHarm(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	text := strings.Repeat("a line that compresses\n", 20)
	r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n" + text})
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev") + text, "deployments/d.yaml": text + "1\n"})
	var left, posts, cut atomic.Int64
	left.Store(1 << 40)
	o := options(r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if lists(req) {
				next.ServeHTTP(w, req)
				return
			}
			posts.Add(1)
			next.ServeHTTP(&cutting{ResponseWriter: w, left: left.Load(), cut: &cut}, req)
		})
	}))
	f := follow(t, o, nil)
	f.mustSync()
	step := int64(37)
	switch {
	case testing.Short():
		step = 101
	case *soaking:
		step = 7
	}
	cuts, whole := 0, 0
	for n := int64(0); whole < 3 && n < 1500; n += step { // until answers are shorter than that
		r.commit("main", fmt.Sprint("cut at ", n), files{"endpoints/b.yaml": fmt.Sprint("# ", n, "\n") + text})
		left.Store(n)
		before := posts.Load()
		cut.Store(0)
		if err := f.sync(); err != nil {
			cuts++
			if !errors.Is(f.Status().LastError, err) || posts.Load() != before+2 {
				t.Fatalf("cut at %d: %v after %d requests", n, err, posts.Load()-before)
			}
		}
		if whole++; cut.Load() > 0 {
			whole = 0
		}
		left.Store(1 << 40)
		r.compare(t, fmt.Sprint("cut at ", n), f.mustSync())
	}
	if cuts < 12 && !testing.Short() {
		t.Errorf("only %d cuts made a sync fail", cuts)
	}
}

type cutting struct {
	http.ResponseWriter
	left int64
	cut  *atomic.Int64
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		c.cut.Add(1)
		_, _ = c.ResponseWriter.Write(p[:max(0, int64(len(p))+c.left)])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

func TestSilentServersMeetTheDeadline(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
			})
		}
	})
	defer conns.Wait()
	defer silent.Close()
	r := newRepo(t)
	_, auth := sshServer(t, r, nil)
	for _, scheme := range []string{"http", "ssh"} {
		t.Run(scheme, func(t *testing.T) {
			o := options(scheme + "://" + silent.Addr().String() + "/models.git")
			o.Timeout = 200 * time.Millisecond
			if scheme == "ssh" {
				o.Auth = auth
			}
			f := follow(t, o, nil)
			begin := time.Now()
			if err := f.sync(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("sync: %v", err)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			begin = time.Now()
			_ = f.stop()
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("stopping took %s", took)
			}
		})
	}
}

func TestAnswersThatAreNotGit(t *testing.T) {
	garbage := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}
	}
	advert := "application/x-git-upload-pack-advertisement"
	line := "001e# service=git-upload-pack\n0000"
	sha256Line := strings.Repeat("a", 64) + " HEAD\x00shallow object-format=sha256\n"
	cases := []struct {
		name    string
		handler http.HandlerFunc
		want    error
	}{
		{"html", garbage("text/html", "<html>sign in</html>"), gitsync.ErrNotGit},
		{"dumb", garbage("text/plain", strings.Repeat("a", 40)+"\trefs/heads/main\n"), gitsync.ErrNotGit},
		{"garbage", garbage(advert, "garbage"), gitsync.ErrUnreachable},
		{"nothing", garbage(advert, ""), gitsync.ErrUnreachable},
		{"cut line", garbage(advert, line+"00ff"), gitsync.ErrUnreachable},
		{"empty repository", garbage(advert, line+"0000"), gitsync.ErrEmpty},
		{"sha256", garbage(advert, fmt.Sprintf("%s%04x%s0000", line, len(sha256Line)+4, sha256Line)), gitsync.ErrFormat},
		{"404", http.NotFound, gitsync.ErrNoRepository},
		{"403", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, gitsync.ErrAuth},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, gitsync.ErrUnreachable},
		{"redirects for ever", func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, req.URL.String(), http.StatusFound)
		}, gitsync.ErrUnreachable},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(c.handler)
			defer s.Close()
			if _, err := gitsync.Read(t.Context(), options(s.URL+"/models.git"), ""); !errors.Is(err, c.want) {
				t.Errorf("error is %v", err)
			}
		})
	}
}
