package gitsync_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

func (f *following) accept(commit string) error {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	return f.Accept(ctx, commit)
}

// dozens are endpoints e00 to eNN; those from gone on are removed.
func dozens(count, gone int) files {
	out := files{}
	for i := range count {
		text := endpoint()
		if i >= gone {
			text = ""
		}
		out[fmt.Sprintf("endpoints/e%02d.yaml", i)] = text
	}
	return out
}

func TestMassRemovalIsHeldUntilAccepted(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		o.StateDir = t.TempDir()
		first := r.commit("main", "twelve", dozens(12, 12))
		f := follow(t, o, nil)
		live := f.mustSync()
		commit := r.commit("main", "five left", dozens(12, 5))
		for range 2 {
			err := f.sync()
			var held *gitsync.HeldError
			if !errors.As(err, &held) || held.Commit != commit || held.Reason != gitsync.HeldVanished || !errors.Is(err, gitsync.ErrVanished) {
				t.Fatalf("sync: %v", err)
			}
			if !strings.Contains(err.Error(), "7 of 12: e05, e06, e07, e08, e09 and 2 more") {
				t.Errorf("error is %v", err)
			}
		}
		s := f.Status()
		if s.Live != live || s.LastError != nil || s.Held == nil || s.Held.Commit != commit || f.offered() != 1 || s.Totals.Held[gitsync.HeldVanished] != 1 {
			t.Errorf("status is %+v after %d offers", s, f.offered())
		}
		if n := strings.Count(f.log.String(), "the newest revision is held"); n != 1 {
			t.Errorf("it was logged %d times", n)
		}
		for accepted, want := range map[string]error{
			first: gitsync.ErrNotNewest, commit[:6]: gitsync.ErrCommitName, "": gitsync.ErrCommitName, "main": gitsync.ErrCommitName,
			commit + "0": gitsync.ErrCommitName, strings.Repeat("ab", 20): gitsync.ErrNotNewest,
		} {
			if err := f.accept(accepted); !errors.Is(err, want) || f.Status().Live != live || f.Status().Held == nil {
				t.Errorf("accepting %q: %v", accepted, err)
			}
		}
		// It is held after a restart as well.
		_ = f.stop()
		f = follow(t, o, nil)
		if err := f.sync(); !errors.Is(err, gitsync.ErrVanished) || f.Status().Live.Commit() != first {
			t.Errorf("after a restart: %v", err)
		}
		if err := f.accept(strings.ToUpper(commit[:7])); err != nil {
			t.Fatal(err)
		}
		if s := f.Status(); s.Held != nil || s.Live.Commit() != commit {
			t.Errorf("status is %+v", s)
		}
		if err := f.accept(commit); err != nil {
			t.Errorf("accepting what serves: %v", err)
		}
		f.mustSync()
	})
}

func TestTheNextRevisionClearsWhatIsHeld(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "twelve", dozens(12, 12))
	f := follow(t, options(r.bare), nil)
	live := f.mustSync()
	r.commit("main", "none but one", dozens(12, 1))
	if err := f.sync(); !errors.Is(err, gitsync.ErrVanished) {
		t.Fatalf("sync: %v", err)
	}
	// One that still lacks them is held as well, for itself.
	still := r.commit("main", "still", files{"endpoints/other.yaml": endpoint()})
	if err := f.sync(); !errors.Is(err, gitsync.ErrVanished) || f.Status().Held.Commit != still {
		t.Fatalf("sync: %v", err)
	}
	back := r.commit("main", "back", dozens(12, 12))
	if next := f.mustSync(); next.Commit() != back || f.Status().Held != nil {
		t.Errorf("status is %+v", f.Status())
	}
	r.commit("main", "none but one", dozens(12, 1))
	_ = f.sync()
	// A rewind to what serves is no new revision, and clears it too.
	r.move("main", back)
	if f.mustSync() == live || f.Status().Held != nil {
		t.Errorf("status is %+v", f.Status())
	}
}

func TestWhatIsNotHeld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		was, is files
		held    bool
	}{
		"five of five":         {dozens(5, 5), files{"endpoints/e00.yaml": "", "endpoints/e01.yaml": "", "endpoints/e02.yaml": "", "endpoints/e03.yaml": "", "endpoints/e04.yaml": "", "endpoints/x.yaml": "x\n"}, false},
		"six of twelve":        {dozens(12, 12), dozens(12, 6), false},
		"seven of twelve":      {dozens(12, 12), dozens(12, 5), true},
		"six of eleven":        {dozens(11, 11), dozens(11, 5), true},
		"other files":          {files{"endpoints/a.yaml": endpoint(), "endpoints/1.md": "x", "endpoints/2.md": "x", "endpoints/3.md": "x", "endpoints/4.md": "x", "endpoints/5.md": "x", "endpoints/6.md": "x"}, files{"endpoints/1.md": "", "endpoints/2.md": "", "endpoints/3.md": "", "endpoints/4.md": "", "endpoints/5.md": "", "endpoints/6.md": ""}, false},
		"another extension":    {dozens(12, 12), renamed(12, ".yml"), false},
		"no documents anymore": {dozens(12, 12), renamed(12, ".txt"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.commit("main", "was", c.was)
			f := follow(t, options(r.bare), nil)
			f.mustSync()
			r.commit("main", "is", c.is)
			if err := f.sync(); errors.Is(err, gitsync.ErrVanished) != c.held {
				t.Errorf("sync: %v", err)
			}
		})
	}
}

func renamed(count int, extension string) files {
	out := files{}
	for i := range count {
		out[fmt.Sprintf("endpoints/e%02d.yaml", i)] = ""
		out[fmt.Sprintf("endpoints/e%02d%s", i, extension)] = endpoint()
	}
	return out
}

// A commit without an endpoints folder may be accepted, and is a revision
// without endpoints then; later ones like it need nobody's consent.
func TestMissingFolderCanBeAccepted(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
		f := follow(t, o, nil)
		live := f.mustSync()
		gone := r.commit("main", "gone", files{"endpoints": "", "x": "y"})
		err := f.sync()
		var held *gitsync.HeldError
		if !errors.As(err, &held) || held.Commit != gone || !errors.Is(err, gitsync.ErrNoEndpoints) || f.Status().Live != live {
			t.Fatalf("sync: %v", err)
		}
		if err := f.accept(gone[:10]); err != nil {
			t.Fatal(err)
		}
		s := f.Status()
		if s.Live.Commit() != gone || s.Held != nil || s.LastError != nil || s.Failures != 0 {
			t.Errorf("status is %+v", s)
		}
		if _, err := fs.Stat(s.Live.Heads["main"].Tree, "endpoints"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		next := r.commit("main", "still without", files{"x": "z"})
		if f.mustSync().Commit() != next {
			t.Errorf("status is %+v", f.Status())
		}
		back := r.commit("main", "back", files{"endpoints/a.yaml": endpoint()})
		if f.mustSync().Commit() != back {
			t.Errorf("status is %+v", f.Status())
		}
	})
}

func TestMissingBranchCannotBeAccepted(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	commit := r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	f := follow(t, options(r.bare), nil)
	live := f.mustSync()
	r.commit("other", "other", files{"a": "b"})
	r.remove("main")
	if err := f.accept(commit); !errors.Is(err, gitsync.ErrNotNewest) || !errors.Is(err, gitsync.ErrNoBranch) {
		t.Errorf("accept: %v", err)
	}
	if s := f.Status(); s.Live != live || s.Held == nil || s.Held.Reason != gitsync.HeldNoBranch || s.Held.Commit != "" {
		t.Errorf("status is %+v", s)
	}
	if diff := cmp.Diff(map[gitsync.Reason]int64{gitsync.HeldNoBranch: 1}, f.Status().Totals.Held); diff != "" {
		t.Error(diff)
	}
}
