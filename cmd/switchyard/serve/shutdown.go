package serve

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// shutdown takes the process down in the order that loses least: readiness off,
// a delay for those who watch it, live requests ended, copies ended. Copies and
// requests share one deadline, so that the process ends when it was told to.
func (p *process) shutdown() {
	ctx, cancel := p.untilAborted()
	defer cancel()

	p.gateway.Stop()
	p.logger.Info().Str(record.FieldEvent, eventStop).Msg("stopping: not ready any more")
	pause(ctx, p.options.ShutdownDelay)

	ctx, cancel = context.WithTimeout(ctx, p.options.GracePeriod)
	defer cancel()
	p.endLive(ctx)
	if err := p.gateway.Drain(ctx); err != nil {
		p.logger.Warn().Str(record.FieldEvent, eventStop).Str(fieldReason, reason(ctx)).
			Msg("copies were dropped; their records say so")
	}
	p.pool.Close()
	_ = p.private.Close()
	_ = p.watched.Close()
	if ends, ok := ctx.Deadline(); ok && ctx.Err() == nil {
		p.graceEnds = ends
	}
}

// afterGrace is Options.AfterGrace where nobody says: the process has to be gone a second
// after the grace period.
const afterGrace = 900 * time.Millisecond

// flushMost is how long the log, sinks and collectors have at most for what is left when
// all else has ended, unless they have to have more.
const flushMost = 2 * time.Second

// flushTime is how long they have: what is left of the grace period, and the most of what
// is after it. It is asked after shutdown only.
func (p *process) flushTime() time.Duration {
	least := p.afterGrace() - p.settleTime()
	return min(least+max(time.Until(p.graceEnds), 0), max(least, flushMost))
}

// settleTime is how long requests that were cut off have to write their records.
func (p *process) settleTime() time.Duration { return p.afterGrace() / 3 }

func (p *process) afterGrace() time.Duration { return cmp.Or(p.options.AfterGrace, afterGrace) }

// endLive lets live requests end, upgraded connections among them, until ctx
// ends, and then cuts the rest off.
func (p *process) endLive(ctx context.Context) {
	defer p.cutOff(forward.ErrShutdown)
	err := p.public.Shutdown(ctx)
	if err == nil {
		err = p.live.ended(ctx)
	}
	if err == nil {
		return
	}
	p.logger.Warn().Str(record.FieldEvent, eventStop).Str(fieldReason, reason(ctx)).
		Int64(fieldRequests, p.live.open.Load()).Msg("live requests were cut off")
	p.cutOff(forward.ErrShutdown)
	_ = p.public.Close()
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.settleTime())
	defer cancel()
	_ = p.live.ended(settling)
}

// errAborted is the cause of a context that somebody in a hurry ended.
var errAborted = errors.New("told to end at once")

// untilAborted gives a context that ends when Options.Abort is closed.
func (p *process) untilAborted() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-p.options.Abort:
			cancel(errAborted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(context.Canceled)
		<-watched
	}
}

func reason(ctx context.Context) string {
	if errors.Is(context.Cause(ctx), errAborted) {
		return errAborted.Error()
	}
	return "the grace period is over"
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
