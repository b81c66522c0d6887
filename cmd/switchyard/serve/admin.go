package serve

import (
	"context"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gitsync"
)

// adminOptions joins the admin listener to the follower.
func (p *process) adminOptions(gatherer prometheus.Gatherer) gateway.AdminOptions {
	o := gateway.AdminOptions{
		Gatherer: gatherer,
		Status:   func() any { return newSyncStatus(p.follower.Status(), p.gateway.Applied(), p.webhook.deliveries()) },
		Refused:  func() *gateway.Refusal { return refusal(p.follower.Status().Rejected) },
		Version:  p.options.Version,
		Tokens:   p.options.AdminTokens,
		Local:    p.options.AdminTokens == nil && !p.certified(),

		Sync: func(ctx context.Context) error { return answered(p.follower.Sync(ctx)) },
		Accept: func(ctx context.Context, commit string) error {
			return answered(p.follower.Accept(ctx, commit))
		},
		Pin:   func(ctx context.Context, which string) error { return answered(p.follower.Pin(ctx, which)) },
		Unpin: func(ctx context.Context) error { return answered(p.follower.Unpin(ctx)) },
		Revisions: func(ctx context.Context) (any, error) {
			list, err := p.follower.Revisions(ctx)
			return NewRevisions(list), answered(err)
		},
	}
	if p.recent != nil {
		o.Records = p.recent
	}
	o.Console = p.consoleHandler()
	return o
}

// statusCodes are the HTTP statuses for what can become of a call. What is not
// here is the repository's failure.
var statusCodes = []struct {
	err    error
	status int
}{
	{gitsync.ErrCommitName, http.StatusBadRequest},
	{gitsync.ErrNotKept, http.StatusNotFound},
	{gitsync.ErrAmbiguous, http.StatusConflict},
	{gitsync.ErrNoState, http.StatusConflict},
	{gitsync.ErrNotNewest, http.StatusConflict},
	{gitsync.ErrPinned, http.StatusConflict},
	{gitsync.ErrUnrecorded, http.StatusInternalServerError},
	{gitsync.ErrStopped, http.StatusServiceUnavailable},
}

// answered is an error with the HTTP status that tells of it.
func answered(err error) error {
	if err == nil {
		return nil
	}
	for _, s := range statusCodes {
		if errors.Is(err, s.err) {
			return &gateway.StatusError{Status: s.status, Err: err}
		}
	}
	_, held := errors.AsType[*gitsync.HeldError](err)
	_, rejected := errors.AsType[*gitsync.RejectedError](err)
	if held || rejected {
		return &gateway.StatusError{Status: http.StatusConflict, Err: err}
	}
	return err
}
