package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// restore offers what the state folder holds: the pinned revision, else the
// newest that is whole and taken. While the pin stands nothing else is taken.
func (f *Follower) restore(ctx context.Context) {
	if f.archive == nil {
		return
	}
	files, err := f.archive.open()
	if err != nil {
		f.journal.state(err, f.archive.dir, "the state folder cannot be read")
	}
	if err := f.proof.remember(f.archive); err != nil {
		f.journal.state(err, f.archive.datesFile(), "the dates of branches are ignored; those of the kept revisions count")
	}
	f.restorePin(files, err == nil)
	if err == nil {
		f.offerKept(ctx, files)
	}
	if s := f.Status(); s.Live == nil && s.Pin != nil && ctx.Err() == nil {
		f.journal.stuck(*s.Pin)
	}
}

// restorePin reads what is pinned. A pin that cannot be read and holds nothing back
// is removed, lest it hold back what is kept from now on.
func (f *Follower) restorePin(files []keptFile, listed bool) {
	pin, err := f.archive.pin(files)
	switch {
	case err != nil && pin != nil:
		f.journal.state(err, f.archive.pinFile(), "the pin cannot be read; the newest kept revision serves in its place until unpinned")
	case err != nil && listed:
		f.journal.state(err, f.archive.pinFile(), "the pin cannot be read, and nothing is kept; it is removed")
		f.removePin()
	}
	f.update(func(s *Status) { s.Pin = pin })
}

func (f *Follower) removePin() {
	if err := f.archive.unpin(); err != nil {
		f.journal.state(err, f.archive.pinFile(), "the pin could not be removed")
	}
}

// revive offers what the state folder holds once more while nothing serves: what it
// was refused for may lie outside of it, such as a secret that comes late.
func (f *Follower) revive(ctx context.Context) {
	if f.archive == nil || f.Status().Live != nil {
		return
	}
	if files, err := f.archive.files(); err == nil {
		f.offerKept(ctx, files)
	}
}

// offerKept offers files in the order of a start until one of them serves. When
// none of them ever can, nothing is pinned any more.
func (f *Follower) offerKept(ctx context.Context, files []keptFile) {
	pin, hope := f.Status().Pin, false
	for _, file := range startOrder(files, pin) {
		if ctx.Err() != nil {
			return
		}
		serves, may := f.restoreFile(ctx, file)
		if serves {
			return
		}
		hope = hope || may
	}
	if pin == nil || hope || ctx.Err() != nil {
		return
	}
	f.removePin()
	f.dropPin()
	f.journal.unpinned(pin.Commit, "the pinned revision is not kept any more; the newest one is followed")
}

// restoreFile tells whether a file's revision serves now, and if not, whether it
// may some day.
func (f *Follower) restoreFile(ctx context.Context, file keptFile) (serves, may bool) {
	revision, kept, err := f.archive.load(file)
	if err != nil {
		f.tell(file, err, "the state file is ignored")
		_, unread := errors.AsType[*fs.PathError](err)
		return false, unread && !errors.Is(err, fs.ErrNotExist)
	}
	before := f.Status()
	err = f.decide(ctx, revision, SourceState, f.take)
	if before.Newest != nil || err != nil && before.Rejected != nil {
		f.putBack(before)
	}
	if err != nil {
		f.tell(file, err, "the revision in the state file was refused")
		return false, true
	}
	f.restored(file, revision, kept)
	return true, true
}

// restored notes that a file's revision serves.
func (f *Follower) restored(file keptFile, revision *Revision, kept Kept) {
	clear(f.told)
	status := f.Status()
	unread := status.LastSuccess.IsZero()
	f.update(func(s *Status) { s.Stale = unread })
	f.journal.restored(revision.Heads[revision.Branch], kept.Saved)
	if pin := status.Pin; pin != nil {
		if !pin.is(file) {
			f.journal.state(fmt.Errorf("pinned is %s", pin.Commit), f.archive.path(file), "the pinned revision cannot be served; another one is, until unpinned")
		}
		return
	}
	if unread {
		f.repo.resume(revision)
	}
	f.base, f.kept = revision, revision
}

// tell says why a file does not serve, and the same once.
func (f *Follower) tell(file keptFile, err error, what string) {
	if text := err.Error(); f.told[file] != text {
		f.told[file] = text
		f.journal.state(err, f.archive.path(file), what)
	}
}

// keep writes what serves to the state folder. That it cannot is no reason not to
// serve it; the next round tries again.
func (f *Follower) keep() {
	s := f.Status()
	if s.Live == nil {
		return
	}
	fresh := s.Pin == nil && s.Source == SourceGit && (f.kept == nil || !same(f.kept, s.Live))
	if f.archive == nil {
		if fresh {
			f.recall.save(s.Live, f.kept, time.Now())
			f.kept = s.Live
		}
		return
	}
	err := f.proof.keep(f.archive)
	switch {
	case s.Pin != nil && f.unkept:
		err = errors.Join(err, f.archive.savePin(*s.Pin))
	case fresh:
		saved := f.archive.save(s.Live, f.kept, time.Now())
		if saved == nil {
			f.kept = s.Live
		}
		err = errors.Join(err, saved)
	}
	if err != nil && !f.unkept {
		f.journal.state(err, f.archive.dir, "the live revision could not be kept for the next start")
	}
	f.unkept = err != nil
	f.update(func(s *Status) { s.Unkept = err })
}
