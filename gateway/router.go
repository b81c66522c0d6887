package gateway

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/schema"
)

// prefix is under which every endpoint has its stable URL.
const prefix = "/v1/"

// newMux makes the chi router of all snapshots. It takes URLs apart; which
// endpoint is meant, the places of the snapshot say that the request was given
// to. Patterns for each endpoint would make a tree that takes half of the
// gateway's memory and, among thousands, half of the time of a request's
// routing and most of that of a compile.
func newMux() *chi.Mux {
	mux := chi.NewRouter()
	// Before the routes: chi walks all of them for either.
	mux.NotFound(notFound)
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		forward.WriteError(w, r, http.StatusMethodNotAllowed, "the gateway does not know the method "+r.Method, forward.RequestID(r))
	})
	mux.HandleFunc(prefix+"{name}", serveStable)
	mux.HandleFunc(prefix+"{name}/*", serveStable)
	mux.HandleFunc(forward.OpenAIPrefix+"*", serveOpenAI)
	mux.HandleFunc("/*", serveDeclared)
	return mux
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
func (g *Gateway) route(s *Snapshot, w http.ResponseWriter, r *http.Request) {
	if seeded, ok := r.Context().Value(routingKey{}).(*routing); ok {
		seeded.snapshot = s
		g.mux.ServeHTTP(w, r)
		return
	}
	c := &routing{Context: r.Context(), snapshot: s, scratch: chi.NewRouteContext()}
	g.mux.ServeHTTP(w, r.WithContext(c)) //nolint:contextcheck // c is the request's context, with values
}

// routed is how a request has been routed so far.
func routed(r *http.Request) *routing { return r.Context().Value(routingKey{}).(*routing) }

// serveStable serves /v1/NAME and what comes below it.
func serveStable(w http.ResponseWriter, r *http.Request) {
	at := routed(r)
	name := at.scratch.URLParam("name")
	i, ok := at.snapshot.places.named(name)
	if !ok {
		notFound(w, r)
		return
	}
	path := r.URL.EscapedPath()
	rest := path[len(prefix)+len(name):]
	if at.snapshot.isLatest(rest) {
		rest = ""
	}
	at.snapshot.serve(w, r, i, target{path: path, rest: rest}) //nolint:contextcheck // the attempt derives its context from the request's
}

// serveDeclared serves the paths that endpoints declare and what comes below
// them.
func serveDeclared(w http.ResponseWriter, r *http.Request) {
	at := routed(r)
	path := r.URL.EscapedPath()
	if name := r.Header[headerEndpoint]; len(name) > 0 && forward.IsGRPC(r) {
		serveNamed(w, r, name[0], path) //nolint:contextcheck // the attempt derives its context from the request's
		return
	}
	i, length, ok := at.snapshot.places.above(path)
	if !ok {
		notFound(w, r)
		return
	}
	at.snapshot.serve(w, r, i, target{path: path, rest: path[length:]}) //nolint:contextcheck // as above
}

// headerEndpoint is in the metadata of calls of gRPC, whose paths are those of
// methods: it names the endpoint.
const headerEndpoint = "X-Switchyard-Endpoint"

// serveNamed serves a call of gRPC that names its endpoint. The whole path is
// passed on.
func serveNamed(w http.ResponseWriter, r *http.Request, name, path string) {
	at := routed(r)
	i, ok := at.snapshot.places.named(name)
	if !ok {
		noEndpoint(w, r, name)
		return
	}
	at.snapshot.serve(w, r, i, target{path: path, rest: path})
}

// target is what of a request is known when its endpoint is found.
type target struct {
	path string    // the caller's, escaped
	rest string    // what of it comes below the endpoint's
	read []byte    // the whole body, if it was read to find the endpoint
	body io.Reader // likewise
	room *room     // likewise: what it takes of the budget

	entered    bool   // it is counted by the overload, and counted out by whoever says so
	caller     caller // if it was asked before the body was read
	identified bool   // it was
}

// serve serves a request to the i-th endpoint.
func (s *Snapshot) serve(w http.ResponseWriter, r *http.Request, i int, to target) {
	q := requests.Get().(*request)
	q.s, q.e, q.w, q.r, q.path, q.rest, q.read, q.body = s, s.endpoints[i], w, r, to.path, to.rest, to.read, to.body
	q.room, q.entered, q.caller, q.identified = to.room, to.entered, to.caller, to.identified
	q.serve()
	*q = request{withdrawn: q.withdrawn}
	requests.Put(q) // not after a panic: the server may look at the header still
}

// notFound answers 404, with the name of the endpoint that was meant if one is
// near.
func notFound(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, prefix)
	switch {
	case ok:
		name, _, _ := strings.Cut(rest, "/")
		noEndpoint(w, r, name)
	case forward.IsGRPC(r):
		forward.WriteError(w, r, http.StatusMethodNotAllowed, // which is UNIMPLEMENTED, as servers say of methods that they lack
			"no endpoint serves this method; name one in the metadata x-switchyard-endpoint", forward.RequestID(r))
	default:
		forward.WriteError(w, r, http.StatusNotFound, "no endpoint serves this path; endpoints are called at /v1/NAME", forward.RequestID(r))
	}
}

func noEndpoint(w http.ResponseWriter, r *http.Request, name string) {
	message := "no endpoint " + quoted(name)
	if near, ok := nearest(r, name); ok {
		message += "; did you mean " + quoted(near) + "?"
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

// maxOffer is among how many endpoints a nearest name is looked for: it costs
// about a microsecond for each, and whoever sends wrong paths pays nothing.
const maxOffer = 256

// nearest finds the endpoint whose name is most like the one given. Of many it looks at
// those beside it in the alphabet, which begin as it does.
func nearest(r *http.Request, name string) (string, bool) {
	s := routed(r).snapshot
	if !s.open { // names are not for callers without a key
		return "", false
	}
	at, _ := slices.BinarySearchFunc(s.endpoints, strings.ToLower(name), func(e *endpoint, name string) int { return strings.Compare(e.Name, name) })
	first := max(0, min(at-maxOffer/2, len(s.endpoints)-maxOffer))
	beside := s.endpoints[first:min(first+maxOffer, len(s.endpoints))]
	names := make([]string, len(beside))
	for i, e := range beside {
		names[i] = e.Name
	}
	return schema.Nearest(name, names)
}

// isLatest reports whether what follows an endpoint's stable URL is one of the
// forms in which Modelbit's clients write that URL: /latest and
// /BRANCH/latest, with "~" for a slash in the branch.
func (s *Snapshot) isLatest(rest string) bool { return isLatest(rest, s.urlBranch) }

func isLatest(rest, urlBranch string) bool {
	head, ok := strings.CutSuffix(rest, "/latest")
	if !ok {
		return false
	}
	return head == "" || head[1:] == urlBranch
}
