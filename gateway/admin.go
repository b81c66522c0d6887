package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/switchyard-gateway/switchyard/schema"
)

// AdminOptions is what the admin handler needs from outside the gateway. An
// error that says more of its HTTP status than that something failed is a
// *StatusError; one of a refused revision is its schema.Diagnostics.
type AdminOptions struct {
	Gatherer prometheus.Gatherer         // what /metrics shows
	Sync     func(context.Context) error // syncs now, answers when done
	Status   func() any                  // how syncing goes; shown under "sync" in /status
	Refused  func() *Refusal             // the newest revision if it was refused, else nil; nil: nobody knows
	Version  string
	Records  http.Handler // what /records shows; nil: no records are kept

	// Tokens gives the tokens of the listener, one a line, at each request; nil: it
	// asks for none. Probes never need one.
	Tokens func() (string, error)
	// Local says that nobody is asked for anything, a token or a certificate, as only
	// this machine reaches the listener: then it is called by an address or localhost,
	// for other names may be somebody else's, who lets them lead here.
	Local bool

	// Revisions that are kept, and going back to them. All or none of them are set.
	Accept    func(ctx context.Context, commit string) error // is Sync, and takes this commit even if it is held
	Pin       func(ctx context.Context, which string) error  // serves a kept revision until Unpin
	Unpin     func(context.Context) error
	Revisions func(context.Context) (any, error) // lists what is kept; shown under "revisions"
	// Console answers GET / and all below ConsolePath, without a token, also what
	// browsers send to change something: it knows by itself whom it shows what, and from
	// whom it takes that. Nil: nothing does.
	Console http.Handler
}

// ConsolePath is what the paths of the console begin with on the admin listener.
const ConsolePath = "/console/"

// StatusError is an error together with the HTTP status that tells of it.
type StatusError struct {
	Status int
	Err    error
}

// Error is that of Err.
func (e *StatusError) Error() string { return e.Err.Error() }

// Unwrap gives Err.
func (e *StatusError) Unwrap() error { return e.Err }

// Admin is the handler of the admin listener: /healthz, /readyz, /status,
// /endpoints, /metrics, /records, /revisions, /debug/pprof/, POST /sync, /pin and
// /unpin. Without Tokens whoever reaches it may call it, so that it belongs on
// loopback; what a browser sends there for some page is refused nevertheless, but
// for the console. Every call that changes something is a POST, and logged.
func (g *Gateway) Admin(o AdminOptions) http.Handler {
	r := chi.NewRouter()
	r.Use(o.refuseBrowsers, o.authorized(g.logger), logged(g.logger))
	g.watched(r, o.Gatherer)
	r.Get("/status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, g.status(o))
	})
	r.Get("/endpoints", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, g.table())
	})
	r.Method(http.MethodGet, "/records", records(o.Records))
	g.changes(r, o)
	if o.Console != nil {
		r.Method(http.MethodGet, "/", o.Console)
		r.Handle(ConsolePath+"*", o.Console)
	}
	r.HandleFunc("/debug/pprof/*", pprof.Index)
	r.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	r.HandleFunc("/debug/pprof/profile", pprof.Profile)
	r.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	r.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return r
}

// records is h, or else what says why there is none.
func records(h http.Handler) http.Handler {
	if h != nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusNotFound, changeAnswer{Error: "no records are kept in memory; see the setting recentRecords"})
	})
}

// Metrics is the handler of the metrics listener: /metrics, /healthz and /readyz.
// It changes nothing and tells no more than they say, so that it may be reached
// from where the admin listener must not be.
func (g *Gateway) Metrics(gatherer prometheus.Gatherer) http.Handler {
	r := chi.NewRouter()
	g.watched(r, gatherer)
	return r
}

// watched adds what is for those who watch.
func (g *Gateway) watched(r chi.Router, gatherer prometheus.Gatherer) {
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	r.Get("/readyz", g.readyz)
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
}

func (g *Gateway) readyz(w http.ResponseWriter, _ *http.Request) {
	switch {
	case g.stopped.Load():
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
	case g.current.Load() == nil:
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "no revision serves yet"})
	default:
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	}
}

// statusAnswer is what /status shows.
type statusAnswer struct {
	Version  string          `json:"version"`
	Ready    bool            `json:"ready"`
	Revision *revisionAnswer `json:"revision"` // what serves; null before the first
	Rejected *Refusal        `json:"rejected"` // the newest revision if it was refused, else null
	Sync     any             `json:"sync"`
}

type revisionAnswer struct {
	Branch     string            `json:"branch"`
	Commit     string            `json:"commit"`
	Commits    map[string]string `json:"commits"` // of every branch read
	Endpoints  int               `json:"endpoints"`
	Since      time.Time         `json:"since"`
	AgeSeconds float64           `json:"ageSeconds"` // how long it has been serving
}

// Refusal is a revision that was refused, and why.
type Refusal struct {
	Commit      string    `json:"commit"`
	Time        time.Time `json:"time"`
	Diagnostics []string  `json:"diagnostics"` // or the one reason that is none
}

func (g *Gateway) status(o AdminOptions) statusAnswer {
	answer := statusAnswer{Version: o.Version, Ready: g.Ready(), Sync: o.Status()}
	if s := g.Current(); s != nil {
		answer.Revision = &revisionAnswer{
			Branch: s.branch, Commit: s.Commit(), Commits: s.commits, Endpoints: s.Len(),
			Since: s.compiled, AgeSeconds: time.Since(s.compiled).Seconds(),
		}
	}
	if o.Refused != nil {
		answer.Rejected = o.Refused()
	}
	return answer
}

func lines(problems schema.Diagnostics) []string {
	out := make([]string, len(problems))
	for i, d := range problems {
		out[i] = d.String()
	}
	return out
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the caller left
}
