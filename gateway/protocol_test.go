package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// speakingH2C starts a deployment that takes HTTP/1.1 and HTTP/2 without TLS, and
// answers with what was spoken and the length of the body.
func speakingH2C(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Spoken", fmt.Sprintf("%s %d", r.Proto, n))
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// A version says what is spoken with its replicas, mirrors' copies included; the
// connections are those of that protocol, also after a swap.
func TestVersionSaysWhatIsSpoken(t *testing.T) {
	url := speakingH2C(t)
	s := newStage(t, options{})
	serve := func(protocol string) {
		s.serve(files{
			"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {live: {deployment: {branch: main, name: m, version: 1}}}\nmirrors: {copy: {deployment: {branch: main, name: m, version: 2}}}\n",
			"deployments/m.yaml": fmt.Sprintf("schemaVersion: 1\nprotocol: %s\nversions: {1: {url: %q}, 2: {url: %q}}\n", protocol, url, url),
		})
	}
	for _, tt := range []struct{ protocol, want string }{{"auto", "HTTP/1.1"}, {"h2c", "HTTP/2.0"}, {"http1", "HTTP/1.1"}, {"h2c", "HTTP/2.0"}} {
		serve(tt.protocol)
		for _, body := range []string{"", "{}", strings.Repeat("x", 100_000)} {
			if got := s.post("/v1/e", body).header.Get("X-Spoken"); got != fmt.Sprintf("%s %d", tt.want, len(body)) {
				t.Errorf("%s: %q", tt.protocol, got)
			}
		}
	}
	for _, f := range s.written(12, role("mirror")) {
		if diff := cmp.Diff("ok", f["outcome"]); diff != "" {
			t.Errorf("a copy: %s %v", diff, f["error"])
		}
	}
	down := newStage(t, options{})
	down.serve(files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {live: {deployment: {branch: main, name: m, version: 1}}}\n",
		"deployments/m.yaml": fmt.Sprintf("schemaVersion: 1\nprotocol: h2c\nversions: {1: {url: %q}}\n", testbed.Faults(t)["refused"]),
	})
	if got := down.post("/v1/e", "{}"); got.status != http.StatusServiceUnavailable && got.status != http.StatusBadGateway {
		t.Errorf("%d", got.status)
	}
}
