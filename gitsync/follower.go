package gitsync

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Follower follows one repository; see New. What is not guarded by mu belongs
// to Run's goroutine, and repo to the one read that it lets run at a time.
type Follower struct {
	repo      *repository
	archive   *archive // nil without a state folder
	recall    *recall  // in its place
	folder    string   // that of the endpoints
	take      func(context.Context, *Revision) error
	check     func(context.Context, *Revision) error // nil: what a pin holds back is not checked
	concluded func(Status)                           // nil: nobody wants to know
	poll      time.Duration
	journal   *journal
	proof     *proof           // nil: signatures are not looked at
	outside   func(error) bool // nil: what Take refuses for lies in the commits

	base    *Revision           // what served last without a pin; nil if nothing has
	kept    *Revision           // what was kept last
	unkept  bool                // the live revision or the pin could not be written
	healthy time.Time           // of the last success, or else of the last beginning anew
	reading *round              // nil while none is under way
	due     bool                // a read should begin
	quiet   time.Time           // until when the server has asked to be left alone
	told    map[keptFile]string // why files do not serve, as the log says it once

	mu      sync.Mutex
	status  Status
	started bool
	ended   bool
	waiting []*asking // for the next read
	orders  []*order  // to be carried out at once
	// wake holds at most one signal that somebody waits; further ones are
	// dropped, as all who wait by then are looked after.
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
		repo: repo, folder: o.Folders[0], take: o.Take, check: o.Check, concluded: o.Concluded, poll: o.Poll,
		journal: newJournal(o.Logger, a.show, o.Branch), outside: o.Outside, told: map[keptFile]string{},
		status: Status{Repository: a.show, Branch: o.Branch},
		wake:   make(chan struct{}, 1),
	}
	if f.proof, err = newProof(o.Verify, o.Folders); err != nil {
		return nil, err
	}
	from := origin{Repository: a.show, Branch: o.Branch, Folders: o.Folders}
	if o.StateDir != "" {
		f.archive = newArchive(o.StateDir, from, o.Keep)
	} else {
		f.recall = &recall{from: from, most: o.Keep}
	}
	return f, nil
}

// Run offers a revision of the state folder, then follows the repository
// until ctx ends, which is also its error. It can be called once.
func (f *Follower) Run(ctx context.Context) error {
	if !f.start() {
		return errors.New("the follower was already started")
	}
	defer f.end()
	f.restore(ctx)
	f.healthy = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			f.due = f.reading == nil // which is what is due, and sets the timer anew
		case <-f.wake:
		case got := <-f.reading.result():
			timer.Reset(f.conclude(ctx, got))
		}
		f.obey(ctx)
		f.begin(ctx)
	}
}

func (f *Follower) start() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := !f.started
	f.started = true
	return first
}

// end keeps what serves, waits for the read that its context has ended, and sends
// all away who wait.
func (f *Follower) end() {
	f.keep()
	if f.reading != nil {
		f.answer(f.reading.asked, func(*asking) error { return ErrStopped })
		<-f.reading.done
	}
	f.repo.source.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for _, a := range f.waiting {
		a.answer <- ErrStopped
	}
	for _, o := range f.orders {
		o.answer <- ErrStopped
	}
	f.waiting, f.orders = nil, nil
}

// round is one read of the repository that is under way.
type round struct {
	begin time.Time
	asked []*asking // who wait for it
	done  chan read // gets one value, for which there is room
}

// read is what came of a round.
type read struct {
	revision *Revision
	fetched  Fetched
	rebuilt  bool  // the client and the store were made anew before
	stuck    error // why they could not be
	err      error
}

// result is where the outcome arrives; nil, which is never, without a round.
func (r *round) result() <-chan read {
	if r == nil {
		return nil
	}
	return r.done
}

// begin starts a read if one is due or asked for and none is under way. It runs
// beside Run, so that pinning a revision never waits for a git server.
func (f *Follower) begin(ctx context.Context) {
	if f.reading != nil {
		return
	}
	if !f.due && !f.wanted(time.Now()) {
		return
	}
	asked := f.queued()
	f.due = false
	f.reading = &round{begin: time.Now(), asked: asked, done: make(chan read, 1)}
	f.repo.bare = f.mayBeBare(asked)
	anew := f.Status().Failures > 0 && time.Since(f.healthy) >= rebuildAfter*f.poll
	go func(r *round) { r.done <- f.read(ctx, anew) }(f.reading)
}

// read reads the repository; anew throws away first whatever may be wrong with
// the client and the store.
func (f *Follower) read(ctx context.Context, anew bool) (got read) {
	if anew {
		got.stuck = f.repo.rebuild()
		got.rebuilt = got.stuck == nil
	}
	got.revision, got.fetched, got.err = f.repo.read(ctx)
	return got
}

// conclude decides about what a round has read, answers who waited for it, and
// then keeps what serves. It gives the time until the next.
func (f *Follower) conclude(ctx context.Context, got read) time.Duration {
	r := f.reading
	f.reading = nil
	if ctx.Err() != nil {
		f.answer(r.asked, func(*asking) error { return ErrStopped })
		return f.poll
	}
	f.account(r, got)
	err := got.err
	if err != nil {
		err = f.failed(r.begin, err)
	} else {
		f.succeeded(r.begin, got.revision)
		err = f.consider(ctx, got.revision, r.asked, r.begin)
	}
	f.revive(ctx)
	f.answer(r.asked, func(a *asking) error { return f.reply(a, err) })
	if f.concluded != nil {
		f.concluded(f.Status())
	}
	f.keep()
	return f.next(err)
}

// next is the time until the next poll.
func (f *Follower) next(err error) time.Duration {
	failures := f.Status().Failures
	if err != nil && !outage(err) {
		failures = 0
	}
	asked, _ := retryAfter(err)
	f.quiet = time.Now().Add(min(asked, longestObeyed))
	return pause(f.poll, failures, asked, rand.Float64)
}

// account counts what a round did.
func (f *Follower) account(r *round, got read) {
	if got.rebuilt || got.stuck != nil {
		f.healthy = time.Now()
		f.journal.rebuilt(got.stuck)
	}
	if got.fetched.Differed {
		f.journal.differed()
	}
	f.update(func(s *Status) {
		s.LastAttempt = r.begin
		s.LastRead = got.fetched
		s.Totals = s.Totals.add(got)
	})
}

func (f *Follower) succeeded(begin time.Time, revision *Revision) {
	f.healthy = time.Now()
	f.update(func(s *Status) {
		s.Newest = revision
		s.LastSuccess, s.LastError, s.Failures, s.Stale = begin, nil, 0, false
	})
}

// failed keeps why a read failed. What the repository has lost is held while
// something serves.
func (f *Follower) failed(begin time.Time, err error) error {
	status := f.Status()
	held := lost(err)
	if held != nil && status.Live != nil && status.Pin == nil {
		held.Since = begin
		f.hold(held)
		err = held.asError()
	}
	f.update(func(s *Status) {
		s.LastError = err
		s.Failures++
	})
	f.journal.failed(err, status.Failures+1, status.Live != nil)
	return err
}
