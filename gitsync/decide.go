package gitsync

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// consider decides what becomes of a revision that was just read, for those who
// asked for it. A revision that was refused is offered again when somebody
// asked: what it was refused for may lie outside the repository, such as a
// secret that was not set. The live one is offered again when it follows a
// refused one, which is thereby forgotten.
func (f *Follower) consider(ctx context.Context, revision *Revision, asked []*asking, begin time.Time) error {
	status := f.Status()
	key := revision.key()
	switch {
	case status.Pin != nil:
		return f.examine(ctx, revision, again(asked))
	case status.Live != nil && status.Rejected == nil && status.Live.key() == key:
		f.update(func(s *Status) { s.Source, s.Held, s.Pending = SourceGit, nil, nil })
		f.base = status.Live
		f.journal.unchanged(revision.Commit(), time.Since(begin))
		return nil
	case status.Rejected != nil && !again(asked) && status.Rejected.Revision.key() == key && !f.proof.moot():
		f.journal.unchanged(revision.Commit(), time.Since(begin))
		return &RejectedError{Commit: revision.Commit(), Err: status.Rejected.Err}
	}
	if held := suspicious(f.base, revision, f.folder); held != nil && !accepts(asked, revision.Commit()) {
		f.hold(held)
		return held.asError()
	}
	return f.offer(ctx, revision, begin)
}

// offer lets Take decide about a revision that was just read.
func (f *Follower) offer(ctx context.Context, revision *Revision, begin time.Time) error {
	if err := f.decide(ctx, revision, SourceGit, f.take); err != nil {
		f.journal.refused(revision.Commit(), time.Since(begin), err)
		return err
	}
	f.base = revision
	f.journal.taken(revision.Heads[revision.Branch], time.Since(begin))
	return nil
}

// examine checks a revision that a pin holds back, once.
func (f *Follower) examine(ctx context.Context, revision *Revision, asked bool) error {
	status := f.Status()
	key := revision.key()
	pending := &PinnedError{Commit: revision.Commit(), Pinned: status.Pin.Commit}
	switch {
	case status.Live != nil && status.Live.key() == key:
		f.update(func(s *Status) { s.Pending, s.Rejected, s.Held = nil, nil, nil })
		return nil
	case status.Pending != nil && status.Pending.key() == key:
		return pending
	case status.Rejected != nil && !asked && status.Rejected.Revision.key() == key && !f.proof.moot():
		return &RejectedError{Commit: revision.Commit(), Err: status.Rejected.Err}
	}
	if err := f.guard(ctx, revision, f.proven(SourceGit, f.check)); err != nil {
		return f.refuse(ctx, revision, err)
	}
	f.update(func(s *Status) { s.Pending, s.Rejected, s.Held = revision, nil, nil })
	f.journal.pending(revision.Commit(), status.Pin.Commit)
	return pending
}

// decide calls Take and keeps the result.
func (f *Follower) decide(ctx context.Context, revision *Revision, from Source, take func(context.Context, *Revision) error) error {
	if err := f.guard(ctx, revision, f.proven(from, take)); err != nil {
		return f.refuse(ctx, revision, err)
	}
	f.proof.serves(revision)
	now := time.Now()
	f.update(func(s *Status) {
		s.Live, s.LiveSince, s.Source, s.Signers = revision, now, from, f.proof.signed()
		s.Rejected, s.Held, s.Pending = nil, nil, nil
		s.Totals.Taken++
	})
	return nil
}

// refuse keeps why a revision was refused. A refusal because the process ends
// says nothing about the revision.
func (f *Follower) refuse(ctx context.Context, revision *Revision, err error) error {
	if ctx.Err() != nil {
		return ErrStopped
	}
	now := time.Now()
	f.update(func(s *Status) {
		s.Rejected = &Rejected{Revision: revision, Err: err, Time: now}
		s.Held, s.Pending = nil, nil
		s.Totals.Refused++
	})
	return &RejectedError{Commit: revision.Commit(), Err: err}
}

// guard calls Take or Check. A bug in there that some revision brings to light
// must not end a gateway that serves, and again at each start from its state.
func (f *Follower) guard(ctx context.Context, revision *Revision, call func(context.Context, *Revision) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			f.journal.panicked(revision.Commit(), p, debug.Stack())
			err = fmt.Errorf("%w: %v", errBug, p)
		}
	}()
	return call(ctx, revision)
}

// restore offers what the state folder holds: the pinned revision, else the
// newest that is whole and taken.
func (f *Follower) restore(ctx context.Context) {
	if f.archive == nil {
		return
	}
	files, err := f.archive.open()
	if err != nil {
		f.journal.state(err, f.archive.dir, "the state folder cannot be read")
		return
	}
	f.proof.remember(f.archive)
	pin := f.restorePin()
	for _, file := range startOrder(files, pin) {
		if ctx.Err() != nil || f.restoreFile(ctx, file, pin) {
			return
		}
	}
	if pin != nil {
		f.journal.unpinned(pin.Commit, "the pinned revision is not kept any more; the newest one is followed")
		f.dropPin()
	}
}

// restorePin reads what is pinned. While the pin stands nothing else is taken.
func (f *Follower) restorePin() *Pin {
	pin, err := f.archive.pinned()
	if err != nil {
		f.journal.state(err, f.archive.pinFile(), "the pin is ignored")
	}
	f.update(func(s *Status) { s.Pin = pin })
	return pin
}

// restoreFile tells whether a file's revision serves now.
func (f *Follower) restoreFile(ctx context.Context, file keptFile, pin *Pin) bool {
	revision, kept, err := f.archive.load(file)
	if err != nil {
		f.journal.state(err, f.archive.path(file), "the state file is ignored")
		return false
	}
	if err := f.decide(ctx, revision, SourceState, f.take); err != nil {
		f.journal.state(err, f.archive.path(file), "the revision in the state file was refused")
		return false
	}
	f.update(func(s *Status) { s.Stale = true })
	f.journal.restored(revision.Heads[revision.Branch], kept.Saved)
	if pin == nil {
		f.repo.resume(revision)
		f.base, f.kept = revision, revision
		return true
	}
	if kept.Number != pin.Number {
		f.journal.state(fmt.Errorf("pinned is %s", pin.Commit), f.archive.path(file), "the pinned revision cannot be served; another one is, until unpinned")
	}
	return true
}

// keep writes the live revision to the state folder. That it cannot is no
// reason not to serve it; the next round tries again.
func (f *Follower) keep() {
	s := f.Status()
	if s.Live == nil {
		return
	}
	var err error
	switch {
	case f.archive == nil:
		if f.kept == nil || f.kept.key() != s.Live.key() {
			f.recall.save(s.Live, f.kept, time.Now())
			f.kept = s.Live
		}
		return
	case s.Pin != nil && !f.unkept:
		return
	case s.Pin != nil:
		err = f.archive.pin(*s.Pin)
	case s.Source != SourceGit || f.kept != nil && s.Live.key() == f.kept.key():
		return
	default:
		if err = f.archive.save(s.Live, f.kept, time.Now()); err == nil {
			f.kept = s.Live
		}
	}
	if err != nil && !f.unkept {
		f.journal.state(err, f.archive.dir, "the live revision could not be kept for the next start")
	}
	f.unkept = err != nil
	f.update(func(s *Status) { s.Unkept = err })
}
