package gitsync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

func TestBranchesAreListed(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		first := r.commit("main", "first", files{"endpoints/e.yaml": endpoint()})
		r.git("branch", "-q", "feature/x", first)
		r.git("branch", "-q", "dev", first)
		r.git("tag", "v1", first)
		got, err := gitsync.Branches(t.Context(), o, 100)
		if diff := cmp.Diff([]string{"dev", "feature/x", "main"}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if some, err := gitsync.Branches(t.Context(), o, 2); err != nil || len(some) != 2 {
			t.Errorf("two of them are %q: %v", some, err)
		}
	})
}

func TestBranchesThatCannotBeListed(t *testing.T) {
	r := newRepo(t)
	if got, err := gitsync.Branches(t.Context(), options(r.serve(nil)), 100); err != nil || len(got) != 0 {
		t.Errorf("without commits: %q, %v", got, err)
	}
	o := options(r.serve(nil))
	o.URL += "/nowhere"
	if _, err := gitsync.Branches(t.Context(), o, 100); !errors.Is(err, gitsync.ErrNoRepository) {
		t.Errorf("without a repository: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gitsync.Branches(ctx, options(r.serve(nil)), 100); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// Without a state folder what served is in memory: to be looked at, as many as
// would be kept in one.
func TestRevisionsAreRememberedWithoutAStateFolder(t *testing.T) {
	r := newRepo(t)
	o := options(r.bare)
	o.Keep = 3
	f := follow(t, o, nil)
	var commits []string
	for i := range 5 {
		commits = append(commits, r.commit("main", fmt.Sprint("commit ", i), files{"endpoints/e.yaml": endpoint(), "endpoints/f.yaml": fmt.Sprint(i)}))
		f.mustSync()
	}
	list, err := f.Revisions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range list {
		got = append(got, k.Commit())
	}
	want := slices.Clone(commits[2:])
	slices.Reverse(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if newest := list[0]; !newest.Live || newest.Number != 5 || newest.Changes.Changed != 1 || time.Since(newest.Saved) > time.Hour {
		t.Errorf("the newest is %+v", newest)
	}
	kept, err := f.Kept(list[2].Number)
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(t, kept.Heads["main"].Tree)["endpoints/f.yaml"]; kept.Commit() != commits[2] || got != "2" {
		t.Errorf("the oldest is %s with %q", kept.Commit(), got)
	}
	if _, err := f.Kept(1); !errors.Is(err, gitsync.ErrNotKept) {
		t.Errorf("what was forgotten: %v", err)
	}
}
