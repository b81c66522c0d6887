package gateway_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Deployments and mirrors are met over https as they say, and whoever lets
// anybody answer is named at each swap and in the table.
func TestTLSOfDeployments(t *testing.T) {
	a := testbed.NewAuthority(t)
	server := httptest.NewUnstartedServer(testbed.Says("good"))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{a.Certificate("127.0.0.1")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca, err := os.ReadFile(a.File())
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, options{secrets: map[string]string{"CA": string(ca)}})
	s.serve(files{
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + server.URL + ", tls: {ca: \"${env:CA}\"}}\n" +
			"  2: {url: " + server.URL + ", tls: {insecure: true}}\n  3: {url: " + server.URL + "}\n",
		"endpoints/e.yaml": "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: 1}}}\n" +
			"mirrors:\n  insecure: {deployment: {branch: main, name: m, version: 2}}\n  strict: {deployment: {branch: main, name: m, version: 3}}\n",
	})
	if got := s.post("/v1/e", "{}"); got.status != http.StatusOK || got.body != "good" {
		t.Errorf("%+v", got)
	}
	got := map[string]any{}
	for _, l := range s.written(3, func(fields) bool { return true }) {
		got[l["backend"].(string)] = l["outcome"]
	}
	if diff := cmp.Diff(map[string]any{"only": "ok", "insecure": "ok", "strict": "error"}, got); diff != "" {
		t.Error(diff)
	}
	const warning = `{"level":"warn","event":"insecure","deployments":["m version 2 on main"],`
	testbed.Eventually(t, "the log has a warning", func() bool { return strings.Contains(s.log.String(), warning) })
	var table struct {
		Endpoints []struct {
			Backends, Mirrors []struct {
				Deployment struct{ TLS map[string]any }
			}
		}
	}
	if err := json.Unmarshal([]byte(s.admin("GET", "/endpoints", nil).body), &table); err != nil {
		t.Fatal(err)
	}
	e := table.Endpoints[0]
	if diff := cmp.Diff(map[string]any{"ca": "${env:CA}", "insecure": false}, e.Backends[0].Deployment.TLS); diff != "" {
		t.Error(diff)
	}
	if e.Mirrors[0].Deployment.TLS["insecure"] != any(true) || e.Mirrors[1].Deployment.TLS != nil {
		t.Errorf("%+v", e.Mirrors)
	}
}
