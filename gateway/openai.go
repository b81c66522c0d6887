package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

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
		serveModel(w, r, path, rest)
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
	whole, body, err := readBody(r)
	if err != nil {
		f := forward.BodyError(r.Context(), err)
		forward.WriteError(w, r, f.Status, f.Message, id)
		return
	}
	if whole == nil && (body != nil || r.ContentLength > endpoints.MaxBodyKey) {
		forward.WriteError(w, r, http.StatusRequestEntityTooLarge, "the body is above "+strconv.Itoa(endpoints.MaxBodyKey)+
			" bytes, in which the gateway looks for the model; call "+prefix+"NAME"+rest+" instead", id)
		return
	}
	name, ok := modelKey.Subject(r, whole)
	if !ok {
		forward.WriteModelError(w, r, http.StatusBadRequest, "the body is no JSON object with the name of an endpoint as its model", "", id)
		return
	}
	i, ok := at.snapshot.places.named(name)
	if !ok {
		noModel(w, r, name)
		return
	}
	at.snapshot.serve(w, r, i, target{path: path, rest: rest, read: whole, body: body}) //nolint:contextcheck // the attempt derives its context from the request's
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

func listModels(w http.ResponseWriter, r *http.Request) {
	s := routed(r).snapshot
	list := struct {
		Object string        `json:"object"`
		Data   []modelAnswer `json:"data"`
	}{"list", make([]modelAnswer, len(s.endpoints))}
	for i, e := range s.endpoints {
		list.Data[i] = s.model(e)
	}
	answerJSON(w, r, list)
}

func showModel(w http.ResponseWriter, r *http.Request, name string) {
	s := routed(r).snapshot
	i, ok := s.places.named(name)
	if !ok {
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
