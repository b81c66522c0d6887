package gitsync_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// A secret is outside of the repository, and may come later than what needs it.
var errSecret = errors.New("the secret is not there")

// until refuses revisions while a secret is not there.
func until(there *atomic.Bool, needs func(*gitsync.Revision) bool) func(*gitsync.Revision) error {
	return func(r *gitsync.Revision) error {
		if needs(r) && !there.Load() {
			return errSecret
		}
		return nil
	}
}

func everyone(*gitsync.Revision) bool { return true }

// While something serves, only what was refused for something outside of the
// repository is offered again at polls.
func TestRevisionsServeWhenTheirSecretComes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var there atomic.Bool
	o := options(r.bare)
	o.Poll = 10 * time.Millisecond
	o.Outside = func(err error) bool { return errors.Is(err, errSecret) }
	f := follow(t, o, until(&there, func(r *gitsync.Revision) bool { return r.Commit() != first }))
	f.mustSync()
	second := r.commit("main", "two", files{"endpoints/b.yaml": endpoint()})
	if err := f.sync(); !errors.Is(err, errSecret) {
		t.Fatalf("without the secret: %v", err)
	}
	f.serves(t, first)
	there.Store(true)
	eventually(t, func() bool { return f.Status().Live.Commit() == second })
	if s := f.Status(); s.Rejected != nil {
		t.Errorf("status is %+v", s)
	}
}

// While nothing serves, anything is worth another try: what was read, and, while
// the server is down, what is kept.
func TestWhereNothingServesEverythingIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		r := newRepo(t)
		o := options(r.bare)
		o.StateDir, o.Poll = t.TempDir(), 10*time.Millisecond
		commits := history(t, r, o, 2)
		var there atomic.Bool
		var f *following
		if down {
			f = offline(t, o, r, until(&there, everyone))
		} else {
			f = follow(t, o, until(&there, everyone))
			if err := f.sync(); !errors.Is(err, errSecret) {
				t.Fatalf("without the secret: %v", err)
			}
		}
		if s := f.Status(); s.Live != nil || s.Rejected == nil || s.Rejected.Revision.Commit() != commits[1] {
			t.Fatalf("down %t: without the secret %+v", down, s)
		}
		there.Store(true)
		eventually(t, func() bool { return f.Status().Live != nil })
		if s := f.serves(t, commits[1]); s.Rejected != nil || s.Stale != down {
			t.Errorf("down %t: status is %+v", down, s)
		}
	}
}

// The newest revision is bad, so that an older one serves as soon as it can.
func TestKeptRevisionsServeLateBesideABadOne(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir, o.Poll = t.TempDir(), 10*time.Millisecond
	good := history(t, r, o, 1)[0]
	bad := r.commit("main", "bad", files{"endpoints/a.yaml": "bad\n"})
	var there atomic.Bool
	f := follow(t, o, func(rev *gitsync.Revision) error {
		if rev.Commit() == bad {
			return errors.New("bad weight")
		}
		return until(&there, everyone)(rev)
	})
	if err := f.sync(); err == nil || f.Status().Live != nil {
		t.Fatalf("sync: %v, %+v", err, f.Status())
	}
	there.Store(true)
	eventually(t, func() bool { return f.Status().Live != nil })
	if s := f.serves(t, good); s.Rejected == nil || s.Rejected.Revision.Commit() != bad || s.Stale {
		t.Errorf("status is %+v", s)
	}
}
