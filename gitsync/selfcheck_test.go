package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// shelf is a source in memory: one branch whose only file has the content text.
type shelf struct {
	text    string
	fetched int   // times, from an empty store
	err     error // of those
}

func (s *shelf) open(context.Context, []string) (session, error) { return s, nil }
func (s *shelf) received() int64                                 { return 0 }
func (s *shelf) close()                                          {}

func (s *shelf) tips(context.Context, []string) (references, error) {
	into := newStore(1 << 20)
	return references{"refs/heads/main": s.write(into)}, nil
}

func (s *shelf) resolve(context.Context, string) (plumbing.Hash, error) {
	return plumbing.ZeroHash, ErrNoRevision
}

func (s *shelf) branches(context.Context, int) ([]string, error) { return []string{"main"}, nil }

func (s *shelf) fetch(_ context.Context, into *store, _ []plumbing.Hash) error {
	if len(into.complete) == 0 {
		s.fetched++
		if s.err != nil {
			return s.err
		}
	}
	s.write(into)
	return nil
}

func (s *shelf) tree(_ context.Context, into *store, _, _ plumbing.Hash) error {
	s.write(into)
	return nil
}

func (s *shelf) write(into *store) plumbing.Hash {
	put := func(kind plumbing.ObjectType, data string) plumbing.Hash {
		h, err := into.put(kind, []byte(data))
		if err != nil {
			panic(err)
		}
		return h
	}
	file := put(plumbing.BlobObject, s.text)
	folder := put(plumbing.TreeObject, "100644 a.yaml\x00"+string(file[:]))
	top := put(plumbing.TreeObject, "40000 endpoints\x00"+string(folder[:]))
	return put(plumbing.CommitObject, fmt.Sprintf("tree %s\nauthor A <a@b.c> 0 +0000\ncommitter A <a@b.c> 0 +0000\n\nx\n", top))
}

func (s *shelf) repository(t *testing.T) *repository {
	t.Helper()
	o := Options{URL: "http://127.0.0.1/x.git"}.withDefaults()
	r, _, err := o.repository()
	if err != nil {
		t.Fatal(err)
	}
	r.source = s
	return r
}

func mustRead(t *testing.T, r *repository) (*Revision, Fetched) {
	t.Helper()
	got, fetched, err := r.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got, fetched
}

func textOf(t *testing.T, r *Revision) string {
	t.Helper()
	data, err := fs.ReadFile(r.Heads["main"].Tree, "endpoints/a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Nobody who has pushed waits for that: it is done by a read that finds nothing new.
func TestWhatIsHeldIsReadAnewAfterManyChanges(t *testing.T) {
	s := &shelf{}
	r := s.repository(t)
	for round := range 2 {
		for i := range trustedChanges + 10 {
			s.text = fmt.Sprint("change ", round, " ", i)
			got, fetched := mustRead(t, r)
			if textOf(t, got) != s.text || fetched.Differed || s.fetched != round+1 {
				t.Fatalf("change %d: %+v with %q, all was read %d times", i, fetched, textOf(t, got), s.fetched)
			}
		}
		for range 3 {
			if got, fetched := mustRead(t, r); got != r.last || fetched.Differed || s.fetched != round+2 {
				t.Errorf("nothing new after many changes: %+v, all was read %d times", fetched, s.fetched)
			}
		}
	}
}

func TestWhatIsHeldIsReadAnewAfterADay(t *testing.T) {
	s := &shelf{text: "one"}
	r := s.repository(t)
	first, _ := mustRead(t, r)
	r.trust.since = time.Now().Add(-trustedTime)
	s.err = errors.New("not now") // says nothing about what is held
	if got, fetched := mustRead(t, r); got != first || fetched.Differed || s.fetched != 2 {
		t.Errorf("after a check that failed: %+v, %d reads", fetched, s.fetched)
	}
	s.err = nil
	if got, fetched := mustRead(t, r); got != first || fetched.Differed || s.fetched != 2 {
		t.Errorf("right afterwards: %+v, %d reads", fetched, s.fetched)
	}
	r.trust.since = time.Now().Add(-trustedTime)
	if got, fetched := mustRead(t, r); got != first || fetched.Mode != ModeUnchanged || fetched.Differed || s.fetched != 3 {
		t.Errorf("after a check: %+v, %d reads", fetched, s.fetched)
	}
}

// What is held can only differ by a fault of ours or of the machine; then what
// was read anew is taken.
func TestWhatIsReadAnewWins(t *testing.T) {
	s := &shelf{text: "one"}
	r := s.repository(t)
	held, _ := mustRead(t, r)
	held.Heads["main"].Tree.(tree).root.entries[0].entries[0].data[0] = 'X'
	r.trust.since = time.Now().Add(-trustedTime)
	got, fetched := mustRead(t, r)
	if got == held || !fetched.Differed || textOf(t, got) != "one" {
		t.Errorf("%+v with %q", fetched, textOf(t, got))
	}
	if again, fetched := mustRead(t, r); again != got || fetched.Differed {
		t.Errorf("it was not kept: %+v", fetched)
	}
	s.text = "two"
	if got, _ := mustRead(t, r); textOf(t, got) != "two" {
		t.Errorf("afterwards %q", textOf(t, got))
	}
}

// Other content serves although no commit has changed, and is what a start serves.
func TestWhatIsReadAnewServes(t *testing.T) {
	s := &shelf{text: "one"}
	var offered []string
	o := Options{URL: "http://127.0.0.1/x.git", Poll: time.Hour, StateDir: t.TempDir(), Take: func(_ context.Context, r *Revision) error {
		offered = append(offered, textOf(t, r))
		return nil
	}}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.repo.source = s
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	sync := func() {
		t.Helper()
		if err := f.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sync()
	sync() // so that Run waits for the next poll, an hour away
	f.Status().Live.Heads["main"].Tree.(tree).root.entries[0].entries[0].data[0] = 'X'
	f.repo.trust.since = time.Now().Add(-trustedTime)
	sync()
	if got := f.Status(); textOf(t, got.Live) != "one" || got.Totals.Differed != 1 || got.Totals.Taken != 2 || len(offered) != 2 {
		t.Errorf("%q serves after %q were offered: %+v", textOf(t, got.Live), offered, got.Totals)
	}
	sync()
	if len(offered) != 2 {
		t.Errorf("offered were %q", offered)
	}
	cancel()
	<-ended
	files, err := f.archive.files()
	if err != nil || len(files) != 1 {
		t.Fatalf("kept are %v, %v", files, err)
	}
	if kept, _, err := f.archive.load(files[0]); err != nil || textOf(t, kept) != "one" {
		t.Errorf("kept is %v, %v", kept, err)
	}
}
