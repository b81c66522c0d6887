package gitsync_test

import (
	"context"
	"errors"
	"testing"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// A hint that something was pushed reads the repository, but does not have what
// was refused considered again, as Sync does.
func TestPollOffersNothingTwice(t *testing.T) {
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint("main")})
	refused := errors.New("refused")
	f := follow(t, options(r.bare), func(*gitsync.Revision) error { return refused })
	for range 3 {
		if err := f.Poll(context.Background()); !errors.Is(err, refused) {
			t.Fatal(err)
		}
	}
	if n := f.offered(); n != 1 {
		t.Errorf("offered %d times by polls", n)
	}
	_ = f.sync()
	if n := f.offered(); n != 2 {
		t.Errorf("offered %d times after Sync", n)
	}
	r.commit("main", "two", files{"endpoints/a.yaml": endpoint("main") + "# 2\n"})
	_ = f.Poll(context.Background())
	if n := f.offered(); n != 3 {
		t.Errorf("offered %d times after a commit", n)
	}
}

func TestConcludedTellsOfEachSync(t *testing.T) {
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
