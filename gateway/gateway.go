package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/capture"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/gateway/telemetry"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Options is what a gateway is made of.
type Options struct {
	Pool     *deployments.Pool
	Secrets  deployments.Secrets
	Forward  forward.Options
	Mirror   mirror.Options // Done and Panicked are the gateway's own
	Pair     pair.Options   // likewise
	Overload Overload       // what it takes upon itself, all endpoints together
	JSON     JSON           // the bodies that it reads as a whole
	Records  *record.Log
	// Observers are told of each record besides the log, in its goroutine, which may
	// be that of a live request: they must not block, and must not keep the record.
	Observers []func(*record.Record)
	// Traces keeps spans of requests, attempts and copies; nil: nobody does.
	Traces *telemetry.Traces
	// CaptureBudget is the memory for captured bodies that are not written yet, in
	// bytes; DefaultCaptureBudget when 0.
	CaptureBudget int64
	Logger        zerolog.Logger // the life of the process: swap, reject
	Access        schema.Access  // what endpoints that do not say ask of callers; empty: a key as soon as one is declared
	// Tokens verifies tokens that callers show in place of API keys; nil: there are none.
	Tokens *token.Verifier
	// Shared keeps the rates of keys and endpoints for several gateways together; nil: each
	// keeps them for itself.
	Shared  *shared.Limiter
	Webhook http.Handler // serves WebhookPath, also before the first revision does; nil: nothing does
}

// Gateway serves the current snapshot. Its methods are safe for concurrent use.
type Gateway struct {
	pool    *deployments.Pool
	live    *forward.Forwarder
	mirrors *mirror.Engine
	pairs   *pair.Matcher
	records *record.Log
	observe []func(*record.Record)
	traces  *telemetry.Traces // nil: no spans are kept
	logger  zerolog.Logger

	whole    *wholeBodies
	bodies   *tap.Budget
	captures *capture.Writer

	metrics  *metrics
	overload *overload // nil: there is no limit
	access   schema.Access
	tokens   *token.Verifier // nil: there are none
	refusals *refusals
	shared   *shared.Limiter // nil: there is none
	meters   access.Meters
	webhook  http.Handler
	mux      *chi.Mux

	current atomic.Pointer[Snapshot]
	stopped atomic.Bool

	mu      sync.Mutex // guards loaders, bound and told: one revision at a time
	loaders loaders
	bound   []*endpoint             // since the last swap, whether they serve or not
	told    map[string]string       // what commits were refused for since the last swap
	applied atomic.Pointer[Applied] // nil before the first

	watches watches
}

// New makes a gateway that serves no snapshot yet: it answers 503.
func New(o Options) *Gateway {
	g := &Gateway{
		pool:    o.Pool,
		loaders: newLoaders(o.Secrets),
		live:    forward.New(o.Forward),
		records: o.Records,
		observe: o.Observers,
		traces:  o.Traces,
		logger:  o.Logger,
		access:  o.Access,
		tokens:  o.Tokens,
		shared:  o.Shared,
		webhook: o.Webhook,
		mux:     newMux(),
		whole:   newWholeBodies(o.JSON),
		told:    map[string]string{},
		bodies:  tap.NewBudget(cmp.Or(o.CaptureBudget, DefaultCaptureBudget)),
	}
	g.captures = capture.NewWriter(capture.Options{Done: g.write})
	g.metrics = newMetrics(g)
	g.overload = newOverload(o.Overload)
	g.refusals = newRefusals()
	o.Mirror.Done, o.Mirror.Panicked = g.copyDone, g.panicked
	g.mirrors = mirror.NewEngine(o.Mirror)
	o.Pair.Done, o.Pair.Panicked = g.pairDone, g.panicked
	g.pairs = pair.NewMatcher(o.Pair)
	return g
}

// Collector gives the gateway's metrics for registration.
func (g *Gateway) Collector() prometheus.Collector { return g.metrics }

// ServeHTTP serves the request by the snapshot that is current when it arrives.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.webhook != nil && r.URL.Path == WebhookPath {
		g.serveWebhook(w, r)
		return
	}
	s := g.current.Load()
	if s == nil {
		w.Header().Set("Retry-After", "1")
		forward.WriteError(w, r, http.StatusServiceUnavailable,
			"no revision serves yet: the repository was not read or its first revision was refused", forward.RequestID(r))
		return
	}
	g.route(s, w, r)
}

// Apply compiles a revision and swaps it in. If anything is wrong with it, the
// current snapshot stays, and the refusal is counted and, if it is another than
// before, logged; the error is the schema.Diagnostics.
func (g *Gateway) Apply(rev schema.Revision) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	began := time.Now()
	s, err := g.compile(rev)
	if err != nil {
		g.refuse(rev, err)
		return err
	}
	swapping := time.Now()
	g.swap(s)
	g.account(Phases{Parse: s.parsed.Sub(began), Compile: swapping.Sub(s.parsed), Swap: time.Since(swapping)})
	g.logger.Info().Str(record.FieldEvent, eventSwap).Str(record.FieldCommit, s.Commit()).Str(record.FieldBranch, s.branch).
		Int(fieldEndpoints, s.Len()).Dur(record.FieldDuration, time.Since(began)).Msg("revision serves")
	return nil
}

// Swap makes a snapshot current. Requests in flight end under the snapshot they
// began with; what only the former one used is let go when they have.
func (g *Gateway) Swap(s *Snapshot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.swap(s)
}

func (g *Gateway) swap(s *Snapshot) {
	before := g.current.Swap(s)
	g.loaders.keep()
	clear(g.told)
	g.metrics.swaps.Inc()
	g.release(before, s)
	g.warnInsecure(s)
	g.meters.Retain(time.Now(), s.limits())
}

func (g *Gateway) refuse(rev schema.Revision, err error) {
	g.metrics.rejects.Inc()
	commit := rev.Trees[rev.Branch].Commit
	if g.said(commit, err.Error()) {
		return
	}
	problems, found := zerolog.Arr(), schema.Diagnostics(nil)
	if errors.As(err, &found) {
		for _, d := range found {
			problems.Str(d.String())
		}
	}
	g.logger.Error().Str(record.FieldEvent, eventReject).Str(record.FieldCommit, commit).Str(record.FieldBranch, rev.Branch).
		Int(fieldProblems, len(found)).Array(fieldDiagnostics, problems).
		Msg("revision refused; the last good one goes on serving")
}

// mostTold bounds of how many commits is known what was logged of them.
const mostTold = 100

// said tells whether the log has this of a commit since the last swap, and notes
// that it has: what is refused may be offered again at each poll.
func (g *Gateway) said(commit, why string) bool {
	if g.told[commit] == why {
		return true
	}
	if len(g.told) >= mostTold {
		clear(g.told)
	}
	g.told[commit] = why
	return false
}

// Current is the snapshot that serves, nil before the first.
func (g *Gateway) Current() *Snapshot { return g.current.Load() }

// Ready reports whether requests should be sent here: a snapshot serves and the
// gateway is not stopping.
func (g *Gateway) Ready() bool { return g.current.Load() != nil && !g.stopped.Load() }

// Stop takes the gateway out of service for whoever watches its readiness. It
// goes on serving.
func (g *Gateway) Stop() { g.stopped.Store(true) }

// Drain ends the mirrors: it waits for the copies and their comparison until ctx
// ends, and records the rest as dropped, or as not compared. All records have been
// written when it returns, if need be without the bodies that were captured for
// them. Call it when no live request is in flight any more.
func (g *Gateway) Drain(ctx context.Context) error {
	return errors.Join(g.mirrors.Drain(ctx), g.pairs.Drain(ctx), g.captures.Drain(ctx))
}

// copyDone writes the record of a copy, exactly one for each sampled copy, if it does
// not have to be compared first.
func (g *Gateway) copyDone(c *mirror.Copy) {
	if g.traces != nil {
		g.traceCopy(&c.Record)
	}
	if paired(c) {
		return
	}
	rule, _ := c.Note.(*capture.Rule)
	g.writeCopy(&c.Record, rule, c.Tap)
}

// write gives a record to the log and to the observers.
func (g *Gateway) write(r *record.Record) {
	for _, tell := range g.observe {
		tell(r)
	}
	g.records.Append(r) // last: who has seen it in the log finds it wherever else it is kept
}

// panicked logs a panic on the way of a copy. It touches nothing else.
func (g *Gateway) panicked(reason any, stack []byte) {
	g.logger.Error().Str(record.FieldEvent, eventPanic).Any(fieldReason, reason).Bytes(fieldStack, stack).
		Msg("a copy ended in a panic; this is a bug in the gateway")
}

// collect adds what the gateway as a whole counts.
func (g *Gateway) collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(descLost, prometheus.CounterValue, float64(g.records.Lost().Total()))
	ch <- prometheus.MustNewConstMetric(descCaptured, prometheus.GaugeValue, float64(g.mirrors.Captured()))
	ch <- prometheus.MustNewConstMetric(descHeld, prometheus.GaugeValue, float64(g.pairs.Held()))
	ch <- prometheus.MustNewConstMetric(descKept, prometheus.GaugeValue, float64(g.bodies.Held()))
	ch <- counter(descOmitted, g.bodies.Refused(), capture.OmittedMemory)
	ch <- counter(descOmitted, g.captures.Omitted(), capture.OmittedQueue)
	g.overload.collect(ch)
	g.whole.collect(ch)
	large, noRoom := g.live.NotKept()
	ch <- counter(descNotKept, large, string(record.TooLarge))
	ch <- counter(descNotKept, noRoom, string(record.Memory))
	counts := g.pool.Counts()
	ch <- counter(descEjections, counts.Ejected)
	ch <- counter(descNoneUp, counts.NoneUp)
	s := g.current.Load()
	if s == nil {
		return
	}
	s.replicaGauges().collect(ch)
	s.collectGates(ch)
	ch <- prometheus.MustNewConstMetric(descRevision, prometheus.GaugeValue, 1, s.branch, s.Commit())
	ch <- prometheus.MustNewConstMetric(descEndpoints, prometheus.GaugeValue, float64(s.Len()))
	for _, e := range s.endpoints {
		for i := range e.mirrors {
			e.mirrors[i].collect(ch, e.Name)
		}
	}
}

// collect adds the ledger of a mirror.
func (m *mirrored) collect(ch chan<- prometheus.Metric, endpoint string) {
	counts := m.queue.Counts()
	ch <- counter(descCopies, counts.Sent, endpoint, m.Name, "sent", "")
	ch <- counter(descCopies, counts.SampledOut, endpoint, m.Name, "sampled_out", "")
	for reason, n := range counts.Dropped {
		ch <- counter(descCopies, n, endpoint, m.Name, "dropped", string(reason))
	}
}
