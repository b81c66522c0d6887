package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
)

// models is a repository with two endpoints, of which one has a model of its own
// name at its deployment.
func models(r *replica) files {
	alias := func(version string) string {
		return "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: " + version + "}}}\n"
	}
	return files{
		"deployments/m.yaml":   "schemaVersion: 1\nversions:\n  1: {url: " + r.url + "/v1, model: m-7b}\n  2: {url: " + r.url + "/v1}\n",
		"endpoints/chat.yaml":  alias("1") + "assignment: {key: body:/user}\n",
		"endpoints/embed.yaml": alias("2"),
	}
}

// The model of a body is the endpoint, and the deployment gets its own name for it.
func TestOpenAIRoutesByModel(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(models(r))
	for i, tt := range []struct{ path, body, uri, sent string }{
		{"/openai/v1/chat/completions?a=b", `{"messages":[{"model":"x"}], "model": "chat", "user": "u"}`, "/v1/chat/completions?a=b", `{"messages":[{"model":"x"}], "model": "m-7b", "user": "u"}`},
		{"/openai/v1/responses", `{"model":"ch\u0061t"}`, "/v1/responses", `{"model":"m-7b"}`},
		{"/openai/v1/completions", `{"model":"chat"}`, "/v1/completions", `{"model":"m-7b"}`},
		{"/openai/v1/embeddings", `{"model":"embed","input":"a"}`, "/v1/embeddings", `{"model":"embed","input":"a"}`},
		{"/v1/chat/chat/completions", `{"model":"anything"}`, "/v1/chat/completions", `{"model":"m-7b"}`},
		{"/v1/embed/models", ``, "/v1/models", ``},
	} {
		if got := s.post(tt.path, tt.body); got.status != http.StatusOK || got.header.Get("X-Switchyard-Backend") != "only" {
			t.Fatalf("%s: %+v", tt.path, got)
		}
		got := r.requests()[i]
		if diff := cmp.Diff([]string{tt.uri, tt.sent}, []string{got.uri, got.body}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.path, diff)
		}
	}
	l := s.written(1, func(f fields) bool { return f["subjectId"] == "u" })[0]
	if l["endpoint"] != "chat" || l["path"] != "/openai/v1/chat/completions" {
		t.Errorf("%v", l)
	}
}

// Health and metadata of servers that speak the Open Inference Protocol or OpenAI's
// API are asked for below an endpoint.
func TestServersOwnPathsPass(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(files{"deployments/m.yaml": deployment(r.url), "endpoints/e.yaml": "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: 1}}}\n"})
	paths := []string{"/v1/models", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/m/ready", "/v2/models/m/versions/1"}
	var got []string
	for _, path := range paths {
		if a := s.do(http.MethodGet, "/v1/e"+path, http.NoBody); a.status != http.StatusOK {
			t.Errorf("%s: %+v", path, a)
		}
	}
	for _, a := range r.requests() {
		got = append(got, a.uri)
	}
	if diff := cmp.Diff(paths, got); diff != "" {
		t.Error(diff)
	}
}

func TestOpenAIListsEndpoints(t *testing.T) {
	s := newStage(t, options{})
	s.serve(models(newReplica(t, "m")))
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		OwnedBy string `json:"owned_by"`
	}
	var list struct {
		Object string
		Data   []model
	}
	if err := json.Unmarshal([]byte(s.do(http.MethodGet, "/openai/v1/models", http.NoBody).body), &list); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]model{{"chat", "model", "switchyard"}, {"embed", "model", "switchyard"}}, list.Data); diff != "" || list.Object != "list" {
		t.Errorf("%+v %s", list, diff)
	}
	var one model
	if err := json.Unmarshal([]byte(s.do(http.MethodGet, "/openai/v1/models/embed", http.NoBody).body), &one); err != nil || one.ID != "embed" {
		t.Errorf("%+v %v", one, err)
	}
}

// Errors have the shape that clients of that API read, also those of the attempt.
func TestOpenAIErrors(t *testing.T) {
	s := newStage(t, options{json: gateway.JSON{MaxBody: endpoints.MaxBodyKey}})
	f := models(&replica{url: "http://127.0.0.1:1"})
	s.serve(f)
	large := `{"a": "` + strings.Repeat("x", endpoints.MaxBodyKey) + `", "model": "chat"}`
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		kind, code         string
		message            string
	}{
		"unknown":          {"POST", "/chat/completions", `{"model":"chatt"}`, 404, "invalid_request_error", "model_not_found", `the model "chatt" does not exist: there is no such endpoint; did you mean "chat"?`},
		"none":             {"POST", "/chat/completions", `{}`, 400, "invalid_request_error", "", "as its model"},
		"no JSON":          {"POST", "/chat/completions", `{"model":"chat"`, 400, "invalid_request_error", "", "as its model"},
		"nothing":          {"POST", "/chat/completions", ``, 400, "invalid_request_error", "", "as its model"},
		"large":            {"POST", "/chat/completions", large, 413, "invalid_request_error", "", "call /v1/NAME/chat/completions instead"},
		"not there":        {"POST", "/embeddings", `{"model":"embed"}`, 502, "server_error", "", "cannot be reached"},
		"unknown in lists": {"GET", "/models/emed", "", 404, "invalid_request_error", "model_not_found", `did you mean "embed"?`},
		"no list":          {"GET", "/files", "", 404, "invalid_request_error", "", "GET is for models"},
		"another method":   {"DELETE", "/models/chat", "", 405, "invalid_request_error", "", "takes POST"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do(tt.method, "/openai/v1"+tt.path, strings.NewReader(tt.body))
			var got struct {
				Error struct{ Message, Type, Code string }
			}
			if err := json.Unmarshal([]byte(a.body), &got); err != nil {
				t.Fatalf("%v: %s", err, a.body)
			}
			if a.status != tt.status || got.Error.Type != tt.kind || got.Error.Code != tt.code || !strings.Contains(got.Error.Message, tt.message) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.header.Get("X-Request-Id") == "" {
				t.Error("no X-Request-Id")
			}
		})
	}
	if a := s.post("/v1/nothing", ""); !strings.HasPrefix(a.body, `{"error":"`) {
		t.Errorf("elsewhere: %s", a.body)
	}
}
