package forward

import "time"

// lookEvery is how often is asked whether the caller of a stream may go on with it.
const lookEvery = time.Second

// lookAfter has the alarm ask for the caller of a stream that begins. A timer that rings
// soon for an earlier attempt is left to run, as setAlarm leaves it.
func (t *attempt) lookAfter() {
	if t.spec.Withdrawn == nil {
		return
	}
	t.alarm.mu.Lock()
	defer t.alarm.mu.Unlock()
	t.alarm.looks = true
	if !t.alarm.limit.IsZero() && time.Until(t.alarm.rings) > lookEvery {
		t.windAlarm()
	}
}

// withdraw reports whether the caller of a stream may have no more of it, and notes why;
// alarm.mu is held.
func (t *attempt) withdraw(now time.Time) bool {
	if !t.alarm.looks {
		return false
	}
	why := t.spec.Withdrawn(now)
	t.guard.Lock()
	defer t.guard.Unlock()
	t.withdrawn = why
	return why != nil
}

// whyWithdrawn is nil unless the gateway has ended a stream for its caller's sake.
func (t *attempt) whyWithdrawn() *Failure {
	t.guard.Lock()
	defer t.guard.Unlock()
	return t.withdrawn
}
