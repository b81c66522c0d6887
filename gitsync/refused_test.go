package gitsync_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

func TestRefusedRevisionIsOfferedAgainOnlyWhenAsked(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		o.StateDir = t.TempDir()
		good := r.commit("main", "good", files{"endpoints/a.yaml": endpoint()})
		bad := errors.New("bad weight")
		judge := func(rev *gitsync.Revision) error {
			if strings.HasPrefix(rev.Heads["main"].Subject, "bad") {
				return bad
			}
			return nil
		}
		f := follow(t, o, judge)
		live := f.mustSync()
		commit := r.commit("main", "bad one", files{"endpoints/a.yaml": endpoint("x")})
		for range 3 {
			err := f.sync()
			var rejected *gitsync.RejectedError
			if !errors.As(err, &rejected) || rejected.Commit != commit || !errors.Is(err, bad) {
				t.Fatalf("sync: %v", err)
			}
		}
		s := f.Status()
		if s.Live != live || s.LastError != nil || s.Rejected == nil || !errors.Is(s.Rejected.Err, bad) || f.offered() != 4 {
			t.Errorf("status is %+v after %d offers", s, f.offered())
		}
		_ = f.stop()
		f = follow(t, o, judge)
		if err := f.sync(); !errors.Is(err, bad) || f.Status().Live == nil || f.Status().Live.Commit() != good {
			t.Errorf("after a restart: %v, %+v", err, f.Status())
		}
		r.move("main", good)
		offers := f.offered()
		f.mustSync()
		if s := f.Status(); s.Rejected != nil || f.offered() != offers+1 {
			t.Errorf("after the revert: %+v, %d offers", s, f.offered())
		}
	})
}

func TestPollsDoNotOfferARefusedRevisionAgain(t *testing.T) {
	reach(t, func(t *testing.T, r *repo, o gitsync.Options) {
		o.Poll = 10 * time.Millisecond
		good := r.commit("main", "good", files{"endpoints/a.yaml": endpoint()})
		f := follow(t, o, func(rev *gitsync.Revision) error {
			if rev.Commit() == good {
				return nil
			}
			return errors.New("bad weight")
		})
		f.mustSync()
		r.commit("main", "bad", files{"endpoints/a.yaml": endpoint() + "# bad\n"})
		_ = f.sync()
		offers := f.offered()
		for range 3 {
			last := f.Status().LastAttempt
			eventually(t, func() bool { return f.Status().LastAttempt.After(last) })
		}
		if f.offered() != offers {
			t.Errorf("%d offers after %d", f.offered(), offers)
		}
	})
}

// A bug that a revision brings to light refuses the revision.
func TestPanickingTakeRefusesTheRevision(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	good := r.commit("main", "good", files{"endpoints/a.yaml": endpoint()})
	f := follow(t, o, func(rev *gitsync.Revision) error {
		if rev.Heads["main"].Subject == "bad" {
			panic("index out of range")
		}
		return nil
	})
	f.mustSync()
	r.commit("main", "bad", files{"endpoints/b.yaml": endpoint()})
	var rejected *gitsync.RejectedError
	if err := f.sync(); !errors.As(err, &rejected) || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("sync: %v", err)
	}
	if s := f.Status(); s.Live.Commit() != good || s.Rejected == nil || s.Totals.Refused != 1 {
		t.Errorf("status is %+v", s)
	}
}
