package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/certificates"
	"github.com/switchyard-gateway/switchyard/commitstatus"
	"github.com/switchyard-gateway/switchyard/console"
	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/telemetry"
	"github.com/switchyard-gateway/switchyard/gitsync"
)

// Run serves until ctx ends or something that it cannot do without fails, and
// returns when all it started has ended. An end that ctx asked for is no error.
func Run(ctx context.Context, o Options) error {
	p := &process{options: o, serves: newFirstRevision()}
	if err := p.open(ctx); err != nil {
		p.close()
		return err
	}
	return p.run(ctx)
}

// process is all that runs. Its fields, but the last, are set by open and stay as they are.
type process struct {
	options Options

	file   *record.File // nil when the log goes to Options.Stdout
	log    *record.Log
	logger zerolog.Logger
	sinks  sinks

	telemetry telemetry.Counts // of what sends traces and metrics, where something does

	listen  net.Listener // of the public server
	serves  firstRevision
	admin   net.Listener
	metrics net.Listener // nil: there is none

	certificates      *certificates.Store // of the public listener; nil if it speaks plain HTTP
	adminCertificates *certificates.Store // likewise of the admin listener

	pool     *deployments.Pool
	recent   *recent.Ring     // nil if no records are kept in memory
	series   *series.Store    // nil without a console
	console  *console.Console // nil: there is none
	tokens   *token.Verifier  // nil: nobody's are trusted
	limits   *shared.Limiter  // nil: rates are this process's own
	gateway  *gateway.Gateway
	registry *prometheus.Registry
	follower *gitsync.Follower
	webhook  *hook                  // nil without secrets
	statuses *commitstatus.Reporter // nil if no forge is told

	live    *live
	lives   context.Context // of all live requests
	cutOff  context.CancelCauseFunc
	public  *front.Server
	private *http.Server
	watched *http.Server // of the metrics listener

	graceEnds time.Time // set by shutdown; zero: it is over
}

// run runs everything until ctx ends or a part fails, and then takes it down.
// The log and the sinks outlive all that writes to them, for as long as flushTime says.
func (p *process) run(ctx context.Context) error {
	logContext, endLog := context.WithCancel(context.WithoutCancel(ctx))
	var writers errgroup.Group
	writers.Go(func() error { return p.log.Run(logContext) })
	for _, s := range p.sinks.all {
		writers.Go(func() error { return p.runSink(logContext, s) })
	}
	p.runTelemetry(logContext, &writers, p.registry)
	at := p.addresses()
	p.logger.Info().Str(record.FieldEvent, eventStart).
		Str(fieldListen, at.Listen).Str(fieldAdmin, at.Admin).Str(fieldMetrics, at.Metrics).Bool(fieldTLS, p.certificates != nil).
		Str(fieldRepository, p.follower.Status().Repository).Str(fieldBranch, p.options.Repository.Branch).
		Str(fieldVersion, p.options.Version).Msg("listening; endpoints serve as soon as a revision is read")

	if p.options.Started != nil {
		p.options.Started(at)
	}
	err := p.runParts(ctx)

	level := zerolog.InfoLevel
	if err != nil {
		level = zerolog.ErrorLevel
	}
	p.logger.WithLevel(level).Str(record.FieldEvent, eventStop).Err(err).
		Int64(fieldLost, p.log.Lost().Total()).Msg("stopped")
	endLog()
	err = errors.Join(err, writers.Wait(), p.sinks.close())
	if p.file != nil {
		err = errors.Join(err, p.file.Close())
	}
	return err
}

func (p *process) addresses() Addresses {
	all := Addresses{Listen: p.listen.Addr().String(), Admin: p.admin.Addr().String()}
	if p.metrics != nil {
		all.Metrics = p.metrics.Addr().String()
	}
	return all
}

// runParts runs the servers and the follower. The first that fails takes the
// others down in the same order as a signal does.
func (p *process) runParts(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return served("public", p.servePublic(ctx)) })
	parts.Go(func() error { return served("admin", p.serveAdmin()) })
	parts.Go(func() error { return p.serveMetrics() })
	parts.Go(func() error { return followed(p.follower.Run(ctx)) })
	parts.Go(func() error { return p.pool.Run(ctx) })
	parts.Go(func() error { return p.hangups(ctx) })
	parts.Go(func() error { return watchCertificates(ctx, p.certificates) })
	parts.Go(func() error { return watchCertificates(ctx, p.adminCertificates) })
	parts.Go(func() error { return p.webhook.run(ctx) })
	parts.Go(func() error { return p.readTokenKeys(ctx) })
	parts.Go(func() error { return p.runSharedLimits(ctx) })
	parts.Go(func() error { return p.runConsole(ctx) })
	parts.Go(func() error { return p.tellStatuses(ctx) })
	parts.Go(func() error {
		<-ctx.Done()
		p.shutdown() //nolint:contextcheck // it begins when the context ends
		return nil
	})
	return parts.Wait()
}

// serveMetrics serves the metrics listener, if there is one, until it is closed.
func (p *process) serveMetrics() error {
	if p.metrics == nil {
		return nil
	}
	return served("metrics", p.watched.Serve(p.metrics))
}

// served is why a server ended; being shut down is no error.
func served(name string, err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("%s listener: %w", name, err)
}

// followed is why the follower ended; being told to is no error.
func followed(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("follow the repository: %w", err)
}

// hangups syncs, opens the log file anew and looks at the certificates whenever
// it is asked to.
func (p *process) hangups(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.options.Hangup:
		}
		if p.file != nil {
			if err := p.file.Reopen(); err != nil {
				p.logger.Error().Str(record.FieldEvent, eventLog).Err(err).Msg("the log file could not be opened anew")
			}
		}
		if err := p.sinks.reopen(); err != nil {
			p.logger.Error().Str(record.FieldEvent, eventLog).Err(err).Msg("the file of a sink could not be opened anew")
		}
		for _, store := range []*certificates.Store{p.certificates, p.adminCertificates} {
			if store != nil {
				store.Reload()
			}
		}
		_ = p.follower.Sync(ctx) // how it went, the follower logs
	}
}
