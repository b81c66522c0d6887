package gitsync

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// consider decides what becomes of a revision that was just read, for those who
// asked for it. A revision that was refused is offered again when somebody
// asked, or when it may be taken by now; see settled. The live one is offered
// again when it follows a refused one, which is thereby forgotten, and when the
// same commits turn out to hold something else; see Fetched.Differed.
func (f *Follower) consider(ctx context.Context, revision *Revision, asked []*asking, begin time.Time) error {
	status := f.Status()
	switch {
	case status.Pin != nil:
		return f.examine(ctx, revision, again(asked))
	case status.Live != nil && status.Rejected == nil && same(status.Live, revision):
		f.update(func(s *Status) { s.Source, s.Held, s.Pending = SourceGit, nil, nil })
		f.base = status.Live
		f.journal.unchanged(revision.Commit(), time.Since(begin))
		return nil
	case !again(asked) && f.settled(status.Rejected, revision):
		f.journal.unchanged(revision.Commit(), time.Since(begin))
		return &RejectedError{Commit: revision.Commit(), Err: status.Rejected.Err}
	}
	if held := suspicious(f.base, revision, f.folder); held != nil && !accepts(asked, revision.Commit()) {
		f.hold(held)
		return held.asError()
	}
	return f.offer(ctx, revision, begin)
}

// settled tells whether a revision was refused before and would be again. What it
// was refused for may lie outside the repository: keys that were not trusted, a
// secret that was not there. While nothing serves, anything is worth another try.
func (f *Follower) settled(r *Rejected, revision *Revision) bool {
	switch {
	case r == nil || !same(r.Revision, revision):
		return false
	case untrusted(r.Err):
		return !f.proof.moot(r)
	case f.Status().Live == nil:
		return false
	}
	return f.outside == nil || !f.outside(r.Err)
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
	pending := &PinnedError{Commit: revision.Commit(), Pinned: status.Pin.Commit}
	switch {
	case status.Live != nil && same(status.Live, revision):
		f.update(func(s *Status) { s.Pending, s.Rejected, s.Held = nil, nil, nil })
		return nil
	case status.Pending != nil && same(status.Pending, revision):
		return pending
	case !asked && f.settled(status.Rejected, revision):
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
	rejected := &Rejected{Revision: revision, Err: err, Time: time.Now()}
	f.proof.mark(rejected)
	f.update(func(s *Status) {
		s.Rejected = rejected
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
