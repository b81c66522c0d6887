package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/schema"
)

// prefix is under which every endpoint has its stable URL.
const prefix = "/v1/"

// router is a chi router for a list of endpoints. It knows them by their place
// in the list, so that snapshots whose endpoints have the same names and paths
// share one: building it anew would be most of the cost of a swap. It is
// immutable.
type router struct {
	places []place
	mux    *chi.Mux
}

// place is where one endpoint is reached.
type place struct{ name, path string }

// newRouter gives each endpoint its routes: its stable URL, the path it may
// declare, and whatever comes below either. The paths were checked with the
// documents; chi panics on those that are not. last is a router to share if it
// is the same; it may be nil.
func newRouter(all []*endpoint, last *router) *router {
	r := &router{places: make([]place, len(all))}
	for i, e := range all {
		r.places[i] = place{e.Name, e.Path}
	}
	if last != nil && slices.Equal(r.places, last.places) {
		return last
	}
	r.mux = chi.NewRouter()
	// Before the routes: chi walks all of them for either.
	r.mux.NotFound(notFound)
	r.mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		forward.WriteError(w, r, http.StatusMethodNotAllowed, "the gateway does not know the method "+r.Method, forward.RequestID(r))
	})
	for i, p := range r.places {
		stable := prefix + p.name
		r.handle(stable, entry{index: i, prefix: len(stable), stable: true})
		if p.path != "" {
			r.handle(p.path, entry{index: i, prefix: len(p.path)})
		}
	}
	return r
}

func (r *router) handle(path string, h http.Handler) {
	r.mux.Handle(path, h)
	r.mux.Handle(path+"/*", h)
}

// routing is the context of a request on its way: the snapshot that it was given
// to, and chi's scratch space.
type routing struct {
	context.Context
	snapshot *Snapshot
	scratch  *chi.Context
}

type routingKey struct{}

// Value implements context.Context.
func (c *routing) Value(key any) any {
	switch key {
	case routingKey{}:
		return c
	case chi.RouteCtxKey:
		return c.scratch
	}
	return c.Context.Value(key)
}

// Seed puts what routing needs into the context of a connection that serves one
// request at a time, so that its requests need none of their own. reset is to be
// called before each of them.
func Seed(ctx context.Context) (seeded context.Context, reset func()) {
	c := &routing{Context: ctx, scratch: chi.NewRouteContext()}
	return c, c.scratch.Reset
}

// route gives a request to one snapshot, for as long as it lasts.
func (s *Snapshot) route(w http.ResponseWriter, r *http.Request) {
	if seeded, ok := r.Context().Value(routingKey{}).(*routing); ok {
		seeded.snapshot = s
		s.router.mux.ServeHTTP(w, r)
		return
	}
	c := &routing{Context: r.Context(), snapshot: s, scratch: chi.NewRouteContext()}
	s.router.mux.ServeHTTP(w, r.WithContext(c)) //nolint:contextcheck // c is the request's context, with values
}

// routed is the snapshot that a request was given to.
func routed(r *http.Request) *Snapshot {
	return r.Context().Value(routingKey{}).(*routing).snapshot
}

// notFound answers 404, with the name of the endpoint that was meant if one is
// near.
func notFound(w http.ResponseWriter, r *http.Request) {
	message := "no endpoint serves this path; endpoints are called at /v1/NAME"
	if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok {
		name, _, _ := strings.Cut(rest, "/")
		message = "no endpoint " + quoted(name)
		if near, ok := nearest(r, name); ok {
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

// maxOffer is up to how many endpoints a nearest name is looked for: it costs
// about a microsecond for each, and whoever sends wrong paths pays nothing.
const maxOffer = 256

// nearest finds the endpoint whose name is most like the one given.
func nearest(r *http.Request, name string) (string, bool) {
	all := routed(r).endpoints
	if len(all) > maxOffer {
		return "", false
	}
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = e.Name
	}
	return schema.Nearest(name, names)
}

// entry is an endpoint as it is reached under one of its paths.
type entry struct {
	index  int  // of the endpoint, in the snapshot
	prefix int  // the length of the path that led here
	stable bool // under /v1/NAME
}

// ServeHTTP serves the request with what of its path comes below the entry.
func (h entry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := routed(r)
	path := r.URL.EscapedPath()
	rest := path[h.prefix:]
	if h.stable && s.isLatest(rest) {
		rest = ""
	}
	q := requests.Get().(*request)
	q.s, q.e, q.w, q.r, q.path, q.rest = s, s.endpoints[h.index], w, r, path, rest
	q.serve() //nolint:contextcheck // q holds the request, whose context the attempt derives its own from
	*q = request{}
	requests.Put(q) // not after a panic: the server may look at the header still
}

// isLatest reports whether what follows an endpoint's stable URL is one of the
// forms in which Modelbit's clients write that URL: /latest and
// /BRANCH/latest, with "~" for a slash in the branch.
func (s *Snapshot) isLatest(rest string) bool {
	head, ok := strings.CutSuffix(rest, "/latest")
	if !ok {
		return false
	}
	return head == "" || head[1:] == s.urlBranch
}
