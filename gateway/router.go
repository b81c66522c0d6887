package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/schema"
)

// prefix is under which every endpoint has its stable URL.
const prefix = "/v1/"

// newRouter gives each endpoint its routes: its stable URL, the path it may
// declare, and whatever comes below either. The paths were checked with the
// documents; chi panics on those that are not.
func newRouter(s *Snapshot) http.Handler {
	r := chi.NewRouter()
	// Before the routes: chi walks all of them for either.
	r.NotFound(s.notFound)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		forward.WriteError(w, r, http.StatusMethodNotAllowed, "the gateway does not know the method "+r.Method, forward.RequestID(r))
	})
	for _, e := range s.endpoints {
		stable := prefix + e.Name
		handle(r, stable, entry{endpoint: e, prefix: len(stable), stable: true})
		if e.Path != "" {
			handle(r, e.Path, entry{endpoint: e, prefix: len(e.Path)})
		}
	}
	return r
}

func handle(r chi.Router, path string, h http.Handler) {
	r.Handle(path, h)
	r.Handle(path+"/*", h)
}

// Seed puts the router's scratch space into the context of a connection that
// serves one request at a time, so that requests need none of their own. reset
// is to be called before each of them.
func Seed(ctx context.Context) (seeded context.Context, reset func()) {
	scratch := chi.NewRouteContext()
	return context.WithValue(ctx, chi.RouteCtxKey, scratch), scratch.Reset
}

// notFound answers 404, with the name of the endpoint that was meant if one is
// near.
func (s *Snapshot) notFound(w http.ResponseWriter, r *http.Request) {
	message := "no endpoint serves this path; endpoints are called at /v1/NAME"
	if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok {
		name, _, _ := strings.Cut(rest, "/")
		message = "no endpoint " + quoted(name)
		if near, ok := schema.Nearest(name, s.names()); ok {
			message += "; did you mean " + quoted(near) + "?"
		}
	}
	forward.WriteError(w, r, http.StatusNotFound, message, forward.RequestID(r))
}

// quoted bounds what a caller's path can put into an answer.
func quoted(name string) string {
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return `"` + name + `"`
}

func (s *Snapshot) names() []string {
	names := make([]string, len(s.endpoints))
	for i, e := range s.endpoints {
		names[i] = e.Name
	}
	return names
}

// entry is an endpoint as it is reached under one of its paths.
type entry struct {
	endpoint *endpoint
	prefix   int  // the length of the path that led here
	stable   bool // under /v1/NAME
}

// ServeHTTP serves the request with what of its path comes below the entry.
func (h entry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	rest := path[h.prefix:]
	if h.stable && h.endpoint.isLatest(rest) {
		rest = ""
	}
	h.endpoint.serve(w, r, path, rest)
}

// isLatest reports whether what follows an endpoint's stable URL is one of the
// forms in which Modelbit's clients write that URL: /latest and
// /BRANCH/latest, with "~" for a slash in the branch.
func (e *endpoint) isLatest(rest string) bool {
	head, ok := strings.CutSuffix(rest, "/latest")
	if !ok {
		return false
	}
	return head == "" || head[1:] == e.urlBranch
}
