package forward

import (
	"context"
	"sync"
	"time"
)

// errTimeout is what ends an attempt when its time is over.
var errTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "the deadline of the attempt has passed" }
func (timeoutError) Timeout() bool { return true }

// alarm makes an attempt expire at its limit. To set a timer for each of many
// short attempts would be among the largest of their costs. So a timer that runs
// for an earlier attempt of the same memory is left to run, and finds out when it
// rings what is true by then.
type alarm struct {
	mu    sync.Mutex
	timer *time.Timer
	rings time.Time // when the timer does; zero when it does not run
	limit time.Time // zero for none
	looks bool      // at a stream, whether its caller may go on with it
}

// horizon is the longest time that the timer is set for, and so the time for
// which memory that nobody uses any more is kept by it.
const horizon = 5 * time.Second

// lastWords is for how long a caller of gRPC may be in the way of the status with which
// its call ends.
const lastWords = 5 * time.Second

// setAlarm has the attempt expire at the limit, instead of at any before, and when
// its whole time is over anyway.
func (t *attempt) setAlarm(limit time.Time) {
	if !t.ends.IsZero() && t.ends.Before(limit) {
		limit = t.ends
	}
	t.alarm.mu.Lock()
	defer t.alarm.mu.Unlock()
	t.alarm.limit = limit
	if t.alarm.rings.IsZero() || t.alarm.rings.After(limit) {
		t.windAlarm()
	}
}

// windAlarm sets the timer; alarm.mu is held.
func (t *attempt) windAlarm() {
	now := time.Now()
	d := min(t.alarm.limit.Sub(now), horizon)
	if t.alarm.looks {
		d = min(d, lookEvery)
	}
	t.alarm.rings = now.Add(d)
	if t.alarm.timer == nil {
		t.alarm.timer = time.AfterFunc(d, t.ring)
		return
	}
	t.alarm.timer.Reset(d)
}

// clearAlarm lets the attempt have as much time as it wants. When it returns, the
// attempt has expired or never will.
func (t *attempt) clearAlarm() {
	t.alarm.mu.Lock()
	defer t.alarm.mu.Unlock()
	t.alarm.limit, t.alarm.looks = time.Time{}, false
}

// stopAlarm is for an attempt whose memory is not used again.
func (t *attempt) stopAlarm() {
	if t.alarm.timer != nil {
		t.alarm.timer.Stop()
	}
}

func (t *attempt) ring() {
	t.alarm.mu.Lock()
	defer t.alarm.mu.Unlock()
	t.alarm.rings = time.Time{}
	now := time.Now()
	switch {
	case t.alarm.limit.IsZero():
	case now.Before(t.alarm.limit) && !t.withdraw(now):
		t.windAlarm()
	default:
		t.alarm.limit = time.Time{}
		t.expire()
	}
}

// expire ends the attempt, for want of time or because its caller may have no more of
// it, also where it is stuck in reading from the caller or in writing to it.
func (t *attempt) expire() {
	if t.unblock() {
		t.lifetime.end(context.DeadlineExceeded)
	}
}

func (t *attempt) unblock() bool {
	t.guard.Lock()
	defer t.guard.Unlock()
	if t.over {
		return false
	}
	t.expired = true
	past := time.Unix(1, 0)
	if t.sent != nil && !t.sent.whole.Load() {
		_ = t.control().SetReadDeadline(past)
	}
	switch {
	case t.rpc != nil && !t.rpc.writing:
		_ = t.control().SetWriteDeadline(time.Now().Add(lastWords)) // the end of the call is still to be written
	case t.result.Committed || !t.writing.TryLock():
		_ = t.control().SetWriteDeadline(past)
	default:
		t.writing.Unlock()
	}
	return true
}

// timedOut reports whether the gateway has ended the attempt: its time is over, or it is
// withdrawn.
func (t *attempt) timedOut() bool {
	t.guard.Lock()
	defer t.guard.Unlock()
	return t.expired
}
