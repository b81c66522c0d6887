package gitsync_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// withBody lets look at a request's body, and gives it on, maybe changed.
func withBody(next http.Handler, look func(w http.ResponseWriter, body string) (changed string, pass bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		changed, pass := look(w, string(body))
		if !pass {
			return
		}
		req.Body = io.NopCloser(strings.NewReader(changed))
		req.ContentLength = int64(len(changed))
		next.ServeHTTP(w, req)
	})
}

// held gives the files of main, of those that are not held the reason.
func held(t *testing.T, live *gitsync.Revision) files {
	t.Helper()
	out := files{}
	tree := live.Heads["main"].Tree
	for _, folder := range []string{"endpoints", "deployments"} {
		entries, err := fs.ReadDir(tree, folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := folder + "/" + e.Name()
			data, err := fs.ReadFile(tree, name)
			if out[name] = string(data); err != nil {
				out[name] = err.Error()
			}
		}
	}
	return out
}

// Servers differ in the filters that they know, and in how they say so. Each
// gets what it is able to answer, and only that costs more.
func TestServersThatFilterLess(t *testing.T) {
	t.Parallel()
	refuse := func(w http.ResponseWriter, filter string) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		line := "ERR filter '" + filter + "' not supported"
		_, _ = fmt.Fprintf(w, "%04x%s", len(line)+4, line)
	}
	hangUp := func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) }
	for _, c := range []struct {
		name    string
		unknown []string
		say     func(w http.ResponseWriter, filter string)
		syncs   int // until it works at the latest
	}{
		{"no combined filter", []string{"filter combine:"}, refuse, 1},
		{"no depth but 0", []string{"filter combine:", "filter tree:1"}, refuse, 1},
		{"sizes only", []string{"filter combine:", "filter tree:"}, refuse, 1},
		{"hangs up at combined filters", []string{"filter combine:"}, hangUp, 2},
		{"hangs up at all but sizes", []string{"filter combine:", "filter tree:"}, hangUp, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			large := strings.Repeat("x", 100<<10)
			r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n", "deployments/d/model.py": "no\n"})
			r.commit("main", "one", files{"endpoints/a.yaml": endpoint("dev"), "endpoints/large.yaml": large, "deployments/m.yaml": "m\n", "other/x": "x\n"})
			o := options(r.serve(func(next http.Handler) http.Handler {
				return withBody(next, func(w http.ResponseWriter, body string) (string, bool) {
					for _, filter := range c.unknown {
						if strings.Contains(body, filter) {
							c.say(w, filter)
							return "", false
						}
					}
					return body, true
				})
			}))
			f := follow(t, o, nil)
			for n := 1; ; n++ {
				err := f.sync()
				if err == nil {
					break
				}
				if n > c.syncs {
					t.Fatalf("sync %d: %v", n, err)
				}
			}
			check := func(step string) {
				t.Helper()
				live := f.Status().Live
				want := r.files(r.tip("main"))
				delete(want, "endpoints/large.yaml")
				got := held(t, live)
				if !strings.Contains(got["endpoints/large.yaml"], "larger than") {
					t.Errorf("%s: large.yaml is %.50q", step, got["endpoints/large.yaml"])
				}
				delete(got, "endpoints/large.yaml")
				for name := range want {
					if want[name] != got[name] {
						t.Errorf("%s: %s is %q", step, name, got[name])
					}
				}
				if len(want) != len(got) || len(contents(t, live.Heads["dev"].Tree)) != 1 {
					t.Errorf("%s: %v", step, got)
				}
			}
			check("first")
			r.commit("main", "two", files{"endpoints/b.yaml": endpoint("dev")})
			if err := f.sync(); err != nil {
				f.mustSync()
			}
			check("a change")
		})
	}
}

// Where a wanted folder counts as a level of depth, the filter leaves out all of
// its files. They are asked for again, not taken for too large.
func TestFoldersThatCountAsALevel(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint(), "endpoints/b.yaml": strings.Repeat("x", 100<<10), "deployments/d.yaml": "d\n"})
	o := options(r.serve(func(next http.Handler) http.Handler {
		return withBody(next, func(_ http.ResponseWriter, body string) (string, bool) {
			return strings.Replace(body, "filter combine:tree:1+", "filter combine:tree:0+", 1), true
		})
	}))
	live, err := gitsync.Read(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	got := held(t, live)
	if got["endpoints/a.yaml"] != endpoint() || got["deployments/d.yaml"] != "d\n" || !strings.Contains(got["endpoints/b.yaml"], "larger than") {
		t.Errorf("%.200v", got)
	}
}

// What else a repository holds costs nothing, neither at first nor when it changes.
func TestOtherFilesAreNotFetched(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	noise := rand.NewChaCha8([32]byte{1})
	others := func(n int) files {
		out := many(1000)
		for i := range n {
			data := make([]byte, 20<<10)
			_, _ = noise.Read(data) // never fails
			out[fmt.Sprintf("data/part%d/f%d.bin", i%10, i)] = string(data)
		}
		return out
	}
	r.commit("dev", "dev", files{"deployments/d.yaml": "d\n"})
	r.commit("main", "one", others(400)) // 8 MiB
	r.git("gc", "-q")
	var c counted
	o := options(r.serve(c.wrap))
	f := follow(t, o, nil)
	first := f.mustSync()
	if _, _, bytes := c.take(); bytes > 200<<10 {
		t.Errorf("the first sync took %d bytes", bytes)
	}
	r.commit("main", "two", others(400))
	if second := f.mustSync(); second.Commit() == first.Commit() {
		t.Error("the change was not seen")
	}
	if _, _, bytes := c.take(); bytes > 20<<10 {
		t.Errorf("a change of the others took %d bytes", bytes)
	}
}

// tape serves again what a server answered to equal requests, cut short at will.
type tape struct {
	mu                sync.Mutex
	answers           map[[sha256.Size]byte]*httptest.ResponseRecorder
	cut               atomic.Int64 // bytes of fetched packs that are let through
	cuts              atomic.Int64 // how often
	longest, shortest int          // answers to a fetch
}

func (p *tape) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		key := sha256.Sum256(append([]byte(req.URL.String()+"\n"), body...))
		p.mu.Lock()
		defer p.mu.Unlock()
		answer := p.answers[key]
		if answer == nil {
			answer = httptest.NewRecorder()
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			next.ServeHTTP(answer, req)
			p.answers[key] = answer
			if bytes.Contains(body, []byte("command=fetch")) {
				p.longest = max(p.longest, answer.Body.Len())
				p.shortest = min(p.shortest, answer.Body.Len())
			}
		}
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		data := answer.Body.Bytes()
		if n := p.cut.Load(); bytes.Contains(body, []byte("command=fetch")) && p.cuts.Add(-1) >= 0 {
			_, _ = w.Write(data[:min(int(n), len(data))])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(data)
	})
}

// Wherever the first fetch is cut, a second one follows at once and gives the
// whole; where all are cut, nothing is given, not even in part.
func TestCutAtEveryByteOfAFetch(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint(), "endpoints/b.yaml": strings.Repeat("a line\n", 30), "deployments/d.yaml": "d\n"})
	p := &tape{answers: map[[sha256.Size]byte]*httptest.ResponseRecorder{}, shortest: 1 << 20}
	o := options(r.serve(p.record))
	o.Named = nil
	read := func() error {
		live, err := gitsync.Read(t.Context(), o, "")
		if err == nil {
			r.compare(t, "cut", live)
		}
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 13
	}
	want := contents(t, mustReadOnce(t, o).Heads["main"].Tree)
	for n := 0; n < p.longest; n += step {
		p.cut.Store(int64(n))
		p.cuts.Store(1)
		if got := contents(t, mustReadOnce(t, o).Heads["main"].Tree); len(got) != len(want) {
			t.Fatalf("cut once at %d: %v", n, got)
		}
		if n >= p.shortest {
			continue // asked in another way, the server may be done within n bytes
		}
		p.cuts.Store(1 << 40)
		if _, err := gitsync.Read(t.Context(), o, ""); err == nil || errors.Is(err, gitsync.ErrNoEndpoints) {
			t.Fatalf("always cut at %d: %v", n, err)
		}
		p.cuts.Store(0)
	}
}

func mustReadOnce(t *testing.T, o gitsync.Options) *gitsync.Revision {
	t.Helper()
	live, err := gitsync.Read(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// A server that was replaced by one of the old protocol is understood at once.
func TestServerThatLosesVersion2(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var older atomic.Bool
	o := options(r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if older.Load() {
				req.Header.Del("Git-Protocol")
			}
			next.ServeHTTP(w, req)
		})
	}))
	f := follow(t, o, nil)
	f.mustSync()
	older.Store(true)
	f.mustSync()
	r.commit("main", "two", files{"endpoints/b.yaml": endpoint()})
	r.compare(t, "after the change", f.mustSync())
	older.Store(false)
	r.commit("main", "three", files{"endpoints/c.yaml": endpoint()})
	r.compare(t, "and back", f.mustSync())
}

// Servers that only know multi_ack are asked for it.
func TestServersThatAcknowledgeManyTimes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var bad atomic.Int64
	o := options(r.serve(func(next http.Handler) http.Handler {
		return withBody(old(next), func(_ http.ResponseWriter, body string) (string, bool) {
			if strings.Contains(body, "want ") && !slices.Contains(strings.Fields(body), "multi_ack_detailed") {
				bad.Add(1)
			}
			return body, true
		})
	}))
	f := follow(t, o, nil)
	f.mustSync()
	for i := range 3 {
		r.commit("main", "next", files{"endpoints/b.yaml": endpoint() + fmt.Sprint("# ", i, "\n")})
		r.compare(t, "next", f.mustSync())
	}
	if bad.Load() > 0 {
		t.Errorf("%d requests were without", bad.Load())
	}
}
