package gitsync_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// pinned is a folder with so many revisions, of which one is pinned.
func pinned(t *testing.T, r *repo, o gitsync.Options, length int, which string) []string {
	t.Helper()
	commits := history(t, r, o, length)
	f := follow(t, o, nil)
	f.mustSync()
	if err := f.pin(which); err != nil {
		t.Fatal(err)
	}
	_ = f.stop()
	return commits
}

// What somebody went back from does not serve because what was pinned cannot for a
// while.
func TestPinOutlastsAStartAtWhichItIsRefused(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir, o.Poll = t.TempDir(), 10*time.Millisecond
	commits := pinned(t, r, o, 3, "2")
	newest := r.commit("main", "needs no secret", files{"endpoints/a.yaml": endpoint()})
	var there atomic.Bool
	f := follow(t, o, until(&there, func(r *gitsync.Revision) bool { return r.Commit() != newest }))
	if err := f.sync(); !errors.Is(err, gitsync.ErrPinned) {
		t.Fatalf("sync: %v", err)
	}
	if s := f.Status(); s.Live != nil || s.Pin == nil || s.Pin.Commit != commits[1] || s.Pending == nil || s.Pending.Commit() != newest {
		t.Fatalf("without the secret: %+v", s)
	}
	there.Store(true)
	eventually(t, func() bool { return f.Status().Live != nil })
	f.serves(t, commits[1])
}

// Unpinning is possible while what is pinned is refused.
func TestUnpinWhileNothingServes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	commits := pinned(t, r, o, 2, "1")
	f := offline(t, o, r, func(rev *gitsync.Revision) error {
		if rev.Commit() == commits[0] {
			return errSecret
		}
		return nil
	})
	f.serves(t, commits[1]) // the other one stands in
	_ = f.stop()
	// The secret comes when both have been refused once more, lest a round that
	// runs already find it there for the second of them only.
	var soon, there atomic.Bool
	f = follow(t, o, func(rev *gitsync.Revision) error {
		err := until(&there, everyone)(rev)
		there.Store(there.Load() || soon.Load() && rev.Commit() == commits[0])
		return err
	})
	_ = f.sync()
	if err := f.unpin(); !errors.Is(err, errSecret) || f.Status().Pin != nil {
		t.Fatalf("unpin: %v, %+v", err, f.Status())
	}
	soon.Store(true)
	_ = f.sync()
	_ = f.sync()
	f.serves(t, commits[1])
}

// A pin whose revision is gone is gone for good: it does not hold back, at the
// start after the next, what was kept meanwhile.
func TestLostPinStaysLost(t *testing.T) {
	t.Parallel()
	for _, damaged := range []bool{false, true} {
		r := newRepo(t)
		o := options(r.bare)
		o.StateDir = t.TempDir()
		pinned(t, r, o, 2, "1")
		pin := filepath.Join(o.StateDir, "pin")
		dead, err := os.ReadFile(pin)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range keptFiles(t, o.StateDir) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		if damaged {
			if err := os.Truncate(pin, 10); err != nil {
				t.Fatal(err)
			}
		}
		f := follow(t, o, nil)
		f.mustSync()
		_ = f.stop()
		if _, err := os.Stat(pin); !os.IsNotExist(err) {
			t.Errorf("damaged %t: the pin is still there: %v", damaged, err)
		}
		third := r.commit("main", "three", files{"endpoints/a.yaml": "three\n"})
		f = follow(t, o, nil)
		f.mustSync()
		if s := f.serves(t, third); s.Pin != nil {
			t.Errorf("damaged %t: status is %+v", damaged, s)
		}
		_ = f.stop()
		// The number of the dead pin is another revision's by now.
		if err := os.WriteFile(pin, dead, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := gitsync.ReadKept(o.StateDir)
		if err != nil || len(list) != 2 || list[0].Pinned || list[1].Pinned {
			t.Errorf("damaged %t: %+v, %v", damaged, list, err)
		}
	}
}

// A pin that cannot be read still says that somebody went back.
func TestDamagedPinHoldsBackWhatIsNew(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	commits := pinned(t, r, o, 2, "1")
	pin := filepath.Join(o.StateDir, "pin")
	if err := os.Truncate(pin, 10); err != nil {
		t.Fatal(err)
	}
	third := r.commit("main", "three", files{"endpoints/a.yaml": "three\n"})
	list, err := gitsync.ReadKept(o.StateDir)
	if err != nil || len(list) != 2 || !list[0].Live || !list[0].Pinned {
		t.Errorf("%+v, %v", list, err)
	}
	for range 2 {
		f := follow(t, o, nil)
		if err := f.sync(); !errors.Is(err, gitsync.ErrPinned) {
			t.Errorf("sync: %v", err)
		}
		f.serves(t, commits[1])
		_ = f.stop()
	}
	f := follow(t, o, nil)
	_ = f.sync()
	if err := f.unpin(); err != nil {
		t.Fatal(err)
	}
	f.serves(t, third)
	if _, err := os.Stat(pin); !os.IsNotExist(err) {
		t.Errorf("the pin is still there: %v", err)
	}
}

// Who pins and unpins says nothing about the server, which has asked to be left alone.
func TestPinsLeaveAServerAlone(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	var busy atomic.Bool
	var asked atomic.Int64
	o := options(r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if busy.Load() {
				asked.Add(1)
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, req)
		})
	}))
	o.StateDir = t.TempDir()
	history(t, r, o, 2)
	f := follow(t, o, nil)
	f.mustSync()
	busy.Store(true)
	_ = f.sync()
	if err := errors.Join(f.pin("1"), f.unpin()); err != nil {
		t.Fatal(err)
	}
	_ = f.sync() // would come after a read that the pin has begun
	if n := asked.Load(); n != 2 {
		t.Errorf("the server was asked %d times, not just by both syncs", n)
	}
}
