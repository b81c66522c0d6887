package forward

import (
	"context"
	"sync/atomic"
	"time"
)

// errTimeout is what ends an attempt when its time is over.
var errTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "the deadline of the attempt has passed" }
func (timeoutError) Timeout() bool { return true }

// alarm is a timer that is used by one attempt after the other.
type alarm struct {
	timer *time.Timer
	owner atomic.Pointer[attempt]
}

// setAlarm has t expire after d.
func (f *Forwarder) setAlarm(t *attempt, d time.Duration) {
	al, ok := f.alarms.Get().(*alarm)
	if ok {
		al.owner.Store(t)
		al.timer.Reset(d)
	} else {
		al = new(alarm)
		al.owner.Store(t)
		al.timer = time.AfterFunc(d, al.ring)
	}
	t.alarm = al
}

// stopAlarm returns the timer. One that has rung is not used again, for its
// function may be running still.
func (f *Forwarder) stopAlarm(t *attempt) {
	if al := t.alarm; al != nil && al.timer.Stop() {
		al.owner.Store(nil)
		f.alarms.Put(al)
	}
	t.alarm = nil
}

func (al *alarm) ring() {
	if t := al.owner.Load(); t != nil {
		t.expire()
	}
}

// expire ends the attempt for want of time, also where it is stuck in reading
// from the caller or in writing to it.
func (t *attempt) expire() {
	if t.unblock() {
		t.lifetime.end(context.DeadlineExceeded)
	}
}

func (t *attempt) unblock() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	t.expired = true
	past := time.Unix(1, 0)
	if t.sent != nil && !t.sent.whole.Load() {
		_ = t.control().SetReadDeadline(past)
	}
	if t.result.Committed || !t.writing.TryLock() {
		_ = t.control().SetWriteDeadline(past)
	} else {
		t.writing.Unlock()
	}
	return true
}

// postpone begins the time anew, for a stream of which a part has come.
func (t *attempt) postpone() { t.alarm.timer.Reset(t.timeout()) }

// timedOut reports whether the time is over.
func (t *attempt) timedOut() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expired
}
