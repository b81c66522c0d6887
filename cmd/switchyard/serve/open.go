package serve

import (
	"context"
	"log"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

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
	o.Writer, o.Grace = p.options.Stdout, p.flushTime
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
	connections.Changed, connections.MirrorConns = gateway.LogChanges(p.logger), mirroring.Workers
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
		JSON:      p.options.JSON,
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
