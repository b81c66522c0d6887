package deployments

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Why a replica is not up, as bits of Replica.out.
const (
	outUnreached = 1 << iota // it could not be connected to
	outChecked               // its health checks fail
	outEjected               // too many requests failed in a row
)

// watch is by which rule a replica is ejected, and among whom.
type watch struct {
	rule  *schema.Outlier
	group *Group
}

// ejections is what a replica has been ejected for. It outlives snapshots.
type ejections struct {
	bad    int32 // requests in a row that were answered with a failure or not at all
	silent int32 // requests in a row without an answer
	times  int   // in a row
	until  time.Time
	why    string
}

// supervise has a live replica ejected as its version says. A mirror has a breaker
// of its own. The pool is locked.
func (p *Pool) supervise(r *Replica, v *Version, g *Group) {
	rule := v.Serving.Outlier
	if rule == nil || r.use != (Use{}) {
		if r.watch.Swap(nil) != nil {
			r.out.And(^uint32(outEjected))
		}
		return
	}
	p.ejecting.Lock()
	defer p.ejecting.Unlock()
	if r.ejections == nil {
		r.ejections = &ejections{}
	}
	r.watch.Store(&watch{rule: rule, group: g})
}

// outcome is what came of a request, as far as it says something of the replica.
type outcome int

const (
	nothing  outcome = iota // it says nothing
	pending                 // a call of gRPC has been answered, whose end will tell
	success                 // it was answered well
	failure                 // it was answered with 5xx, or what stands for it
	noAnswer                // it was not answered, or not to the end
)

// outcome says what came of a request; ended is that of Judge.
func (r *Replica) outcome(req *http.Request, resp *http.Response, err error, ended bool) outcome {
	if err != nil {
		if !r.mine(req, err) {
			return nothing
		}
		return noAnswer
	}
	switch v := Judge(resp, ended); {
	case v.Status == 0:
		return pending
	case !v.Failed():
		return success
	case v.Call != "" && !awaited(req):
		return nothing
	}
	return failure
}

// observe counts what came of a request. It locks only what fails, or succeeds
// after that.
func (r *Replica) observe(w *watch, came outcome) {
	switch came {
	case nothing, pending:
		return
	case success:
		if r.troubled.Load() {
			r.forgive()
		}
		return
	case failure, noAnswer:
	}
	r.pool.ejecting.Lock()
	defer r.pool.ejecting.Unlock()
	if r.out.Load()&outEjected != 0 {
		return // it was sent before
	}
	r.troubled.Store(true)
	e := r.ejections
	e.bad++
	e.silent++
	if came == failure {
		e.silent = 0
	}
	switch {
	case int(e.silent) >= w.rule.ConsecutiveFailures:
		r.eject(w, fmt.Sprintf("%d requests in a row without an answer", e.silent))
	case int(e.bad) >= w.rule.Consecutive5xx:
		r.eject(w, fmt.Sprintf("%d requests in a row failed or were answered 5xx", e.bad))
	}
}

// mine reports whether it may be the replica's doing that a request failed: it could be
// sent, over a connection that was not just ending in good order, the caller neither left
// nor was still sending to it, and the time that it gave is not over.
func (r *Replica) mine(req *http.Request, err error) bool {
	var unsendable interface{ Unsendable() bool }
	if errors.As(err, &unsendable) && unsendable.Unsendable() || Leaving(err) || !awaited(req) {
		return false
	}
	body, ok := req.Body.(interface{ Whole() bool })
	return !ok || body.Whole() || r.pool.options.ConnectFailed(err)
}

// awaited reports whether the caller is there and the time that it gave is not over.
func awaited(req *http.Request) bool {
	ctx := req.Context()
	if errors.Is(ctx.Err(), context.Canceled) {
		return false
	}
	limited, ok := ctx.(interface{ Late() bool })
	return !ok || !limited.Late()
}

// forgive forgets failures, because a request succeeded.
func (r *Replica) forgive() {
	r.pool.ejecting.Lock()
	defer r.pool.ejecting.Unlock()
	r.ejections.bad, r.ejections.silent = 0, 0
	r.troubled.Store(false)
}

// eject leaves the replica out for a while, unless half of the replicas are out
// for that already. pool.ejecting is held.
func (r *Replica) eject(w *watch, why string) {
	now, replicas, ejected := time.Now(), w.group.Replicas(), 1
	for _, other := range replicas {
		if other != r && other.out.Load()&outEjected != 0 && now.Before(other.ejections.until) {
			ejected++
		}
	}
	if 2*ejected > len(replicas) {
		return
	}
	e := r.ejections
	if now.Sub(e.until) > w.rule.MaxEjection {
		e.times = 0 // it has behaved for long
	}
	aside := min(w.rule.Ejection<<min(e.times, 16), w.rule.MaxEjection)
	e.times++
	e.bad, e.silent, e.why, e.until = 0, 0, why, now.Add(aside)
	r.troubled.Store(false)
	r.ejectedUntil.Store(r.health.clock() + int64(aside))
	r.out.Or(outEjected)
	r.pool.ejected.Add(1)
	r.pool.tell(Change{Kind: Ejected, Replica: r.label, Use: r.use, Reason: why, For: aside})
}

// readmit ends an ejection whose time is over.
func (r *Replica) readmit() {
	if r.out.Load()&outEjected != 0 && r.health.clock() >= r.ejectedUntil.Load() {
		r.out.And(^uint32(outEjected))
	}
}
