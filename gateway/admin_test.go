package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// admin calls the admin handler of a stage.
func (s *stage) admin(method, path string, sync func(context.Context) error) answer {
	s.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s.gateway.Collector())
	handler := s.gateway.Admin(gateway.AdminOptions{
		Gatherer: registry, Sync: sync, Version: "test",
		Status:  func() any { return map[string]string{"lastSuccess": "now"} },
		Refused: func() *gateway.Refusal { return &gateway.Refusal{Diagnostics: []string{"endpoints/e.yaml:1:16: no"}} },
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
	return answer{w.Code, w.Header(), w.Body.String()}
}

func TestReadinessFollowsTheSnapshotAndTheStop(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{})
	want := func(status int) {
		t.Helper()
		if got := s.admin("GET", "/readyz", nil); got.status != status {
			t.Errorf("/readyz answers %d %s instead of %d", got.status, got.body, status)
		}
	}
	want(http.StatusServiceUnavailable)
	s.serve(files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: m, version: 1}}\n",
		"deployments/m.yaml": deployment(r.url),
	})
	want(http.StatusOK)
	s.gateway.Stop()
	want(http.StatusServiceUnavailable)
	if got := s.post("/v1/e", "{}"); got.status != http.StatusOK {
		t.Errorf("a gateway that stops does not serve until it is gone: %+v", got)
	}
	if got := s.admin("GET", "/healthz", nil); got.status != http.StatusOK {
		t.Errorf("/healthz: %+v", got)
	}
}

func TestSyncAnswersWhatBecameOfTheRevision(t *testing.T) {
	s := newStage(t, options{})
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, http.StatusOK, "{}"},
		{errors.New("the server is down"), http.StatusBadGateway, "the server is down"},
		{s.apply(files{"endpoints/e.yaml": "schemaVersion: 2\n"}), http.StatusConflict, "endpoints/e.yaml:1:16"},
	} {
		got := s.admin("POST", "/sync", func(context.Context) error { return test.err })
		if got.status != test.status || !strings.Contains(got.body, test.body) {
			t.Errorf("%v: %d %s", test.err, got.status, got.body)
		}
	}
	if got := s.admin("GET", "/sync", nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET /sync: %d", got.status)
	}
}

func TestStatusAndTableDescribeWhatServes(t *testing.T) {
	r := newReplica(t, "m")
	s := newStage(t, options{secrets: map[string]string{"TOKEN": "hunter2"}})
	s.serve(files{
		"endpoints/e.yaml": `schemaVersion: 1
backends:
  a: {deployment: {branch: main, name: m, version: latest}, weight: 3}
  b: {static: {"data": 0}}
mirrors:
  m: {deployment: {branch: main, name: m, version: 1}, percent: 25}
assignment: {key: header:x-user-id}
timeout: 10s
`,
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1:\n    url: " + r.url + "\n    headers: {Authorization: 'Bearer ${env:TOKEN}'}\n",
	})
	var status struct {
		Ready    bool
		Revision struct {
			Commit    string
			Endpoints int
		}
		Rejected struct{ Diagnostics []string }
	}
	text := s.admin("GET", "/status", nil)
	if err := json.Unmarshal([]byte(text.body), &status); err != nil {
		t.Fatal(err)
	}
	if !status.Ready || status.Revision.Endpoints != 1 || status.Revision.Commit != s.gateway.Current().Commit() || len(status.Rejected.Diagnostics) != 1 {
		t.Errorf("/status: %s", text.body)
	}
	table := s.admin("GET", "/endpoints", nil)
	for _, want := range []string{
		`"kind": "split"`, `"share": 0.75`, `"version": 1`, `"alias": "latest"`, `"percent": 25`,
		`"header:X-User-Id"`, `"timeoutMs": 10000`, `"static": {`, r.url,
	} {
		if !strings.Contains(table.body, want) {
			t.Errorf("/endpoints does not show %s:\n%s", want, table.body)
		}
	}
	s.post("/v1/e", "{}")
	if metrics := s.admin("GET", "/metrics", nil); strings.Contains(text.body+table.body+metrics.body, "hunter2") {
		t.Error("a secret is shown")
	}
}

func TestTableShowsWhatIsDown(t *testing.T) {
	s := newStage(t, options{})
	s.serve(mirrored("[http://127.0.0.1:1, http://127.0.0.1:1/b]", map[string]string{"m": "http://127.0.0.1:1"}))
	type table struct {
		Endpoints []struct {
			Name     string
			Backends []struct {
				Deployment struct{ Replicas []struct{ Down bool } }
			}
			Mirrors []struct {
				Breaker string
				Rules   struct{ Body struct{ Remove []string } }
			}
		}
	}
	read := func() (downs, breakers []string) {
		var got table
		if err := json.Unmarshal([]byte(s.admin("GET", "/endpoints", nil).body), &got); err != nil {
			t.Fatal(err)
		}
		e := got.Endpoints[0]
		for _, r := range e.Backends[0].Deployment.Replicas {
			downs = append(downs, strconv.FormatBool(r.Down))
		}
		for _, m := range e.Mirrors {
			breakers = append(breakers, m.Breaker+" "+strings.Join(m.Rules.Body.Remove, " "))
		}
		return downs, breakers
	}
	if downs, breakers := read(); !slices.Equal(downs, []string{"false", "false"}) || !slices.Equal(breakers, []string{"closed /response_webhook"}) {
		t.Errorf("before the first request: %v %v", downs, breakers)
	}
	testbed.Eventually(t, "all is shown as down", func() bool {
		s.post("/v1/e", "{}")
		downs, breakers := read()
		return slices.Equal(downs, []string{"true", "true"}) && slices.Equal(breakers, []string{"open /response_webhook"})
	})
}
