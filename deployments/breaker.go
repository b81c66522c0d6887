package deployments

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// BreakerOpenError is why Admit refuses a request: too many of the version failed.
type BreakerOpenError struct {
	RetryAfter time.Duration // until requests try it again
}

func (e *BreakerOpenError) Error() string {
	return "the deployment is left alone because its requests fail"
}

// breaker leaves a version alone whose requests fail: then nobody waits for what
// will not come, and what is overloaded gets air. It opens when too many of the
// requests of a window failed. After a while it lets one request after the other
// through, and closes when some of them in a row have succeeded.
//
// Nobody has to give back the leave to try. A caller may go before anything is heard
// of the version; so another one is let through when nothing was heard for as long
// as the breaker stays open.
//
// failsafe-go has a breaker as well. There each leave in the half-open state has to
// end in a success or a failure, or the state never ends; its settings cannot change
// while its counts stay, as they do here with each commit; and every request, not
// only those that meet an open breaker, goes through its lock twice.
type breaker struct {
	opened  atomic.Uint64 // how often
	refused atomic.Uint64 // requests
	epoch   atomic.Uint32 // counts the changes of the state
	tripped atomic.Bool   // it is open, or half-open

	mu     sync.Mutex
	told   time.Time // when it was last said that it has opened
	since  time.Time // the zero of the window's clock
	recent window    // requests, failures
	until  time.Time // when the next request may try; while not closed
	trying bool      // half-open
	passed int       // that tried with success, in a row
}

// allow reports whether a request may be sent, and at which epoch, or how long not.
func (b *breaker) allow(rule *schema.Breaker) (epoch uint32, err error) {
	if epoch = b.epoch.Load(); !b.tripped.Load() {
		return epoch, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if wait := b.until.Sub(now); wait > 0 {
		b.refused.Add(1)
		return 0, &BreakerOpenError{RetryAfter: wait}
	}
	if !b.trying {
		b.trying, b.passed = true, 0
		b.epoch.Add(1)
	}
	b.until = now.Add(rule.OpenFor)
	return b.epoch.Load(), nil
}

// isOpen reports whether allow would refuse a request.
func (b *breaker) isOpen() bool {
	if !b.tripped.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Before(b.until)
}

// done counts what came of a request that was let through at that epoch. What was let
// through before the state changed says nothing new. It reports what has changed and
// is worth telling: empty, or one of the Breaker kinds.
func (b *breaker) done(rule *schema.Breaker, epoch uint32, failed bool) (changed ChangeKind, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	switch {
	case b.epoch.Load() != epoch:
	case b.trying && failed:
		b.open(rule, now)
		if now.Sub(b.told) >= retellInterval {
			b.told = now
			return BreakerReopened, "a request that tried it failed"
		}
	case b.trying:
		b.passed++
		b.until = now
		if b.passed >= rule.Probes {
			b.close()
			return BreakerClosed, ""
		}
	case !b.tripped.Load():
		return b.count(rule, now, failed)
	}
	return "", ""
}

// count counts a request while the breaker is closed.
func (b *breaker) count(rule *schema.Breaker, now time.Time, failed bool) (changed ChangeKind, why string) {
	if b.since.IsZero() {
		b.since = now
	}
	at, failure := now.Sub(b.since), 0
	if failed {
		failure = 1
	}
	b.recent.add(at, rule.Window, 1, failure)
	if !failed {
		return "", ""
	}
	all, failures := b.recent.sums(at)
	if all < rule.MinRequests || float64(failures) < rule.FailureRate*float64(all) {
		return "", ""
	}
	b.open(rule, now)
	b.told = now
	return BreakerOpened, fmt.Sprintf("%d of %d requests failed within %v", failures, all, rule.Window)
}

func (b *breaker) open(rule *schema.Breaker, now time.Time) {
	b.opened.Add(1)
	b.epoch.Add(1)
	b.trying, b.until = false, now.Add(rule.OpenFor)
	b.tripped.Store(true)
}

func (b *breaker) close() {
	b.epoch.Add(1)
	b.trying, b.recent = false, window{}
	b.tripped.Store(false)
}

// Admission is leave to send a request to a version's replicas.
type Admission struct {
	group *Group
	epoch uint32
	tried bool // it has been counted as one of those that try the version
}

// Admit gives leave to send a request, unless the version takes none at the moment:
// then the error is a *BreakerOpenError. It is asked once for a request, however many
// replicas that comes to because some cannot be connected to.
func (g *Group) Admit() (Admission, error) {
	a := Admission{group: g}
	if g.breaker == nil {
		return a, nil
	}
	var err error
	a.epoch, err = g.gate.breaker.allow(g.breaker)
	return a, err
}

// Ended tells the version's breaker what came of the request in the end, at the replica
// that it was sent to last: no answer, or one above 499, is a failure, except where
// Replica.RoundTrip says that it is the caller's. A replica that could not be connected
// to while another one answered is none: the version has answered. A call of gRPC counts as
// there.
func (a *Admission) Ended(r *Replica, req *http.Request, res *http.Response, err error) {
	if a.group.breaker != nil {
		a.tell(r, r.outcome(req, res, err, false))
	}
}

// CallEnded tells replica and breaker of the end of a call of gRPC that the head of its
// answer has left open: the answer has been read as a whole, or err is why the replica broke
// it off; else it was given up by somebody else, and was good so far. Other answers have been
// counted, and are not again.
func (a *Admission) CallEnded(r *Replica, req *http.Request, res *http.Response, whole bool, err error) {
	w := r.watch.Load()
	if w == nil && a.group.breaker == nil || Judge(res, false).Status != 0 {
		return
	}
	came := success
	if whole || err != nil {
		came = r.outcome(req, res, err, true)
	}
	if w != nil {
		r.observe(w, came)
	}
	if a.group.breaker != nil {
		a.tell(r, came)
	}
}

// tell tells the breaker. A call that goes on may do so for hours: where requests try the
// version, it has succeeded as soon as it is answered.
func (a *Admission) tell(r *Replica, came outcome) {
	b, rule := &a.group.gate.breaker, a.group.breaker
	switch came {
	case nothing:
		return
	case pending:
		if !b.tripped.Load() {
			return
		}
		a.tried = true
	case success:
		if a.tried {
			return
		}
	case failure, noAnswer:
	}
	if kind, why := b.done(rule, a.epoch, came == failure || came == noAnswer); kind != "" {
		r.pool.tell(Change{Kind: kind, Version: a.group.version, Reason: why, For: rule.OpenFor})
	}
}
