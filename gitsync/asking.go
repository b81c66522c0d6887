package gitsync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// asking is somebody who waits for the next read.
type asking struct {
	hint   bool       // there may be something new; what was refused is not to be offered again
	accept string     // the commit to take although it would be held; maybe shortened; empty: none
	answer chan error // with room for the one answer
}

// order is something to be done by Run's goroutine between two decisions.
type order struct {
	do     func(context.Context) error
	answer chan error // with room for the one answer
}

// Sync reads the repository now and gives the result: nil when the newest
// revision is live, a *RejectedError when Take refused it, a *HeldError when it
// is held, a *PinnedError when a pin holds it back, or why it could not be
// read. A request made while a sync runs waits for the next one, which answers
// all who wait. ctx bounds only the waiting, which without Run is for Run. Safe
// for concurrent use.
func (f *Follower) Sync(ctx context.Context) error {
	return f.ask(ctx, &asking{answer: make(chan error, 1)})
}

// Poll is Sync for somebody who has but a hint that something was pushed: what
// Take refused is not offered again as long as no commit changes, and a server
// that has asked to be left alone is, until it may be read anyway.
func (f *Follower) Poll(ctx context.Context) error {
	return f.ask(ctx, &asking{hint: true, answer: make(chan error, 1)})
}

// Accept is Sync, and takes the newest revision also if it would be held: see
// HeldError. commit is the endpoints branch's, whole or at least its first
// 7 digits. If the newest revision is another one, nothing is accepted and the
// error is ErrNotNewest; if commit is none, ErrCommitName.
func (f *Follower) Accept(ctx context.Context, commit string) error {
	prefix, err := commitPrefix(commit)
	if err != nil {
		return err
	}
	return f.ask(ctx, &asking{accept: prefix, answer: make(chan error, 1)})
}

func (f *Follower) ask(ctx context.Context, a *asking) error {
	return f.await(ctx, a.answer, func() { f.waiting = append(f.waiting, a) })
}

// order has Run's goroutine do something soon, and waits for the result.
func (f *Follower) order(ctx context.Context, do func(context.Context) error) error {
	o := &order{do: do, answer: make(chan error, 1)}
	return f.await(ctx, o.answer, func() { f.orders = append(f.orders, o) })
}

// await queues, wakes Run and waits for the answer.
func (f *Follower) await(ctx context.Context, answer <-chan error, queue func()) error {
	f.mu.Lock()
	if f.ended {
		f.mu.Unlock()
		return ErrStopped
	}
	queue()
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

// wanted tells whether somebody waits for a read that is to begin now.
func (f *Follower) wanted(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.waiting, func(a *asking) bool { return !a.hint || !now.Before(f.quiet) })
}

// queued takes those who wait for a read.
func (f *Follower) queued() []*asking {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting := f.waiting
	f.waiting = nil
	return waiting
}

// obey carries out the orders given so far.
func (f *Follower) obey(ctx context.Context) {
	f.mu.Lock()
	orders := f.orders
	f.orders = nil
	f.mu.Unlock()
	for _, o := range orders {
		o.answer <- o.do(ctx)
	}
}

func (f *Follower) answer(waiting []*asking, reply func(*asking) error) {
	for _, a := range waiting {
		a.answer <- reply(a)
	}
}

// reply is what a sync that ended with err means to somebody who waited for it.
func (f *Follower) reply(a *asking, err error) error {
	if a.accept == "" {
		return err
	}
	newest, status := "", f.Status()
	if status.Newest != nil {
		newest = status.Newest.Commit()
	}
	if status.Held != nil {
		newest = status.Held.Commit
	}
	switch {
	case err != nil && outage(err):
		return err
	case newest == "":
		return fmt.Errorf("%w: there is no commit to accept: %w", ErrNotNewest, err)
	case !strings.HasPrefix(newest, a.accept):
		return fmt.Errorf("%w: it is %s, not %s; nothing was accepted", ErrNotNewest, newest, a.accept)
	default:
		return err
	}
}

// again tells whether somebody wants what was refused to be offered again.
func again(asked []*asking) bool {
	return slices.ContainsFunc(asked, func(a *asking) bool { return !a.hint })
}

// accepts tells whether somebody takes a commit although it would be held.
func accepts(asked []*asking, commit string) bool {
	return slices.ContainsFunc(asked, func(a *asking) bool { return a.accept != "" && strings.HasPrefix(commit, a.accept) })
}

// fewestDigits of a commit's name tell it from others.
const fewestDigits = 7

// commitPrefix checks what somebody wrote for a commit.
func commitPrefix(s string) (string, error) {
	name := strings.ToLower(strings.TrimSpace(s))
	if len(name) < fewestDigits || len(name) > 40 || strings.Trim(name, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%w, not %q", ErrCommitName, s)
	}
	return name, nil
}
