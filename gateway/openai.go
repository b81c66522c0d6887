package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/schema"
)

// modelKey is where a body of OpenAI's API names its model.
var modelKey = endpoints.Keys{{Source: schema.KeyBody, Name: "/model"}}

// serveOpenAI serves OpenAI's API for clients that cannot choose a URL for each
// endpoint: the model that a body names is the endpoint.
func serveOpenAI(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	rest := path[len(forward.OpenAIPrefix)-1:]
	name, one := strings.CutPrefix(rest, "/models/")
	switch {
	case r.Method == http.MethodPost:
		serveModel(w, r, path, rest) //nolint:contextcheck // the attempt derives its context from the request's
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header()["Allow"] = []string{"GET, HEAD, POST"}
		forward.WriteError(w, r, http.StatusMethodNotAllowed, "below "+forward.OpenAIPrefix+" the gateway takes POST, and GET of models", forward.RequestID(r))
	case rest == "/models":
		listModels(w, r)
	case one:
		showModel(w, r, name)
	default:
		forward.WriteError(w, r, http.StatusNotFound, "below "+forward.OpenAIPrefix+" GET is for models; a POST finds its endpoint by the body's model", forward.RequestID(r))
	}
}

// serveModel serves a request to the endpoint that its body names.
func serveModel(w http.ResponseWriter, r *http.Request, path, rest string) {
	at, id := routed(r), forward.RequestID(r)
	asked, ok := at.snapshot.ask(w, r, &path, id)
	if !ok {
		return
	}
	g := at.snapshot.gateway
	served := g.overload.enter()
	defer g.overload.leave()
	if !served {
		forward.Refuse(w, r, id, overloaded())
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(schema.DefaultTimeout)) // as in readAhead
	whole, taken, err := g.whole.read(r.Body, r.ContentLength)
	defer taken.release()
	_ = control.SetReadDeadline(time.Time{})
	if err != nil {
		forward.Refuse(w, r, id, g.whole.unread(r, err, "in which the gateway looks for the model; call "+prefix+"NAME"+rest+" instead"))
		return
	}
	name, named := modelKey.Subject(r, whole, nil)
	if !named {
		forward.WriteModelError(w, r, http.StatusBadRequest, "the body is no JSON object with the name of an endpoint as its model", "", id)
		return
	}
	i, found := at.snapshot.places.named(name)
	if !found {
		noModel(w, r, name)
		return
	}
	at.snapshot.serve(w, r, i, target{
		path: path, rest: rest, read: whole, body: bytes.NewReader(whole), room: taken, entered: true,
		caller: asked, identified: at.snapshot.door.looks(),
	})
}

// ask finds out who calls before it is known which endpoint, and answers who may call
// none: nothing of his body is to be read.
func (s *Snapshot) ask(w http.ResponseWriter, r *http.Request, path *string, id string) (caller, bool) {
	if !s.door.looks() && !s.closed {
		return caller{}, true
	}
	c, why := s.door.caller(r.Context(), r, time.Now(), path)
	if why == nil && s.closed && !c.known() {
		why = c.stranger()
	}
	if why == nil {
		return c, true
	}
	s.gateway.tell(&refusedRequest{id: id, method: r.Method, path: *path, remote: r.RemoteAddr}, why)
	why.answer(w, r, id)
	return c, false
}

// shows reports whether a caller may know of an endpoint: whether he may call it.
func (s *Snapshot) shows(e *endpoint, c *caller) bool {
	return c.allowed(e.Name, s.door.asks(e.guard)) == nil
}

func noModel(w http.ResponseWriter, r *http.Request, name string) {
	message := "the model " + quoted(name) + " does not exist: there is no such endpoint"
	if near, ok := nearest(r, name); ok {
		message += "; did you mean " + quoted(near) + "?"
	}
	forward.WriteModelError(w, r, http.StatusNotFound, message, "model_not_found", forward.RequestID(r))
}

// modelAnswer is a model as OpenAI's API describes it.
type modelAnswer struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"` // Unix seconds: when the revision was compiled
	OwnedBy string `json:"owned_by"`
}

func (s *Snapshot) model(e *endpoint) modelAnswer {
	return modelAnswer{ID: e.Name, Object: "model", Created: s.compiled.Unix(), OwnedBy: "switchyard"}
}

// listModels lists the endpoints that the caller may call.
func listModels(w http.ResponseWriter, r *http.Request) {
	s, path := routed(r).snapshot, r.URL.EscapedPath()
	asked, ok := s.ask(w, r, &path, forward.RequestID(r))
	if !ok {
		return
	}
	list := struct {
		Object string        `json:"object"`
		Data   []modelAnswer `json:"data"`
	}{"list", []modelAnswer{}}
	for _, e := range s.endpoints {
		if s.shows(e, &asked) {
			list.Data = append(list.Data, s.model(e))
		}
	}
	answerJSON(w, r, list)
}

func showModel(w http.ResponseWriter, r *http.Request, name string) {
	s, path := routed(r).snapshot, r.URL.EscapedPath()
	asked, ok := s.ask(w, r, &path, forward.RequestID(r))
	if !ok {
		return
	}
	i, found := s.places.named(name)
	if !found || !s.shows(s.endpoints[i], &asked) {
		noModel(w, r, name)
		return
	}
	answerJSON(w, r, s.model(s.endpoints[i]))
}

// answerJSON answers with what has a form in JSON.
func answerJSON(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("gateway: the answer has no form in JSON: " + err.Error())
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h[headerRequestID] = []string{forward.RequestID(r)}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a caller that is gone needs no answer
	}
}
