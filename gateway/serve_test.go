package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// modelbitMirror is the documented form, as its users have it.
const modelbitMirror = `schemaVersion: 1
backends:
  alias:
    deployment:
      branch: main
      name: pricing_model_v1
      version: latest
mirrors:
  mirror_1:
    deployment:
      branch: main
      name: pricing_model_v2
      version: latest
`

func TestLiveAndMirrorRecordsBearTheSameRequest(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "v2")
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/pricing.yaml":            modelbitMirror,
		"deployments/pricing_model_v1.yaml": deployment(live.url + "/predict"),
		"deployments/pricing_model_v2.yaml": deployment(copied.url + "/predict"),
	})
	got := s.post("/v1/pricing", `{"data": 10}`, "Content-Type", "application/x-www-form-urlencoded")
	if got.status != http.StatusOK || got.body != `{"data": "v1"}` || got.header.Get("X-Switchyard-Backend") != "alias" {
		t.Fatalf("the answer is not the live deployment's: %+v", got)
	}
	id := got.header.Get("X-Request-Id")
	records := map[string]fields{}
	for _, f := range s.written(2, func(f fields) bool { return f["requestId"] == id }) {
		records[f["role"].(string)] = f
	}
	type told struct{ Backend, Deployment, Alias, Outcome, Path, Commit any }
	tell := func(role string) told {
		f := records[role]
		return told{f["backend"], f["deploymentName"], f["alias"], f["outcome"], f["path"], f["commit"]}
	}
	commit := strings.Repeat("b", 40)
	want := told{"alias", "pricing_model_v1", "latest", "ok", "/v1/pricing", commit}
	if diff := cmp.Diff(want, tell("live")); diff != "" {
		t.Error(diff)
	}
	want = told{"mirror_1", "pricing_model_v2", "latest", "ok", "/v1/pricing", commit}
	if diff := cmp.Diff(want, tell("mirror")); diff != "" {
		t.Error(diff)
	}
	sent, copies := live.requests(), copied.requests()
	if len(sent) != 1 || len(copies) != 1 {
		t.Fatalf("%d live requests and %d copies", len(sent), len(copies))
	}
	if mark := copies[0].header.Get("X-Switchyard-Mirror"); mark != "mirror_1" {
		t.Errorf("the copy is marked %q", mark)
	}
	if _, marked := sent[0].header["X-Switchyard-Mirror"]; marked {
		t.Error("the live request is marked as a copy")
	}
	copies[0].header.Del("X-Switchyard-Mirror")
	if diff := cmp.Diff(sent[0], copies[0], cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("the copy differs from the live request: %s", diff)
	}
}

func TestPathsReachTheDeployment(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/e.yaml":   "schemaVersion: 1\npath: /user\nbackends:\n  only: {deployment: {branch: main, name: m, version: 1}}\n",
		"deployments/m.yaml": deployment(r.url + "/base"),
	})
	for path, want := range map[string]string{
		"/v1/e":                   "/base",
		"/v1/e?a=1&b=%2F":         "/base?a=1&b=%2F",
		"/v1/e/":                  "/base/",
		"/v1/e/x/y":               "/base/x/y",
		"/v1/e/x%2Fy":             "/base/x%2Fy",
		"/v1/e/latest":            "/base",
		"/v1/e/main/latest":       "/base",
		"/v1/e/dev/latest":        "/base/dev/latest",
		"/v1/e/chat/completions?": "/base/chat/completions?",
		"/user":                   "/base",
		"/user/7":                 "/base/7",
		"/user/latest":            "/base/latest",
	} {
		if got := s.post(path, "{}"); got.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, got.status, got.body)
			continue
		}
		all := r.requests()
		if got := all[len(all)-1].uri; got != want {
			t.Errorf("%s reaches %s instead of %s", path, got, want)
		}
	}
}

func TestErrorsOfTheGatewayAreJSON(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{})
	if got := s.post("/v1/pricing", "{}"); got.status != http.StatusServiceUnavailable {
		t.Errorf("without a snapshot: %+v", got)
	}
	s.serve(files{
		"endpoints/pricing.yaml": "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: m, version: 1}}\n",
		"endpoints/gone.yaml":    "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: gone, version: 1}}\n",
		"deployments/m.yaml":     "schemaVersion: 1\nversions:\n  1: {url: " + r.url + ", methods: [POST]}\n",
		"deployments/gone.yaml":  deployment("http://127.0.0.1:1/"),
	})
	for _, test := range []struct {
		method, path string
		status       int
		message      string
	}{
		{"POST", "/v1/pricng", 404, `no endpoint "pricng"; did you mean "pricing"?`},
		{"POST", "/", 404, "no endpoint serves this path; endpoints are called at /v1/NAME"},
		{"GET", "/v1/pricing", 405, "the deployment does not take GET"},
		{"POST", "/v1/pricing/../x", 400, ""},
		{"POST", "/v1/pricing/%2e%2e/x", 400, ""},
		{"POST", "/v1/gone", 502, ""},
	} {
		got := s.do(test.method, test.path, http.NoBody, "X-Request-Id", "r1")
		var body struct{ Error, RequestID string }
		if err := json.Unmarshal([]byte(got.body), &body); err != nil {
			t.Errorf("%s %s: the answer is no JSON: %q", test.method, test.path, got.body)
		}
		if got.status != test.status || body.RequestID != "r1" || body.Error == "" || test.message != "" && body.Error != test.message {
			t.Errorf("%s %s: %d %s", test.method, test.path, got.status, got.body)
		}
	}
	if n := len(r.requests()); n != 0 {
		t.Errorf("%d requests reached the deployment", n)
	}
}

// Among many endpoints the nearest name is offered as well.
func TestTheNearestOfManyNamesIsOffered(t *testing.T) {
	s := newStage(t, options{})
	all := files{"endpoints/pricing.yaml": "schemaVersion: 1\nbackends: {only: {static: 1}}\n"}
	for i := range 500 {
		all[fmt.Sprintf("endpoints/early_%d.yaml", i)] = all["endpoints/pricing.yaml"]
		all[fmt.Sprintf("endpoints/twenty_%d.yaml", i)] = all["endpoints/pricing.yaml"]
	}
	s.serve(all)
	for name, want := range map[string]string{"pricng": "pricing", "PRICING": "pricing", "earli_0": "early_0", "twenty_499x": "twenty_499"} {
		if got := s.post("/v1/"+name, "{}"); got.status != http.StatusNotFound || !strings.Contains(got.body, `did you mean \"`+want+`\"?`) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := s.post("/v1/nothing_of_the_kind", "{}"); got.status != http.StatusNotFound || strings.Contains(got.body, "did you mean") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestStaticBackendAnswersAndIsMirrored(t *testing.T) {
	copied := newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/e.yaml": `schemaVersion: 1
backends:
  holdout: {static: {"data": 0}}
mirrors:
  shade: {deployment: {branch: main, name: m, version: 1}}
`,
		"deployments/m.yaml": deployment(copied.url),
	})
	if got := s.post("/v1/e", `{"data": 10}`); got.status != http.StatusOK || got.body != `{"data":0}` {
		t.Errorf("static answer: %+v", got)
	}
	s.written(1, role("mirror"))
	if got := copied.requests(); len(got) != 1 || got[0].body != `{"data": 10}` {
		t.Errorf("the mirror got %+v", got)
	}
}

func TestBodyKeyAssignsTheSameSubjectTheSameBackend(t *testing.T) {
	a, b, copied := newReplica(t, "a"), newReplica(t, "b"), newReplica(t, "m")
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/e.yaml": `schemaVersion: 1
assignment: {key: [header:x-user, body:/user/id]}
backends:
  a: {deployment: {branch: main, name: a, version: 1}}
  b: {deployment: {branch: main, name: b, version: 1}}
mirrors:
  m: {deployment: {branch: main, name: m, version: 1}}
`,
		"deployments/a.yaml": deployment(a.url),
		"deployments/b.yaml": deployment(b.url),
		"deployments/m.yaml": deployment(copied.url),
	})
	backends := map[string]int{}
	for _, subject := range []string{"ann", "bob", "cid", "dan", "eve", "fay", "gil", "hal"} {
		body := `{"user": {"id": "` + subject + `"}}`
		first := s.post("/v1/e", body).header.Get("X-Switchyard-Backend")
		second := s.post("/v1/e", "{}", "X-User", subject).header.Get("X-Switchyard-Backend")
		if first != second {
			t.Errorf("%s: %s by its body, %s by its header", subject, first, second)
		}
		backends[first]++
	}
	if len(backends) != 2 {
		t.Errorf("all subjects got %v", backends)
	}
	for _, f := range s.written(16, role("mirror")) {
		if f["subjectId"] == "" || f["outcome"] != "ok" {
			t.Errorf("mirror record %v", f)
		}
	}
	for _, got := range append(a.requests(), b.requests()...) {
		if got.header.Get("X-User") == "" && !strings.Contains(got.body, "user") {
			t.Errorf("the body that was read ahead did not arrive: %+v", got)
		}
	}
}

func TestM17AnInboundMarkMeansNoFurtherMirroring(t *testing.T) {
	live, copied := newReplica(t, "v1"), newReplica(t, "v2")
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/pricing.yaml":            modelbitMirror,
		"deployments/pricing_model_v1.yaml": deployment(live.url),
		"deployments/pricing_model_v2.yaml": deployment(copied.url),
	})
	s.post("/v1/pricing", "{}", "X-Switchyard-Mirror", "elsewhere")
	f := s.written(1, role("mirror"))[0]
	if f["outcome"] != "dropped" || f["errorKind"] != "loop" {
		t.Errorf("the record of the copy that was not made: %v", f)
	}
	if n := len(copied.requests()); n != 0 {
		t.Errorf("%d copies of a copy", n)
	}
}

func TestM17AGatewayThatMirrorsToItselfStopsAfterOneHop(t *testing.T) {
	live := newReplica(t, "v1")
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/pricing.yaml":            modelbitMirror,
		"deployments/pricing_model_v1.yaml": deployment(live.url),
		"deployments/pricing_model_v2.yaml": deployment(s.url + "/v1/pricing"),
	})
	s.post("/v1/pricing", "{}")
	s.written(2, role("live"))
	if n := len(live.requests()); n != 2 {
		t.Errorf("the deployment was asked %d times instead of 2: by the caller and by the copy", n)
	}
	mirrors := s.written(2, role("mirror"))
	kinds := map[any]int{}
	for _, f := range mirrors {
		kinds[f["outcome"]]++
	}
	if diff := cmp.Diff(map[any]int{"ok": 1, "dropped": 1}, kinds); diff != "" {
		t.Error(diff)
	}
	running.Measured(t, "M17", "mirrored to itself: %d requests at the deployment", len(live.requests()))
}
