package serve

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
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

// process is all that runs. Its fields are set by open and stay as they are.
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
}

// open does all that can fail, before anything runs.
func (p *process) open(ctx context.Context) error {
	if err := p.openLog(); err != nil {
		return err
	}
	if err := p.openListeners(ctx); err != nil {
		return err
	}
	if err := p.makeStatuses(); err != nil {
		return err
	}
	p.makeWebhook()
	if err := p.openSinks(ctx); err != nil {
		return err
	}
	if err := p.makeTokens(); err != nil {
		return err
	}
	if err := p.makeSharedLimits(); err != nil {
		return err
	}
	if err := p.makeTelemetry(ctx); err != nil {
		return err
	}
	p.makeGateway()
	if err := p.makeFollower(); err != nil {
		return err
	}
	p.makeServers()
	return nil
}

func (p *process) openLog() error {
	o := p.options.Records
	o.Writer = p.options.Stdout
	if p.options.LogFile != nil {
		file, err := record.OpenFile(*p.options.LogFile)
		if err != nil {
			return err
		}
		p.file, o.Writer = file, file
	}
	p.log = record.NewLog(o)
	p.logger = newLogger(p.log, p.options.LogLevel)
	return nil
}

func (p *process) makeGateway() {
	connections := p.options.Pool
	if p.options.OwnUpstream && connections.Transport == nil {
		connections.Transport = gateway.OwnTransport
	}
	forwarding, mirroring := p.options.Forward, p.options.Mirror
	forwarding.ErrorLog = p.errorLog()
	mirroring.Panicked = func(value any, stack []byte) {
		p.logger.Error().Interface("panic", value).Bytes("stack", stack).Msg("a copy ran into a bug")
	}
	connections.Changed = gateway.LogChanges(p.logger)
	p.pool = deployments.NewPool(connections)
	p.gateway = gateway.New(gateway.Options{
		Pool:    p.pool,
		Secrets: p.options.Secrets,
		Forward: forwarding,
		Mirror:  mirroring,
		Pair:    p.options.Pair,
		Records: p.log,
		Logger:  p.logger,

		CaptureBudget: p.options.CaptureBudget,
		Access:        p.options.Access,
		Tokens:        p.tokens,
		Shared:        p.limits,
		Webhook:       p.webhook.handler(),

		Overload:  p.options.overload(),
		Observers: p.observers(),
		Traces:    p.telemetry.Traces,
	})
}

// observers are who looks at records besides the log.
func (p *process) observers() []func(*record.Record) {
	all := p.sinks.observers()
	if p.options.Recent != nil {
		p.recent = recent.New(*p.options.Recent)
		all = append(all, p.recent.Observe)
	}
	if p.series = newSeries(p.options.Console); p.series != nil {
		all = append(all, p.series.Add)
	}
	return all
}

func (p *process) makeServers() {
	registry := prometheus.NewRegistry()
	p.registry = registry
	p.webhook.register(registry)
	if p.statuses != nil {
		registry.MustRegister(p.statuses.Collector())
	}
	if p.tokens != nil {
		registry.MustRegister(p.tokens)
	}
	if p.limits != nil {
		registry.MustRegister(p.limits)
	}
	if p.certificates != nil {
		registry.MustRegister(p.certificates.Collector())
	}
	registry.MustRegister(&p.sinks, p.telemetry, p.gateway.Collector(), syncMetrics{status: p.follower.Status, applied: p.gateway.Applied},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.live = &live{handler: p.gateway}
	p.lives, p.cutOff = context.WithCancelCause(context.Background())
	p.public = p.newPublic()
	registry.MustRegister(connectionMetrics{p.public.Connections})
	p.private = p.newPrivate(p.gateway.Admin(p.adminOptions(registry)))
	p.watched = p.newPrivate(p.gateway.Metrics(registry))
}

// newPrivate makes a server for those who run the gateway.
func (p *process) newPrivate(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: p.options.ReadHeaderTimeout,
		IdleTimeout:       p.options.IdleTimeout,
		ErrorLog:          p.errorLog(),
	}
}

// errorLog is where net/http tells what it can tell nobody else.
func (p *process) errorLog() *log.Logger {
	return log.New(p.logger.With().Str(zerolog.LevelFieldName, zerolog.LevelWarnValue).Logger(), "", 0)
}

// close lets go of what open has opened, for when nothing will run.
func (p *process) close() {
	for _, l := range []net.Listener{p.listen, p.admin, p.metrics} {
		if l != nil {
			_ = l.Close()
		}
	}
	if p.file != nil {
		_ = p.file.Close()
	}
	_ = p.sinks.close()
}

// run runs everything until ctx ends or a part fails, and then takes it down.
// The log and the sinks outlive all that writes to them.
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
				p.logger.Error().Err(err).Msg("the log file could not be opened anew")
			}
		}
		if err := p.sinks.reopen(); err != nil {
			p.logger.Error().Err(err).Msg("the file of a sink could not be opened anew")
		}
		for _, store := range []*certificates.Store{p.certificates, p.adminCertificates} {
			if store != nil {
				store.Reload()
			}
		}
		_ = p.follower.Sync(ctx) // how it went, the follower logs
	}
}
