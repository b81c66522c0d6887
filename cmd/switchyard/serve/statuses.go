package serve

import (
	"context"
	"errors"
	"fmt"

	"github.com/switchyard-gateway/switchyard/commitstatus"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/schema"
)

func (p *process) makeStatuses() error {
	if p.options.CommitStatus == nil {
		return nil
	}
	o := *p.options.CommitStatus
	o.Logger = p.logger
	reporter, err := commitstatus.New(o)
	if err != nil {
		return fmt.Errorf("commit status: %w", err)
	}
	p.statuses = reporter
	return nil
}

// tellStatuses tells the forge until ctx ends.
func (p *process) tellStatuses(ctx context.Context) error {
	if p.statuses != nil {
		p.statuses.Run(ctx)
	}
	return nil
}

// take is what a follower offers revisions to.
type take func(context.Context, *gitsync.Revision) error

// reported tells the forge what becomes of each revision that is offered. It
// notes that and waits for nobody.
func (p *process) reported(next take) take {
	if p.statuses == nil {
		return next
	}
	return func(ctx context.Context, rev *gitsync.Revision) error {
		status := commitstatus.Status{Commit: rev.Commit(), State: commitstatus.Pending, Description: "being checked"}
		p.statuses.Report(status)
		err := next(ctx, rev)
		if err != nil {
			status.State, status.Description = commitstatus.Failure, firstProblem(err)
		} else {
			status.State, status.Description = commitstatus.Success, liveText(p.gateway.Current().Len())
		}
		p.statuses.Report(status)
		return err
	}
}

// checked is reported for what a pin holds back: it stays pending if it is good.
func (p *process) checked(next take) take {
	if p.statuses == nil {
		return next
	}
	return func(ctx context.Context, rev *gitsync.Revision) error {
		status := commitstatus.Status{Commit: rev.Commit(), State: commitstatus.Pending, Description: "checked; not live because another revision is pinned"}
		err := next(ctx, rev)
		if err != nil {
			status.State, status.Description = commitstatus.Failure, firstProblem(err)
		}
		p.statuses.Report(status)
		return err
	}
}

// reportUnoffered reports what was never offered: what is held until somebody
// accepts it, and what was refused for its signature.
func (p *process) reportUnoffered(s gitsync.Status) {
	if p.statuses == nil {
		return
	}
	status := commitstatus.Status{State: commitstatus.Failure}
	switch {
	case s.Held != nil && s.Held.Commit != "":
		status.Commit, status.Description = s.Held.Commit, heldText(s.Held)
	case s.Rejected != nil && untrusted(s.Rejected.Err):
		status.Commit, status.Description = s.Rejected.Revision.Commit(), s.Rejected.Err.Error()
	default:
		return
	}
	p.statuses.Report(status)
}

func heldText(h *gitsync.Held) string {
	if h.Reason == gitsync.HeldVanished {
		return fmt.Sprintf("held, not live: %d of %d endpoints would vanish; see /status of the gateway", len(h.Vanished), h.Of)
	}
	return "held, not live: there are no endpoints in it; see /status of the gateway"
}

func liveText(endpoints int) string {
	if endpoints == 1 {
		return "live: 1 endpoint"
	}
	return fmt.Sprintf("live: %d endpoints", endpoints)
}

// firstProblem is what is wrong with a revision, as one line.
func firstProblem(err error) string {
	problems, ok := errors.AsType[schema.Diagnostics](err)
	switch {
	case !ok:
		return err.Error()
	case len(problems) == 1:
		return problems[0].String()
	}
	return fmt.Sprintf("%d problems; %s", len(problems), problems[0])
}
