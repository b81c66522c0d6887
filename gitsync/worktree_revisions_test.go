package gitsync_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// cloned is a clone of r with main checked out, and its work tree.
func cloned(t *testing.T, r *repo, options ...string) (dir string, w *gitsync.WorkTree) {
	t.Helper()
	dir = r.clone(options...)
	w, err := gitsync.FindWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, w
}

// What has been pushed wins over what has only been committed.
func TestPushedIsOrigins(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	pushed := r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	dir, w := cloned(t, r)
	r.gitIn(dir, "commit", "-q", "--allow-empty", "-m", "local")
	head, name, err := w.Pushed(t.Context(), "main")
	if err != nil || head.Commit != pushed || name != "origin/main" {
		t.Errorf("%s %s, %v, want %s", name, head.Commit, err, pushed)
	}
	r.gitIn(dir, "remote", "remove", "origin")
	local := r.gitIn(dir, "rev-parse", "HEAD")
	head, name, err = w.Pushed(t.Context(), "main")
	if err != nil || head.Commit != local || name != "main" {
		t.Errorf("%s %s, %v, want %s", name, head.Commit, err, local)
	}
	if _, _, err := w.Pushed(t.Context(), "none"); !errors.Is(err, gitsync.ErrNoBranch) {
		t.Errorf("an absent branch gave %v", err)
	}
}

func TestRevisionsOfAWorkTree(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	second := r.commit("main", "two", files{"endpoints/b.yaml": endpoint()})
	feature := r.commit("feature", "three", files{"endpoints/c.yaml": endpoint()})
	dir, w := cloned(t, r)
	r.gitIn(dir, "tag", "-a", "-m", "tagged", "v1", first)
	for rev, want := range map[string]string{
		"HEAD": second, "HEAD~1": first, "main": second, "v1": first, first: first, first[:10]: first,
		"feature": feature, "origin/feature": feature,
	} {
		head, err := w.At(t.Context(), rev)
		if err != nil || head.Commit != want {
			t.Errorf("%s is %s, %v, want %s", rev, head.Commit, err, want)
		}
	}
	head, err := w.At(t.Context(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files{"endpoints/a.yaml": endpoint()}, contents(t, head.Tree)); diff != "" {
		t.Error(diff)
	}
	for _, rev := range []string{"none", "HEAD~9", "HEAD:endpoints", "", "@{", "^", "HEAD^{", "a..b", "~", "-1", "HEAD@{1}", "main@{yesterday}"} {
		if head, err := w.At(t.Context(), rev); err == nil {
			t.Errorf("%q is %s", rev, head.Commit)
		}
	}
}

// Includes tells whether a merge of what serves is missing.
func TestHistoriesOfAWorkTree(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	r.move("feature", first)
	feature := r.commit("feature", "two", files{"endpoints/b.yaml": endpoint()})
	second := r.commit("main", "three", files{"endpoints/c.yaml": endpoint()})
	_, w := cloned(t, r)
	for _, c := range []struct {
		rev, commit     string
		included, known bool
	}{
		{"main", first, true, true},
		{"main", second, true, true},
		{"main", feature, false, true},
		{"feature", second, false, true},
		{"feature", first, true, true},
		{"main", "0123456789012345678901234567890123456789", false, false},
	} {
		included, known, err := w.Includes(t.Context(), c.rev, c.commit)
		if err != nil || included != c.included || known != c.known {
			t.Errorf("%s includes %s: %v, known %v, %v", c.rev, c.commit, included, known, err)
		}
	}
	if _, _, err := w.Includes(t.Context(), "none", first); !errors.Is(err, gitsync.ErrNoRevision) {
		t.Errorf("an absent revision gave %v", err)
	}
	_, shallow := cloned(t, r, "--depth=1", "--no-single-branch")
	if included, known, err := shallow.Includes(t.Context(), "feature", second); err != nil || included || known {
		t.Errorf("shallow: %v, known %v, %v", included, known, err)
	}
	if included, known, err := shallow.Includes(t.Context(), "main", second); err != nil || !included || !known {
		t.Errorf("shallow: the tip itself: %v, known %v, %v", included, known, err)
	}
}
