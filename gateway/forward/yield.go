package forward

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

// Failed is an attempt that has failed and of which the caller knows nothing yet.
type Failed struct {
	Result  *Result
	Replica *deployments.Replica // that was called last; nil: none was
	// Status is what the deployment's answer counts as, 0 without one; see deployments.Verdict.
	Status int
	// Pushback tells that a server of gRPC has said when the call may be made again: after
	// that time, or not at all if After is negative (gRFC A6).
	Pushback bool
	After    time.Duration
	// Unsent tells that no replica can have processed the request.
	Unsent bool
	// Unread tells that the caller's body cannot be read by another attempt, though the
	// caller may be answered: it is still coming, or the attempt's time was over first.
	Unread bool
}

// yields leaves a failure that is the deployment's to another attempt, if there is
// to be one: then nothing is written, and the caller's body stays as it is. told is what
// else is known of it.
func (t *attempt) yields(f Failure, told Failed) bool {
	if t.spec.Yield == nil || t.result.Committed || !theirs(f.Kind) {
		return false
	}
	before := t.result
	t.result.fail(f)
	t.result.Took = time.Since(t.started)
	if f.Kind == record.Status {
		t.result.Err = f.Err // the deployment answered
	}
	told.Result, told.Replica = &t.result, t.replica
	if !t.sent.handOver(t.timedOut(), func(unread bool) bool {
		told.Unread = unread
		return t.spec.Yield(told)
	}) {
		t.result = before
		return false
	}
	t.result.Yielded = true
	return true
}

// yieldsAnswer is yields for an answer whose head says that it is none.
func (t *attempt) yieldsAnswer(res *http.Response) bool {
	if t.spec.Yield == nil {
		return false
	}
	v := deployments.Judge(res, false)
	if !v.Failed() {
		return false
	}
	told := Failed{Status: v.Status}
	if v.Call != "" {
		told.After, told.Pushback = pushback(res.Header)
	}
	return t.yields(Failure{Status: res.StatusCode, Kind: record.Status, Err: v.Err()}, told)
}

// theirs reports whether a failure is one of the deployment, or of what stands
// between it and the gateway.
func theirs(kind record.ErrorKind) bool {
	switch kind {
	case record.Connect, record.Timeout, record.Reset, record.Protocol, record.Status,
		record.QueueFull, record.QueueTimeout, record.BreakerOpen:
		return true
	default:
		return false
	}
}

// unsent reports whether an error tells that no replica can have processed the request.
func unsent(err error) bool {
	var own *upstream.Error
	var open *deployments.BreakerOpenError
	switch {
	case errors.As(err, &own):
		return !own.Sent && own.Kind != upstream.KindRequest
	case errors.As(err, &open), errors.Is(err, deployments.ErrQueueFull), errors.Is(err, deployments.ErrQueueTimeout),
		errors.Is(err, deployments.ErrNoReplica):
		return true
	}
	return deployments.Unprocessed(err) && !errors.Is(err, context.Canceled)
}

// handOver takes the body back from the transport if agree says so, and reports
// whether that is done. agree is told whether nobody else can read the body: somebody
// reads it at the moment, or was stopped in that because the time was over or the
// transport had given up. A body whose
// reading has failed by itself stays where it is.
func (b *body) handOver(late bool, agree func(unread bool) bool) bool {
	if b == nil {
		return agree(false)
	}
	if !b.mu.TryLock() {
		return agree(true) && b.retire(time.Now().Add(shortLinger))
	}
	defer b.mu.Unlock()
	unread := b.cut || late && !b.whole.Load()
	if b.err != nil && !unread || !agree(unread) {
		return false
	}
	b.retired = true
	return true
}
