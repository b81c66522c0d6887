package gitsync_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// counted counts the requests to a repository's server, and the bytes of its answers.
type counted struct{ lists, fetches, bytes atomic.Int64 }

// lists tells whether a request is one about references.
func lists(req *http.Request) bool {
	if req.Method == http.MethodGet {
		return true
	}
	body, _ := io.ReadAll(req.Body) // cut short it is no list
	req.Body = io.NopCloser(bytes.NewReader(body))
	return bytes.Contains(body, []byte("command=ls-refs"))
}

func (c *counted) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if lists(req) {
			c.lists.Add(1)
		} else {
			c.fetches.Add(1)
		}
		next.ServeHTTP(&counting{w, &c.bytes}, req)
	})
}

// take gives the requests since the last call.
func (c *counted) take() (lists, fetches, bytes int64) {
	return c.lists.Swap(0), c.fetches.Swap(0), c.bytes.Swap(0)
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
	expect := func(step string, lists, fetches, most int64) {
		t.Helper()
		f.mustSync()
		l, p, b := c.take()
		if l != lists || p != fetches || b > most {
			t.Errorf("%s: %d lists, %d fetches, %d bytes; want %d, %d, at most %d", step, l, p, b, lists, fetches, most)
		}
	}
	f.mustSync()
	c.take()
	expect("unchanged", 1, 0, 150)
	r.commit("main", "two", files{"endpoints/e0007.yaml": endpoint("dev")})
	expect("one file of 500", 1, 1, 1500)
	r.commit("dev", "dev 2", files{"deployments/d.yaml": "dev 2\n"})
	expect("named branch", 1, 1, 1500)
	r.commit("new", "new", files{"deployments/e.yaml": "new\n"})
	r.commit("main", "three", files{"endpoints/e0008.yaml": endpoint("new")})
	expect("newly named branch", 2, 2, 3000)
}

func TestRestartWithStateFetchesNothing(t *testing.T) {
	t.Parallel()
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
	if _, fetches, _ := c.take(); fetches != 0 || f.offered() != 1 {
		t.Errorf("%d fetches, %d offers", fetches, f.offered())
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
	if lists, fetches, _ := c.take(); lists != int64(changes) || fetches != int64(changes) {
		t.Errorf("%d lists, %d fetches for %d changes", lists, fetches, changes)
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
			r.move("main", tips[i%2])
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
