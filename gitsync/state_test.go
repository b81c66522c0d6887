package gitsync_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

// TestW04DamagedState: whatever happened to the state file, the gateway starts.
func TestW04DamagedState(t *testing.T) {
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	o := options(r.bare)
	o.StateDir = t.TempDir()
	f := follow(t, o, nil)
	f.mustSync()
	_ = f.stop()
	file := filepath.Join(o.StateDir, "last-good.revision")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("the state file has mode %s", info.Mode())
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, data := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)-1], "flipped": flipped, "garbage": []byte("garbage"),
		"next version": bytes.Replace(good, []byte(" 1 "), []byte(" 2 "), 1), "header only": good[:90],
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			o.URL = filepath.Join(t.TempDir(), "missing")
			f := follow(t, o, nil)
			if err := f.sync(); !errors.Is(err, gitsync.ErrNoRepository) {
				t.Errorf("sync: %v", err)
			}
			if f.Status().Live != nil || !strings.Contains(f.log.String(), "the state file is ignored") {
				t.Errorf("status is %+v, log %s", f.Status(), f.log)
			}
		})
	}
	t.Run("of another repository", func(t *testing.T) {
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
		o.URL = filepath.Join(t.TempDir(), "missing")
		f := follow(t, o, nil)
		_ = f.sync()
		if f.Status().Live != nil || !strings.Contains(f.log.String(), r.bare) {
			t.Errorf("log is %s", f.log)
		}
	})
}

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
		r.git("push", "-qf", "origin", good+":main")
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
		r.commit("main", "bad", files{"endpoints/a.yaml": endpoint()})
		f := follow(t, o, func(*gitsync.Revision) error { return errors.New("bad weight") })
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
