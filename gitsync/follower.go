package gitsync

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Follower follows one repository; see New.
type Follower struct {
	repo    *repository
	state   *state // nil without a state folder
	take    func(context.Context, *Revision) error
	poll    time.Duration
	journal *journal
	unsaved bool // the live revision could not be written to the state folder

	mu      sync.Mutex
	status  Status
	started bool
	ended   bool
	waiting []chan error // of Sync, each with room for its one answer
	// wake holds at most one signal that somebody waits; further ones are
	// dropped, as the sync that follows answers all who wait by then.
	wake chan struct{}
}

// New checks the options and makes a follower. It reads nothing but a CA file;
// nothing happens before Run.
func New(o Options) (*Follower, error) {
	o = o.withDefaults()
	if o.Take == nil {
		return nil, errors.New("options have no Take")
	}
	repo, a, err := o.repository()
	if err != nil {
		return nil, err
	}
	f := &Follower{
		repo: repo, take: o.Take, poll: o.Poll,
		journal: newJournal(o.Logger, a.show, o.Branch),
		status:  Status{Repository: a.show, Branch: o.Branch},
		wake:    make(chan struct{}, 1),
	}
	if o.StateDir != "" {
		f.state = newState(o.StateDir, a.show, o.Branch, o.Folders)
	}
	return f, nil
}

// Run offers the revision of the state folder, then follows the repository
// until ctx ends, which is also its error. It can be called once.
func (f *Follower) Run(ctx context.Context) error {
	if !f.start() {
		return errors.New("the follower was already started")
	}
	defer f.end()
	f.restore(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		case <-f.wake:
		}
		timer.Reset(f.round(ctx))
	}
}

func (f *Follower) start() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := !f.started
	f.started = true
	return first
}

func (f *Follower) end() {
	f.repo.source.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for _, answer := range f.waiting {
		answer <- ErrStopped
	}
	f.waiting = nil
}

// Sync reads the repository now and gives the result: nil when the newest
// revision is live, a *RejectedError when Take refused it, or why it could not
// be read. A request made while a sync runs waits for the next one, which
// answers all who wait. ctx bounds only the waiting, which without Run is for
// Run. Safe for concurrent use.
func (f *Follower) Sync(ctx context.Context) error {
	answer := make(chan error, 1)
	f.mu.Lock()
	if f.ended {
		f.mu.Unlock()
		return ErrStopped
	}
	f.waiting = append(f.waiting, answer)
	select {
	case f.wake <- struct{}{}:
	default:
	}
	f.mu.Unlock()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// round syncs once, answers those who waited when it began, and gives the time
// until the next.
func (f *Follower) round(ctx context.Context) time.Duration {
	waiting := f.queued()
	err := f.sync(ctx, len(waiting) > 0)
	for _, answer := range waiting {
		answer <- err
	}
	failures := f.Status().Failures
	if err != nil && !outage(err) {
		failures = 0
	}
	return pause(f.poll, failures, rand.Float64)
}

// queued takes those who wait, and the signal that they do.
func (f *Follower) queued() []chan error {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.wake:
	default:
	}
	waiting := f.waiting
	f.waiting = nil
	return waiting
}

// sync reads the repository and offers what is new. A revision that was refused
// is offered again when somebody asked for the sync: what it was refused for may
// lie outside the repository, such as a secret that was not set. The live one is
// offered again when it follows a refused one, which is thereby forgotten.
func (f *Follower) sync(ctx context.Context, asked bool) error {
	begin := time.Now()
	revision, _, err := f.repo.read(ctx)
	if ctx.Err() != nil {
		return ErrStopped
	}
	if err != nil {
		f.failed(begin, err)
		return err
	}
	f.update(func(s *Status) {
		s.LastAttempt, s.LastSuccess, s.LastError, s.Failures, s.Stale = begin, begin, nil, 0, false
	})
	status := f.Status()
	switch {
	case status.Live != nil && status.Rejected == nil && status.Live.key() == revision.key():
		f.update(func(s *Status) { s.Source = SourceGit })
		f.journal.unchanged(revision.Commit(), time.Since(begin))
		f.save(revision, f.unsaved)
		return nil
	case status.Rejected != nil && !asked && status.Rejected.Revision.key() == revision.key():
		f.journal.unchanged(revision.Commit(), time.Since(begin))
		return &RejectedError{Commit: revision.Commit(), Err: status.Rejected.Err}
	default:
		return f.offer(ctx, revision, begin)
	}
}

func (f *Follower) failed(begin time.Time, err error) {
	f.update(func(s *Status) {
		s.LastAttempt, s.LastError = begin, err
		s.Failures++
	})
	status := f.Status()
	f.journal.failed(err, status.Failures, status.Live != nil)
}

// offer lets Take decide about a revision that was just read.
func (f *Follower) offer(ctx context.Context, revision *Revision, begin time.Time) error {
	err := f.decide(ctx, revision, SourceGit)
	if err != nil {
		f.journal.refused(revision.Commit(), time.Since(begin))
		return err
	}
	f.journal.taken(revision.Heads[revision.Branch], time.Since(begin))
	f.save(revision, true)
	return nil
}

// decide calls Take and keeps the result. A refusal because the process ends
// says nothing about the revision.
func (f *Follower) decide(ctx context.Context, revision *Revision, from Source) error {
	err := f.take(ctx, revision)
	if err != nil && ctx.Err() != nil {
		return ErrStopped
	}
	now := time.Now()
	if err != nil {
		f.update(func(s *Status) { s.Rejected = &Rejected{Revision: revision, Err: err, Time: now} })
		return &RejectedError{Commit: revision.Commit(), Err: err}
	}
	f.update(func(s *Status) {
		s.Live, s.LiveSince, s.Source, s.Stale, s.Rejected = revision, now, from, from == SourceState, nil
	})
	return nil
}

// restore offers the revision of the state folder, if there is one.
func (f *Follower) restore(ctx context.Context) {
	if f.state == nil {
		return
	}
	revision, saved, err := f.state.load()
	if err != nil {
		f.journal.state(err, f.state.file(), "the state file is ignored")
		return
	}
	if revision == nil {
		return
	}
	f.repo.resume(revision)
	if err := f.decide(ctx, revision, SourceState); err != nil {
		f.journal.state(err, f.state.file(), "the revision in the state file was refused")
		return
	}
	f.journal.restored(revision.Heads[revision.Branch], saved)
}

// save writes the live revision to the state folder. That it cannot is no
// reason not to serve it; the next sync tries again.
func (f *Follower) save(revision *Revision, needed bool) {
	if f.state == nil || !needed {
		return
	}
	err := f.state.save(revision, time.Now())
	if err != nil && !f.unsaved {
		f.journal.state(err, f.state.file(), "the live revision could not be kept for the next start")
	}
	f.unsaved = err != nil
}
