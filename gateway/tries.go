package gateway

import (
	"bytes"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

// tries are the attempts of one request whose backend has retries or whose endpoint
// has a fallback. Each attempt is a whole one, with a record of its own. The first
// whose answer begins is the last: of an answer that has begun the caller knows.
//
// The rules that keep it from doing harm: what may have been processed is only sent
// again if its method is safe or its version idempotent; a body that was not kept, or is
// still being read, is never sent again; retries stay with the backend and within its budget; a fallback
// is called once and leaves the assignment as it is.
type tries struct {
	q      *request
	header http.Header     // the caller's, as it came: an attempt makes its own of it
	replay *forward.Replay // nil: there is no body, or it is in memory
	first  time.Time       // when the first attempt began

	number int                    // of this attempt, from 1
	own    int                    // the same among those of its backend
	pause  time.Duration          // before the next of those
	tried  []*deployments.Replica // of this backend
	next   step
}

// step is what comes after an attempt that has failed.
type step int

const (
	answer   step = iota // its failure is the answer
	again                // another attempt at the same backend
	fallBack             // one at the fallback
)

// persevere makes attempts until one is to be answered for.
func (q *request) persevere() forward.Result {
	t := &tries{q: q, header: maps.Clone(q.r.Header), first: q.tried}
	if q.r.ContentLength != 0 && q.read == nil {
		t.replay = q.e.gateway.live.NewReplay(q.live())
		defer t.replay.Free()
	}
	for {
		t.number++
		t.own++
		if q.number = t.number; t.number == 1 {
			q.number = 0 // it may be the only one
		}
		result := t.attempt()
		if !result.Yielded {
			return result
		}
		t.leave(&result)
		if t.next == fallBack {
			t.switchOver()
		} else {
			t.wait()
		}
		q.started = time.Now()
		q.tried = q.started
	}
}

// attempt makes one.
func (t *tries) attempt() forward.Result {
	q := t.q
	if q.backend.group == nil {
		return t.static()
	}
	if t.number > 1 {
		q.r.Header = maps.Clone(t.header)
	}
	if t.own == 1 {
		q.backend.group.CountRequest()
		if refused := t.edit(); refused != nil {
			return forward.Refuse(q.w, q.r, q.id, *refused)
		}
	}
	a := q.spec()
	a.Yield, a.Tried = t.yield, t.tried
	if t.replay != nil {
		a.Answering = func(bool) { t.replay.Forget() }
	}
	if q.edited == nil {
		a.Body = t.body()
	}
	t.deduct(&a)
	return q.e.gateway.live.Serve(q.w, q.r, a)
}

// edit has the body changed for a fallback: what the assigned backend gets is not what
// its own version says.
func (t *tries) edit() (refused *forward.Failure) {
	if t.number > 1 {
		t.q.edited, refused = t.q.edit()
	}
	return refused
}

// static answers with the fallback's own value. What failed attempts have left of the
// body is read first where that is little and there; else the connection is not used
// again, for what follows on it might be taken for a request.
func (t *tries) static() forward.Result {
	q := t.q
	if t.replay == nil || t.finishBody() || q.r.ProtoMajor != 1 {
		return q.static()
	}
	q.w.Header()["Connection"] = []string{"close"}
	result := q.static()
	q.e.gateway.live.Linger(q.w, q.live())
	return result
}

const (
	mostRest     = 64 << 10
	restPatience = 100 * time.Millisecond
	copyPatience = 5 * time.Second
)

// finishBody reads the rest of the body, and reports whether it has come to its end.
func (t *tries) finishBody() bool {
	t.replay.Free() // nobody reads it from its beginning any more
	// The server sets the deadline anew for the next request.
	control := http.NewResponseController(t.q.w)
	_ = control.SetReadDeadline(time.Now().Add(restPatience))
	_, err := io.CopyN(io.Discard, t.replay, mostRest)
	_ = control.SetReadDeadline(time.Now().Add(copyPatience)) // copies want the body all the same
	return err == io.EOF                                      //nolint:errorlint // io.CopyN's contract
}

// deduct takes what earlier attempts have spent from the time that is given to all
// of them together.
func (t *tries) deduct(a *forward.Attempt) {
	spent := t.q.tried.Sub(t.first)
	for _, d := range []*time.Duration{&a.Timeout.Plain, &a.Timeout.Total} {
		if *d > 0 {
			*d = max(*d-spent, time.Millisecond)
		}
	}
}

// body is the caller's body from its beginning, nil if there is none.
func (t *tries) body() io.Reader {
	switch {
	case t.replay != nil:
		t.replay.Rewind() // where it cannot, nothing has been read, or yield has refused
		return t.replay
	case t.q.read != nil:
		return bytes.NewReader(t.q.read)
	}
	return nil
}

// leave records an attempt in whose place another one comes.
func (t *tries) leave(result *forward.Result) {
	q := t.q
	q.number = t.number
	q.superseded = true
	q.write(result)
	q.superseded = false
}

// yield says whether there is to be another attempt after one that has failed; a
// forward.Attempt asks.
func (t *tries) yield(f forward.Failed) bool {
	t.next = answer
	cause := causeOf(f)
	whole := !f.Unread && (t.replay == nil || t.replay.Whole())
	if f.Replica != nil {
		t.tried = append(t.tried, f.Replica)
	}
	switch {
	case whole && t.mayRepeat(cause, f):
		t.next = again
	case t.mayFallBack(cause, f.Unsent, whole):
		t.next = fallBack
	}
	return t.next != answer
}

// mayRepeat reports whether the same backend may be tried again, and takes that from
// its budget.
func (t *tries) mayRepeat(cause schema.Failures, f forward.Failed) bool {
	b := t.q.backend
	r := b.Deployment.Serving.Limits.Retries
	if r == nil || t.own >= r.Attempts || !r.On.Has(cause) || !f.Unsent && !t.repeatable() {
		return false
	}
	most := t.backoff(r, t.own)
	t.pause = most/2 + rand.N(most/2+1)
	if f.Pushback {
		t.pause, most = f.After, f.After
		if f.After < 0 || f.After > t.backoff(r, math.MaxInt) {
			return false
		}
	}
	return t.inTime(b, most) && !b.group.Refusing() && b.group.TryRetry()
}

// mayFallBack reports whether the endpoint's fallback may answer. whole tells that it
// could read all of the body.
func (t *tries) mayFallBack(cause schema.Failures, unsent, whole bool) bool {
	q := t.q
	if q.e.Fallback == nil || !q.e.Fallback.On.Has(cause) || q.fallbackFrom != "" {
		return false
	}
	to := &q.e.backends[q.e.Fallback.Backend]
	switch {
	case to == q.backend:
		return false
	case to.group == nil:
		return true // nothing is sent to it
	case !whole:
		return false
	case !allows(to.Deployment.Methods, q.r.Method):
		return false
	}
	if to.edit != nil && t.replay != nil {
		return false // it changes bodies, of which a part may be gone
	}
	return (unsent || t.repeatable()) && t.inTime(to, 0)
}

// repeatable reports whether a request may be sent again that may have been
// processed.
func (t *tries) repeatable() bool {
	switch t.q.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return t.q.backend.Deployment.Serving.Limits.Idempotent
}

// inTime reports whether there is time left for another attempt after a wait.
func (t *tries) inTime(b *backend, wait time.Duration) bool {
	spent := time.Since(t.first) + wait
	for _, limit := range []time.Duration{b.timeout.Total, b.timeout.Plain} {
		if limit > 0 && spent >= limit {
			return false
		}
	}
	return t.q.deadline.IsZero() || time.Until(t.q.deadline) > wait
}

// causeOf is the way in which an attempt has failed, 0 if it has no name.
func causeOf(f forward.Failed) schema.Failures {
	switch f.Result.Kind {
	case record.Connect:
		return schema.OnConnect
	case record.Reset, record.Protocol:
		if f.Unsent { // to refuse a request unprocessed is as good as not to be there
			return schema.OnConnect | schema.OnReset
		}
		return schema.OnReset
	case record.Timeout:
		return schema.OnTimeout
	case record.QueueFull:
		return schema.OnQueueFull
	case record.QueueTimeout:
		return schema.OnQueueTimeout
	case record.BreakerOpen:
		return schema.OnBreakerOpen
	case record.Status:
		return statusCause(f.Status)
	default:
		return 0
	}
}

func statusCause(status int) schema.Failures {
	switch status {
	case http.StatusBadGateway:
		return schema.On502
	case http.StatusServiceUnavailable:
		return schema.On503
	case http.StatusGatewayTimeout:
		return schema.On504
	}
	return 0
}

// backoff is the most that is waited after so many attempts.
func (t *tries) backoff(r *schema.Retries, attempts int) time.Duration {
	return r.Backoff << min(attempts-1, 9)
}

// wait waits before another attempt, for a half to the whole of the backoff or as the
// deployment has said, as long as the caller does.
func (t *tries) wait() {
	timer := time.NewTimer(t.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.q.r.Context().Done():
	}
}

// switchOver makes the fallback the backend of the request.
func (t *tries) switchOver() {
	q := t.q
	q.fallbackFrom = q.backend.Name
	q.backend.series.inFlight.Add(-1)
	q.backend = &q.e.backends[q.e.Fallback.Backend]
	q.backend.series.inFlight.Add(1)
	q.w.Header()[headerBackend] = q.backend.header
	t.own, t.tried = 0, nil
}
