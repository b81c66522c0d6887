package deployments

import "time"

// ChangeKind is what became of a replica, or of the look-up of a name.
type ChangeKind string

// The kinds of changes.
const (
	CheckFailed     ChangeKind = "check_failed"     // its health checks call it down
	CheckPassed     ChangeKind = "check_passed"     // and up again
	Ejected         ChangeKind = "ejected"          // too many of its requests failed in a row
	Joined          ChangeKind = "joined"           // an address came into a name
	Left            ChangeKind = "left"             // an address went out of it; its replica drains
	LookupFailed    ChangeKind = "lookup_failed"    // Replica is a host that cannot be resolved; its addresses stay
	LookupWorks     ChangeKind = "lookup_works"     // and can again
	BreakerOpened   ChangeKind = "breaker_opened"   // too many requests of a version failed; it gets none for a while
	BreakerReopened ChangeKind = "breaker_reopened" // and then one that tried it failed as well; told once a minute at most
	BreakerClosed   ChangeKind = "breaker_closed"   // and then some succeeded
	NoneUp          ChangeKind = "none_up"          // no replica of a version is up; those that can be connected to are called all the same
)

// Change is one change, as PoolOptions.Changed is told.
type Change struct {
	Kind    ChangeKind
	Replica string // without anything secret; of NoneUp, that of the first one
	Use     Use
	Reason  string        // empty: there is nothing to say
	For     time.Duration // how long it is ejected, or gets no requests
	Version *Version      // of a breaker, which is no single replica's; else nil
}

// retellInterval is at least between two tellings of what goes on: that no replica of
// a version is up, or that its breaker has opened again.
const retellInterval = time.Minute

func (p *Pool) tell(c Change) {
	if p.options.Changed != nil {
		p.options.Changed(c)
	}
}

// panicking counts a request that is sent though no replica is up, and tells so
// once in a while.
func (g *Group) panicking() {
	first := g.Replicas()[0]
	first.pool.panicked.Add(1)
	last, now := g.panicked.Load(), first.health.clock()
	if (last == 0 || now-last >= int64(retellInterval)) && g.panicked.CompareAndSwap(last, now) {
		first.pool.tell(Change{Kind: NoneUp, Replica: first.label, Use: first.use, Reason: first.State().Reason})
	}
}

// Counts is what a pool has counted since it was made.
type Counts struct {
	Ejected uint64 // replicas that were ejected
	NoneUp  uint64 // requests that were sent though no replica of their version was up
}

// Counts returns the counts of this moment.
func (p *Pool) Counts() Counts {
	return Counts{Ejected: p.ejected.Load(), NoneUp: p.panicked.Load()}
}

// State is a replica as people are shown it.
type State struct {
	Up           bool
	Reason       string // why it is not up
	InFlight     int
	EjectedUntil time.Time // zero: it is not ejected
	Check        *Checked  // the last health check; nil: there was none
	Used         bool      // a request was sent to it, or a check is made of it
}

// State returns the state of this moment.
func (r *Replica) State() State {
	r.readmit()
	s := State{Up: r.Up(), InFlight: r.InFlight(), Used: r.transport.Load() != nil}
	out := r.out.Load()
	if c := r.check.Load(); c != nil {
		s.Used = true
		s.Check = c.last.Load()
	}
	switch {
	case r.health.down():
		s.Reason = "it cannot be connected to"
		if err := r.health.reason.Load(); err != nil {
			s.Reason += ": " + *err
		}
	case out&outChecked != 0:
		s.Reason = "its health checks fail"
		if s.Check != nil && !s.Check.Passed {
			s.Reason += ": " + s.Check.Reason
		}
	}
	if out&outEjected != 0 {
		s.EjectedUntil, s.Reason = r.ejection(s.Reason)
	}
	return s
}

// ejection is how long the replica is ejected, and why, unless there is a graver
// reason why it is not up.
func (r *Replica) ejection(graver string) (until time.Time, reason string) {
	r.pool.ejecting.Lock()
	defer r.pool.ejecting.Unlock()
	if graver == "" {
		graver = "it is ejected: " + r.ejections.why
	}
	return r.ejections.until, graver
}
