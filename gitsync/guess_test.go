package gitsync_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// asked remembers what a server was asked for, in order.
type asked struct {
	mu  sync.Mutex
	all []string
}

// what names a request: "greeting", the command of version 2, or "want" of an older one.
func what(req *http.Request) string {
	if req.Method == http.MethodGet {
		return "greeting"
	}
	body, _ := io.ReadAll(req.Body) // cut short it is none of them
	req.Body = io.NopCloser(bytes.NewReader(body))
	for _, command := range []string{"ls-refs", "fetch"} {
		if bytes.Contains(body, []byte("command="+command)) {
			return command
		}
	}
	return "want"
}

func (a *asked) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a.mu.Lock()
		a.all = append(a.all, what(req))
		a.mu.Unlock()
		next.ServeHTTP(w, req)
	})
}

// take gives what was asked for since the last call.
func (a *asked) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.all
	a.all = nil
	return all
}

// What a server can is guessed. One that can less is asked for it as soon as it
// fails, and is believed from then on.
func TestServersAreAskedWhatTheyCanOnlyWhenItWasGuessedWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		filters     bool
		wrap        func(http.Handler) http.Handler
		first       []string
		poll, moved []string
	}{
		{
			"as guessed", true, func(next http.Handler) http.Handler { return next },
			[]string{"ls-refs", "fetch", "fetch"},
			[]string{"ls-refs"},
			[]string{"ls-refs", "fetch"},
		},
		{
			"no filter", false, func(next http.Handler) http.Handler { return next },
			[]string{"ls-refs", "fetch", "greeting", "fetch"},
			[]string{"ls-refs"},
			[]string{"ls-refs", "fetch"},
		},
		{
			"version 0", true, old,
			[]string{"ls-refs", "greeting", "want"},
			[]string{"greeting"},
			[]string{"greeting", "want"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.filters(c.filters)
			r.commit("main", "one", files{"endpoints/a.yaml": endpoint(), "other/x": "x\n"})
			var a asked
			o := options(r.serve(func(next http.Handler) http.Handler { return a.wrap(c.wrap(next)) }))
			expect := func(step string, want []string) {
				t.Helper()
				if diff := cmp.Diff(want, a.take()); diff != "" {
					t.Errorf("%s: %s", step, diff)
				}
			}
			r.compare(t, "read", mustReadOnce(t, o))
			expect("first", c.first)
			f := follow(t, o, nil)
			f.mustSync()
			a.take()
			f.mustSync()
			expect("poll", c.poll)
			r.commit("main", "two", files{"endpoints/b.yaml": endpoint()})
			r.compare(t, "changed", f.mustSync())
			expect("a change", c.moved)
			if reads := f.Status().Totals.Reads; reads[gitsync.ModeFresh] != 1 || reads[gitsync.ModeFallback] != 0 {
				t.Errorf("reads: %v", reads)
			}
		})
	}
}

// Whatever servers make of a request before they have greeted: they are asked
// again as they are used to, and what they say then is what counts.
func TestServersThatWantToGreetFirst(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", code) }
	}
	says := func(kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, text)
		}
	}
	const result = "application/x-git-upload-pack-result"
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	for name, answer := range map[string]http.HandlerFunc{
		"400": status(http.StatusBadRequest), "401": status(http.StatusUnauthorized), "403": status(http.StatusForbidden),
		"404": status(http.StatusNotFound), "405": status(http.StatusMethodNotAllowed), "500": status(http.StatusInternalServerError),
		"a page": says("text/html", "<html>"), "nothing": says(result, ""), "garbage": says(result, "garbage"),
		"an error": says(result, "000cERR what"), "the first half": says(result, "003f"), "a pack": says(result, "0008NAK\n"),
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a redirect": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/elsewhere.git/git-upload-pack", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var greeted atomic.Bool
			o := options(r.serve(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if req.Method == http.MethodGet {
						greeted.Store(true)
					}
					if strings.HasPrefix(req.URL.Path, "/elsewhere") {
						t.Errorf("%s %s", req.Method, req.URL)
					}
					if !greeted.Load() {
						answer(w, req)
						return
					}
					next.ServeHTTP(w, req)
				})
			}))
			r.compare(t, "read", mustReadOnce(t, o))
		})
	}
}

// What such a server refuses to everybody is asked for once more, and no more
// than that; one that asks to be left alone is.
func TestRefusalsAreNotAskedForAgainAndAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		pause  string
		want   error
		asked  []string
	}{
		{http.StatusUnauthorized, "", gitsync.ErrAuth, []string{"ls-refs", "greeting"}},
		{http.StatusForbidden, "", gitsync.ErrAuth, []string{"ls-refs", "greeting"}},
		{http.StatusNotFound, "", gitsync.ErrNoRepository, []string{"ls-refs", "greeting"}},
		{http.StatusMethodNotAllowed, "", gitsync.ErrUnreachable, []string{"ls-refs", "greeting"}},
		{http.StatusTooManyRequests, "60", gitsync.ErrUnreachable, []string{"ls-refs"}},
		{http.StatusServiceUnavailable, "60", gitsync.ErrUnreachable, []string{"ls-refs"}},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			var a asked
			s := httptest.NewServer(a.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.pause != "" {
					w.Header().Set("Retry-After", c.pause)
				}
				w.WriteHeader(c.status)
			})))
			defer s.Close()
			if _, err := gitsync.Read(t.Context(), options(s.URL+"/models.git"), ""); !errors.Is(err, c.want) {
				t.Errorf("error is %v", err)
			}
			if diff := cmp.Diff(c.asked, a.take()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A repository that cannot be followed is told as what it is, by git's own
// server and by one of plain files.
func TestGuessesDoNotHideWhatARepositoryIs(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	if _, err := gitsync.Read(t.Context(), options(r.serve(nil)), ""); !errors.Is(err, gitsync.ErrEmpty) {
		t.Errorf("an empty repository: %v", err)
	}
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	r.git("update-server-info")
	plain := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(r.bare))))
	defer plain.Close()
	if _, err := gitsync.Read(t.Context(), options(plain.URL+"/models.git"), ""); !errors.Is(err, gitsync.ErrNotGit) {
		t.Errorf("plain files: %v", err)
	}
}
