package gitsync_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

func (f *following) pin(which string) error {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	return f.Pin(ctx, which)
}

func (f *following) unpin() error {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	return f.Unpin(ctx)
}

func (f *following) serves(t *testing.T, commit string) gitsync.Status {
	t.Helper()
	s := f.Status()
	if s.Live == nil || s.Live.Commit() != commit {
		t.Fatalf("live is %+v, not %s\n%s", s.Live, commit, f.log)
	}
	return s
}

// A pin goes back to a kept revision and stays: over polls, new commits,
// restarts, and while the server is down, until it is taken back.
func TestPinStaysUntilUnpinned(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	commits := history(t, r, o, 3)
	f := offline(t, o, r, nil)
	f.serves(t, commits[2])
	if err := f.pin(commits[0][:7]); err != nil {
		t.Fatal(err)
	}
	if s := f.serves(t, commits[0]); s.Pin == nil || s.Pin.Commit != commits[0] || s.Pin.Number != 1 {
		t.Fatalf("status is %+v", s)
	}
	_ = f.stop()
	f = follow(t, o, nil)
	eventually(t, func() bool { return f.Status().Live != nil })
	if s := f.serves(t, commits[0]); s.Pin == nil || !s.Stale {
		t.Fatalf("after a restart: %+v", s)
	}
	if err := os.Rename(r.bare+".away", r.bare); err != nil {
		t.Fatal(err)
	}
	fourth := r.commit("main", "number 4", files{"endpoints/a.yaml": "four\n"})
	err := f.sync()
	var pinned *gitsync.PinnedError
	if !errors.As(err, &pinned) || pinned.Commit != fourth || pinned.Pinned != commits[0] || !errors.Is(err, gitsync.ErrPinned) {
		t.Fatalf("sync: %v", err)
	}
	if s := f.serves(t, commits[0]); s.Pending == nil || s.Pending.Commit() != fourth || s.Stale || s.LastError != nil {
		t.Errorf("status is %+v", s)
	}
	if err := f.pin("2"); err != nil {
		t.Fatal(err)
	}
	f.serves(t, commits[1])
	if err := f.unpin(); err != nil {
		t.Fatal(err)
	}
	if s := f.serves(t, fourth); s.Pin != nil || s.Pending != nil {
		t.Errorf("status is %+v", s)
	}
	if err := f.unpin(); err != nil {
		t.Errorf("without a pin: %v", err)
	}
	_ = f.stop()
	f = offline(t, o, r, nil)
	f.serves(t, fourth)
	list, err := f.Revisions(t.Context())
	if err != nil || len(list) != 4 || !list[0].Live || list[0].Commit() != fourth {
		t.Errorf("%+v, %v", list, err)
	}
	for i, k := range list {
		if rev, err := f.Kept(k.Number); err != nil || rev.Commit() != k.Commit() || rev.Heads["main"].Tree == nil {
			t.Errorf("revision %d of the list: %+v, %v", i, rev, err)
		}
	}
	if _, err := f.Kept(99); !errors.Is(err, gitsync.ErrNotKept) {
		t.Errorf("a revision that is not kept: %v", err)
	}
}

func TestUnpinWhileTheServerIsDown(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	commits := history(t, r, o, 2)
	f := offline(t, o, r, nil)
	if err := f.pin("1"); err != nil {
		t.Fatal(err)
	}
	_ = f.stop()
	f = follow(t, o, nil)
	eventually(t, func() bool { return f.Status().Failures > 0 })
	f.serves(t, commits[0])
	if err := f.unpin(); err != nil {
		t.Fatal(err)
	}
	f.serves(t, commits[1])
	if _, err := os.Stat(filepath.Join(o.StateDir, "pin")); !os.IsNotExist(err) {
		t.Errorf("the pin is still there: %v", err)
	}
}

func TestWhatCannotBePinned(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	commits := history(t, r, o, 2)
	bad := errors.New("a secret is missing")
	refuse := commits[0]
	f := follow(t, o, func(rev *gitsync.Revision) error {
		if rev.Commit() == refuse {
			return bad
		}
		return nil
	})
	live := f.mustSync()
	for which, want := range map[string]error{
		"7": gitsync.ErrNotKept, "0": gitsync.ErrNotKept, strings.Repeat("ab", 20): gitsync.ErrNotKept,
		"": gitsync.ErrCommitName, "main": gitsync.ErrCommitName, "../../etc/passwd": gitsync.ErrCommitName, commits[0]: bad,
	} {
		if err := f.pin(which); !errors.Is(err, want) {
			t.Errorf("pinning %q: %v", which, err)
		}
		if s := f.Status(); s.Live != live || s.Pin != nil || s.Rejected != nil {
			t.Errorf("pinning %q: status is %+v", which, s)
		}
	}
	o.StateDir = ""
	f = follow(t, o, nil)
	f.mustSync()
	if err := f.pin("1"); !errors.Is(err, gitsync.ErrNoState) {
		t.Errorf("without a state folder: %v", err)
	}
}

// What a pin holds back is checked, and refused if it is bad.
func TestPinnedGatewaysCheckNewRevisions(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	commits := history(t, r, o, 1)
	bad := errors.New("bad weight")
	checked := 0
	o.Check = func(_ context.Context, rev *gitsync.Revision) error {
		checked++
		if rev.Heads["main"].Subject == "bad" {
			return bad
		}
		return nil
	}
	f := follow(t, o, nil)
	f.mustSync()
	if err := f.pin(commits[0]); err != nil {
		t.Fatal(err)
	}
	r.commit("main", "bad", files{"endpoints/a.yaml": "bad\n"})
	if err := f.sync(); !errors.Is(err, bad) || f.Status().Rejected == nil {
		t.Errorf("sync: %v", err)
	}
	good := r.commit("main", "good", files{"endpoints/a.yaml": "good\n"})
	for range 2 {
		if err := f.sync(); !errors.Is(err, gitsync.ErrPinned) {
			t.Errorf("sync: %v", err)
		}
	}
	if s := f.serves(t, commits[0]); s.Rejected != nil || s.Pending.Commit() != good || f.offered() > 1 {
		t.Errorf("status is %+v after %d offers", s, f.offered())
	}
	if checked != 2 {
		t.Errorf("%d revisions were checked", checked)
	}
}

// A pin must not wait for a git server that does not answer.
func TestPinDoesNotWaitForTheServer(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	release, hold := make(chan struct{}), make(chan struct{}, 1)
	entered := make(chan struct{}, 100)
	o := options(r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			select {
			case <-hold:
				entered <- struct{}{}
				select {
				case <-release:
				case <-req.Context().Done():
				}
			default:
			}
			next.ServeHTTP(w, req)
		})
	}))
	o.StateDir = t.TempDir()
	commits := history(t, r, o, 2)
	f := follow(t, o, nil)
	f.mustSync()
	hold <- struct{}{}
	answer := make(chan error, 1)
	go func() { answer <- f.sync() }()
	<-entered
	if err := f.pin(commits[0]); err != nil {
		t.Fatal(err)
	}
	f.serves(t, commits[0])
	select {
	case err := <-answer:
		t.Errorf("the sync ended before the server answered: %v", err)
	default:
	}
	close(release)
	if err := <-answer; !errors.Is(err, gitsync.ErrPinned) {
		t.Errorf("sync: %v", err)
	}
	f.serves(t, commits[0])
}

// The pinned revision is kept however many follow; when it cannot be read, the
// one before it serves, as what came after is what somebody went back from.
func TestPinnedRevisionIsNotPruned(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir, o.Keep = t.TempDir(), 3
	commits := history(t, r, o, 3)
	f := follow(t, o, nil)
	f.mustSync()
	if err := f.pin("2"); err != nil {
		t.Fatal(err)
	}
	_ = f.stop()
	if err := os.Truncate(keptFiles(t, o.StateDir)[1], 100); err != nil {
		t.Fatal(err)
	}
	f = offline(t, o, r, nil)
	if s := f.serves(t, commits[0]); s.Pin == nil || !strings.Contains(f.log.String(), "the pinned revision cannot be served") {
		t.Errorf("status is %+v, log %s", s, f.log)
	}
	_ = f.stop()
	for _, file := range keptFiles(t, o.StateDir) {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(r.bare+".away", r.bare); err != nil {
		t.Fatal(err)
	}
	f = follow(t, o, nil)
	f.mustSync()
	if s := f.serves(t, commits[2]); s.Pin != nil {
		t.Errorf("status is %+v", s)
	}
}

// Pinned and live are marked for who looks into the folder of a gateway that
// does not run.
func TestReadKeptMarksWhatWouldServe(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.StateDir = t.TempDir()
	history(t, r, o, 3)
	f := follow(t, o, nil)
	f.mustSync()
	if err := f.pin("2"); err != nil {
		t.Fatal(err)
	}
	_ = f.stop()
	list, err := gitsync.ReadKept(o.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range list {
		line := strconv.Itoa(k.Number)
		if k.Live {
			line += " live"
		}
		if k.Pinned {
			line += " pinned"
		}
		got = append(got, line)
	}
	if strings.Join(got, ", ") != "3, 2 live pinned, 1" {
		t.Errorf("%q", got)
	}
	if list, err := gitsync.ReadKept(filepath.Join(o.StateDir, "missing")); err != nil || len(list) != 0 {
		t.Errorf("a folder that is not there: %v, %v", list, err)
	}
}
