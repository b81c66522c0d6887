package gitsync_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// counted counts the requests to a repository's server, and the bytes of its answers.
type counted struct{ gets, posts, bytes atomic.Int64 }

func (c *counted) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			c.gets.Add(1)
		} else {
			c.posts.Add(1)
		}
		next.ServeHTTP(&counting{w, &c.bytes}, req)
	})
}

// take gives the requests since the last call.
func (c *counted) take() (gets, posts, bytes int64) {
	return c.gets.Swap(0), c.posts.Swap(0), c.bytes.Swap(0)
}

type counting struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// many are n endpoint documents that do not compress to nothing together.
func many(n int) files {
	out := files{}
	for i := range n {
		out[fmt.Sprintf("endpoints/e%04d.yaml", i)] = fmt.Sprintf("# %s\n%s", shortHash(fmt.Append(nil, i)), endpoint("dev"))
	}
	return out
}

func TestSyncAsksForNoMoreThanWhatChanged(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n"})
	r.commit("main", "one", many(500))
	var c counted
	o := options(r.serve(c.wrap))
	f := follow(t, o, nil)
	expect := func(step string, gets, posts, most int64) {
		t.Helper()
		f.mustSync()
		g, p, b := c.take()
		if g != gets || p != posts || b > most {
			t.Errorf("%s: %d GET, %d POST, %d bytes; want %d, %d, at most %d", step, g, p, b, gets, posts, most)
		}
	}
	f.mustSync()
	c.take()
	expect("unchanged", 1, 0, 1000)
	r.commit("main", "two", files{"endpoints/e0007.yaml": endpoint("dev")})
	expect("one file of 500", 1, 1, 3000)
	r.commit("dev", "dev 2", files{"deployments/d.yaml": "dev 2\n"})
	expect("named branch", 1, 1, 3000)
	r.commit("new", "new", files{"deployments/e.yaml": "new\n"})
	r.commit("main", "three", files{"endpoints/e0008.yaml": endpoint("new")})
	expect("newly named branch", 1, 2, 5000)
}

func TestRestartWithStateFetchesNothing(t *testing.T) {
	r := newRepo(t)
	r.commit("dev", "dev", files{"deployments/d.yaml": "dev\n"})
	r.commit("main", "one", many(20))
	var c counted
	o := options(r.serve(c.wrap))
	o.StateDir = t.TempDir()
	f := follow(t, o, nil)
	f.mustSync()
	_ = f.stop()
	c.take()
	f = follow(t, o, nil)
	f.mustSync()
	if _, posts, _ := c.take(); posts != 0 || f.offered() != 1 {
		t.Errorf("%d fetches, %d offers", posts, f.offered())
	}
}

// The store does not grow: with a limit just above what one revision needs,
// many changes go by, each with one fetch.
func TestMemoryStaysFlatOverManyChanges(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", many(100))
	var c counted
	o := options(r.serve(c.wrap))
	o.Named = nil
	o.MaxBytes = 48 << 10
	f := follow(t, o, nil)
	f.mustSync()
	c.take()
	changes := 40
	if testing.Short() {
		changes = 10
	}
	for i := range changes {
		r.commit("main", fmt.Sprint("change ", i), files{fmt.Sprintf("endpoints/e%04d.yaml", i%100): strings.Repeat(shortHash(fmt.Append(nil, i)), 15) + "\n"})
		f.mustSync()
	}
	if gets, posts, _ := c.take(); gets != int64(changes) || posts != int64(changes) {
		t.Errorf("%d GET, %d POST for %d changes", gets, posts, changes)
	}
	r.compare(t, "at the end", f.Status().Live)
}

func benchmark(b *testing.B, url func(*repo) string, change bool) {
	r := newRepo(b)
	r.commit("main", "one", many(1000))
	// Both tips exist beforehand, so that the timed loop only moves the branch.
	tips := []string{r.tip("main"), r.commit("main", "two", files{"endpoints/e0500.yaml": endpoint("main")})}
	taken := 0
	o := options(url(r))
	o.Named = nil
	f := follow(b, o, nil)
	f.mustSync()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if change {
			b.StopTimer()
			r.gitIn(r.bare, "update-ref", "refs/heads/main", tips[i%2])
			taken++
			b.StartTimer()
		}
		f.mustSync()
	}
	if f.offered() != taken+1 {
		b.Errorf("%d revisions were offered for %d changes", f.offered(), taken)
	}
}

func BenchmarkSync(b *testing.B) {
	ways := map[string]func(*repo) string{
		"path": func(r *repo) string { return r.bare },
		"http": func(r *repo) string { return r.serve(nil) },
	}
	for _, way := range []string{"path", "http"} {
		b.Run(way+"/unchanged", func(b *testing.B) { benchmark(b, ways[way], false) })
		b.Run(way+"/one of 1000 files", func(b *testing.B) { benchmark(b, ways[way], true) })
	}
}
