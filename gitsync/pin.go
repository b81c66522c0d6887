package gitsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Pin is the order to serve one kept revision, and no other, until it is taken
// back.
type Pin struct {
	Number int       `json:"number"` // of the kept revision
	Commit string    `json:"commit"` // of its endpoints branch
	Since  time.Time `json:"since"`
}

// is tells whether a file holds what is pinned. A number alone says too little: in
// a folder that was emptied they begin at 1 again.
func (p *Pin) is(f keptFile) bool {
	return p != nil && p.Number == f.number && p.Commit == f.commit
}

// PinnedError is the answer of Follower.Sync when the newest revision is good
// but another one is pinned. It is ErrPinned.
type PinnedError struct {
	Commit string // of the newest revision
	Pinned string // the commit that serves
}

// Error names both commits.
func (e *PinnedError) Error() string {
	return fmt.Sprintf("revision %s is good, but %v: %s", e.Commit, ErrPinned, e.Pinned)
}

// Unwrap gives ErrPinned.
func (e *PinnedError) Unwrap() error { return ErrPinned }

// Pin serves a kept revision and nothing else, also after a restart, until
// Unpin. which is a commit of the endpoints branch, whole or at least its first
// 7 digits, of which the newest kept revision is meant, or a revision's number.
// New revisions are still fetched and checked; see Status.Pending.
//
// The error is ErrNoState, ErrNotKept, ErrAmbiguous or ErrCommitName when there
// is no such revision, and a *RejectedError when Take refuses it: then nothing
// has changed. It is ErrUnrecorded when the revision serves but the pin would
// not outlive the process. It needs no git server and never waits for one.
func (f *Follower) Pin(ctx context.Context, which string) error {
	return f.order(ctx, func(ctx context.Context) error { return f.pinTo(ctx, which) })
}

// Unpin goes back to following: the newest revision that was read is offered,
// or, while the git server was never reached, the newest that is kept. The error
// says why that does not serve; the pin is gone nevertheless, unless it is
// ErrUnrecorded. Without a pin it does nothing.
func (f *Follower) Unpin(ctx context.Context) error {
	return f.order(ctx, f.unpin)
}

func (f *Follower) pinTo(ctx context.Context, which string) error {
	if f.archive == nil {
		return ErrNoState
	}
	file, err := f.archive.find(which)
	if err != nil {
		return err
	}
	revision, kept, err := f.archive.load(file)
	if err != nil {
		return fmt.Errorf("%w: revision %d cannot be read: %w", ErrNotKept, file.number, err)
	}
	before := f.Status()
	if before.Live == nil || before.Live.key() != revision.key() {
		if err := f.decide(ctx, revision, SourceState, f.take); err != nil {
			f.putBack(before)
			return err
		}
	}
	pin := Pin{Number: kept.Number, Commit: revision.Commit(), Since: time.Now().UTC()}
	f.update(func(s *Status) { s.Pin, s.Held = &pin, nil })
	f.journal.pinned(pin)
	f.soon() // what the pin holds back is to be seen
	if err := f.archive.savePin(pin); err != nil {
		f.unkept = true
		f.update(func(s *Status) { s.Unkept = err })
		return fmt.Errorf("the revision serves and is pinned, %w: %w", ErrUnrecorded, err)
	}
	return nil
}

func (f *Follower) unpin(ctx context.Context) error {
	pin := f.Status().Pin
	if pin == nil {
		return nil
	}
	if err := f.archive.unpin(); err != nil {
		return fmt.Errorf("the revision stays pinned, %w: %w", ErrUnrecorded, err)
	}
	f.dropPin()
	f.journal.unpinned(pin.Commit, "unpinned; the newest revision is followed")
	f.soon()
	if f.base == nil {
		f.base = f.newestKept()
	}
	status := f.Status()
	if status.Newest != nil {
		return f.consider(ctx, status.Newest, []*asking{{}}, time.Now())
	}
	if f.base == nil || status.Live != nil && same(f.base, status.Live) {
		return nil
	}
	return f.decide(ctx, f.base, SourceState, f.take)
}

// soon has the repository read now, or as soon as the server may be asked again,
// which is when the timer fires.
func (f *Follower) soon() {
	f.due = f.due || !time.Now().Before(f.quiet)
}

// putBack has what is known of the newest revision be as it was before an older
// one was offered.
func (f *Follower) putBack(before Status) {
	f.update(func(s *Status) { s.Rejected, s.Held, s.Pending = before.Rejected, before.Held, before.Pending })
}

func (f *Follower) dropPin() {
	f.unkept = false
	f.update(func(s *Status) { s.Pin, s.Pending, s.Unkept = nil, nil, nil })
}

// newestKept is the newest revision that is whole; nil if there is none.
func (f *Follower) newestKept() *Revision {
	files, err := f.archive.open()
	if err != nil {
		return nil
	}
	for _, file := range startOrder(files, nil) {
		if revision, _, err := f.archive.load(file); err == nil {
			f.kept = revision
			return revision
		}
	}
	return nil
}

// startOrder is the order in which kept revisions are tried at a start: the
// newest first; but the pinned one before all, then those before it, as what
// came after it is what somebody went back from.
func startOrder(files []keptFile, pin *Pin) []keptFile {
	files = slices.Clone(files)
	rank := func(k keptFile) int {
		switch {
		case pin == nil, pin.is(k):
			return 0
		case k.number < pin.Number:
			return 1
		default:
			return 2
		}
	}
	slices.SortFunc(files, func(a, b keptFile) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.number, a.number))
	})
	return files
}

// Revisions lists the kept revisions, the newest first, and marks what serves.
// Without a state folder they are those that served since the start, of which as
// many are kept in memory, if they take no more than 64 MiB together. What a sync
// that was answered before let serve is among them: ctx bounds the wait until it is
// written. Safe for concurrent use.
func (f *Follower) Revisions(ctx context.Context) ([]Kept, error) {
	written := func(context.Context) error { return nil } // orders come after what is being written
	if err := f.order(ctx, written); err != nil && !errors.Is(err, ErrStopped) {
		return nil, err
	}
	status := f.Status()
	list, err := f.listed()
	if err != nil {
		return nil, err
	}
	for i, k := range list {
		list[i].Pinned = status.Pin.is(k.file())
		list[i].Live = k.Err == nil && status.Live != nil && k.key() == status.Live.key()
	}
	return list, nil
}

func (f *Follower) listed() ([]Kept, error) {
	if f.archive == nil {
		return f.recall.list(), nil
	}
	return f.archive.list()
}

// Kept reads a kept revision, by its number, with its trees. It is ErrNotKept when
// there is no such revision, or none that can be read. Safe for concurrent use.
func (f *Follower) Kept(number int) (*Revision, error) {
	if f.archive == nil {
		return f.recall.load(number)
	}
	files, err := f.archive.files()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(files, func(f keptFile) bool { return f.number == number })
	if i < 0 {
		return nil, fmt.Errorf("%w: there is no number %d", ErrNotKept, number)
	}
	revision, _, err := f.archive.load(files[i])
	if err != nil {
		return nil, fmt.Errorf("%w: revision %d cannot be read: %w", ErrNotKept, number, err)
	}
	return revision, nil
}

// ReadKept lists the revisions that are kept in a state folder, the newest
// first, for when no gateway runs. Live marks the one that would serve at a
// start. It changes nothing.
func ReadKept(stateDir string) ([]Kept, error) {
	a := newArchive(stateDir, origin{}, 0)
	list, err := a.list()
	if err != nil {
		return nil, err
	}
	files, err := a.files()
	if err != nil {
		return nil, err
	}
	pin, _ := a.pin(files) // one that is damaged is what a start takes it for
	order := startOrder(files, pin)
	usable := func(f keptFile) bool {
		return slices.ContainsFunc(list, func(k Kept) bool { return k.Err == nil && k.file() == f })
	}
	first := slices.IndexFunc(order, usable)
	for i, k := range list {
		list[i].Pinned = pin.is(k.file())
		list[i].Live = first >= 0 && k.file() == order[first]
	}
	return list, nil
}
