package gitsync_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// A hint that something was pushed reads the repository, but does not have what
// was refused considered again, as Sync does.
func TestPollOffersNothingTwice(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	good := r.commit("main", "good", files{"endpoints/a.yaml": endpoint("main")})
	refused := errors.New("refused")
	f := follow(t, options(r.bare), func(rev *gitsync.Revision) error {
		if rev.Commit() == good {
			return nil
		}
		return refused
	})
	f.mustSync()
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint("main") + "# 1\n"})
	for range 3 {
		if err := f.Poll(context.Background()); !errors.Is(err, refused) {
			t.Fatal(err)
		}
	}
	if n := f.offered(); n != 2 {
		t.Errorf("offered %d times by polls", n)
	}
	_ = f.sync()
	if n := f.offered(); n != 3 {
		t.Errorf("offered %d times after Sync", n)
	}
	r.commit("main", "two", files{"endpoints/a.yaml": endpoint("main") + "# 2\n"})
	_ = f.Poll(context.Background())
	if n := f.offered(); n != 4 {
		t.Errorf("offered %d times after a commit", n)
	}
}

func TestConcludedTellsOfEachSync(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	commit := r.commit("main", "one", files{"endpoints/a.yaml": endpoint("main")})
	told := make(chan gitsync.Status, 100)
	o := options(r.bare)
	o.Concluded = func(s gitsync.Status) { told <- s }
	f := follow(t, o, nil)
	f.mustSync()
	for s := range told {
		if s.Live != nil && s.Live.Commit() == commit {
			return
		}
	}
}

// While a server has asked to be left alone hints wait; somebody who asks by
// himself does not.
func TestHintsWaitAsLongAsTheServerAsks(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var asked atomic.Int64
	var busy atomic.Bool
	busy.Store(true)
	f := follow(t, options(r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if !busy.Load() {
				next.ServeHTTP(w, req)
				return
			}
			asked.Add(1)
			w.Header().Set("Retry-After", "3600")
			http.Error(w, "not now", http.StatusTooManyRequests)
		})
	})), nil)
	eventually(t, func() bool { return f.Status().Failures == 1 })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if err := f.Poll(gone); !errors.Is(err, context.Canceled) {
			t.Fatalf("a hint was answered: %v", err)
		}
	}
	if err := f.sync(); !errors.Is(err, gitsync.ErrUnreachable) {
		t.Fatalf("Sync gave %v", err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the server was asked %d times, by the first poll and by Sync", n)
	}
	busy.Store(false)
	f.mustSync()
	if err := f.Poll(t.Context()); err != nil {
		t.Errorf("a hint after the pause gave %v", err)
	}
}
