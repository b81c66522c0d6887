package gitsync_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// following is a follower that runs during a test.
type following struct {
	*gitsync.Follower
	t     testing.TB
	log   *safeBuffer
	stop  func() error
	mu    sync.Mutex
	taken []*gitsync.Revision
	judge func(*gitsync.Revision) error
}

func options(url string) gitsync.Options {
	return gitsync.Options{URL: url, Named: namedBranches, Poll: time.Hour, Timeout: 30 * time.Second}
}

// namedBranches reads what endpoint wrote.
func namedBranches(t fs.FS) []string {
	var out []string
	names, _ := fs.Glob(t, "endpoints/*.yaml")
	for _, name := range names {
		data, _ := fs.ReadFile(t, name)
		for line := range strings.Lines(string(data)) {
			if _, branch, ok := strings.Cut(strings.TrimSpace(line), "branch: "); ok {
				out = append(out, branch)
			}
		}
	}
	return out
}

// follow starts a follower, without waiting for its first sync.
func follow(t testing.TB, o gitsync.Options, judge func(*gitsync.Revision) error) *following {
	t.Helper()
	f := &following{t: t, log: &safeBuffer{}, judge: judge}
	o.Take = f.take
	o.Logger = zerolog.New(f.log).Level(zerolog.DebugLevel)
	var err error
	if f.Follower, err = gitsync.New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := f.stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	return f
}

func (f *following) take(_ context.Context, r *gitsync.Revision) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken = append(f.taken, r)
	if f.judge != nil {
		return f.judge(r)
	}
	return nil
}

// offered is how often Take was called.
func (f *following) offered() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.taken)
}

func (f *following) sync() error {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	return f.Sync(ctx)
}

func (f *following) mustSync() *gitsync.Revision {
	f.t.Helper()
	if err := f.sync(); err != nil {
		f.t.Fatalf("sync: %v\n%s", err, f.log)
	}
	return f.Status().Live
}

func commits(r *gitsync.Revision) map[string]string {
	out := map[string]string{}
	for name, h := range r.Heads {
		out[name] = h.Commit
	}
	return out
}

// contents gives each regular file of a tree, "!" and the type for anything
// else that is not a folder.
func contents(t testing.TB, tree fs.FS) files {
	t.Helper()
	out := files{}
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			out[path] = "!" + d.Type().String()
			return nil
		}
		data, err := fs.ReadFile(tree, path)
		out[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// reach runs the test once for each way to a repository.
func reach(t *testing.T, test func(t *testing.T, r *repo, o gitsync.Options)) {
	t.Run("path", func(t *testing.T) {
		t.Parallel()
		r := newRepo(t)
		test(t, r, options(r.bare))
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		r := newRepo(t)
		test(t, r, options(r.serve(nil)))
	})
	t.Run("http without filter", func(t *testing.T) {
		t.Parallel()
		r := newRepo(t)
		r.filters(false)
		test(t, r, options(r.serve(nil)))
	})
	t.Run("http version 0", func(t *testing.T) {
		t.Parallel()
		r := newRepo(t)
		test(t, r, options(r.serve(old)))
	})
	for _, name := range []string{"ssh", "ssh version 0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.oldSSH = name != "ssh"
			o := options("")
			o.URL, o.Auth = sshServer(t, r, nil)
			test(t, r, o)
		})
	}
}

// old is a server that knows version 0 only.
func old(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Header.Del("Git-Protocol")
		next.ServeHTTP(w, req)
	})
}

func TestFirstSyncReadsEndpointsAndNamedBranches(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		dev := r.commit("dev", "on dev", files{"deployments/d.yaml": "dev\n", "other/x": "no\n"})
		r.commit("unrelated", "elsewhere", files{"deployments/d.yaml": "no\n"})
		main := r.commit("main", "first subject\n\nbody", files{
			"endpoints/a.yaml": endpoint("dev", "main", "missing", "../odd"), "endpoints/nested/b.yaml": "not read\n",
			"deployments/d.yaml": "main\n", "README.md": "no\n",
		})
		f := follow(t, o, nil)
		live := f.mustSync()
		if diff := cmp.Diff(map[string]string{"main": main, "dev": dev}, commits(live)); diff != "" {
			t.Error(diff)
		}
		want := files{"endpoints/a.yaml": endpoint("dev", "main", "missing", "../odd"), "deployments/d.yaml": "main\n"}
		if diff := cmp.Diff(want, contents(t, live.Heads["main"].Tree)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(files{"deployments/d.yaml": "dev\n"}, contents(t, live.Heads["dev"].Tree)); diff != "" {
			t.Error(diff)
		}
		h := live.Heads["main"]
		if h.Author != "Ada" || h.Subject != "first subject" || time.Since(h.Time) > time.Hour {
			t.Errorf("head is %+v", h)
		}
		if s := f.Status(); s.Source != gitsync.SourceGit || s.Stale || s.LastError != nil || s.LastSuccess.IsZero() {
			t.Errorf("status is %+v", s)
		}
	})
}

// Whoever gets a commit merged writes no lines and moves no cursor where it is shown.
func TestTextsOfCommitsHaveNoControlCharacters(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one\rtwo \x1b[2Jthree\u0085four\tfive\n\nbody", files{"endpoints/a.yaml": "a\n"})
	f := follow(t, options(r.bare), nil)
	if h := f.mustSync().Heads["main"]; h.Subject != "one two  [2Jthree four five" {
		t.Errorf("the subject is %q", h.Subject)
	}
}
