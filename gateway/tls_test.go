package gateway_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
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

// A replica with which there is no handshake of TLS cannot be connected to: nothing was
// sent, the others get its requests, and it is left aside.
func TestAHandshakeThatFailsIsNoConnection(t *testing.T) {
	a := testbed.NewAuthority(t)
	secure := func(version uint16, asks tls.ClientAuthType) string {
		server := httptest.NewUnstartedServer(testbed.Says("refused all the same"))
		server.EnableHTTP2 = true
		server.TLS = &tls.Config{Certificates: []tls.Certificate{a.Certificate("127.0.0.1")}, MaxVersion: version, ClientAuth: asks, ClientCAs: a.Pool()}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		return server.URL
	}
	https := func(plain string) string { return strings.Replace(plain, "http:", "https:", 1) }
	good := httptest.NewUnstartedServer(testbed.Says("good"))
	good.EnableHTTP2 = true
	good.TLS = &tls.Config{Certificates: []tls.Certificate{a.Certificate("127.0.0.1")}}
	good.StartTLS()
	t.Cleanup(good.Close)
	ca, err := os.ReadFile(a.File())
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"it closes":                              https(testbed.TCP(t, func(*net.TCPConn) {})),
		"it resets":                              https(testbed.TCP(t, func(c *net.TCPConn) { _ = c.SetLinger(0) })),
		"it hangs":                               https(testbed.TCP(t, testbed.Hung)),
		"it wants a certificate, TLS 1.2":        secure(tls.VersionTLS12, tls.RequireAndVerifyClientCert),
		"it wants a certificate, TLS 1.3":        secure(tls.VersionTLS13, tls.RequireAndVerifyClientCert),
		"it speaks no version that is good here": secure(tls.VersionTLS11, tls.NoClientCert),
	} {
		for _, protocol := range []string{"auto", "http1"} {
			t.Run(name+", "+protocol, func(t *testing.T) {
				s := newStage(t, options{secrets: map[string]string{"CA": string(ca)}, transport: func(to deployments.Destination) (deployments.Transport, bool) {
					o := deployments.OptionsFor(to)
					if o.ConnectTimeout = testbed.Patience; name == "it hangs" && to.URL.String() == bad {
						o.ConnectTimeout = 200 * time.Millisecond
					}
					return deployments.NewTransport(o), true // for https that of both engines
				}})
				s.serve(files{
					"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: [" + bad + ", " + good.URL + "], balance: round-robin, protocol: " + protocol + ", tls: {ca: \"${env:CA}\"}}\n",
					"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: 1}}}\n",
				})
				// In TLS 1.3 the refusal comes when the request may be under way, and whether the
				// end of the connection overtakes it is chance.
				chance := strings.HasSuffix(name, "1.3")
				testbed.Eventually(t, "a replica is down", func() bool {
					got := s.post("/v1/e", strings.Repeat("a body ", 1000))
					if (got.status != http.StatusOK || got.body != "good") && (!chance || got.status != http.StatusBadGateway) {
						t.Fatalf("%d %s", got.status, got.body)
					}
					return strings.Contains(s.admin("GET", "/endpoints", nil).body, `"down": true`)
				})
			})
		}
	}
}

// HTTP/2 is spoken where it is offered, and HTTP/1.1 for WebSockets all the same.
func TestTheHandshakeSettlesTheProtocol(t *testing.T) {
	a := testbed.NewAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_, _ = io.WriteString(w, r.Proto)
			return
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			w.WriteHeader(http.StatusTeapot) // it came over HTTP/2
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	}))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{a.Certificate("127.0.0.1")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca, err := os.ReadFile(a.File())
	if err != nil {
		t.Fatal(err)
	}
	for protocol, want := range map[string]string{"auto": "HTTP/2.0", "h2": "HTTP/2.0", "http1": "HTTP/1.1"} {
		s := newStage(t, options{secrets: map[string]string{"CA": string(ca)}})
		s.serve(files{
			"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + server.URL + ", protocol: " + protocol + ", tls: {ca: \"${env:CA}\"}}\n",
			"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: 1}}}\n",
		})
		if got := s.post("/v1/e", "{}"); got.body != want {
			t.Errorf("%s: %d %s", protocol, got.status, got.body)
		}
		if protocol == "h2" {
			continue
		}
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, testbed.UpgradeRequest("/v1/e"))
		answer, _ := io.ReadAll(c)
		_ = c.Close()
		if !strings.HasPrefix(string(answer), "HTTP/1.1 101 ") {
			t.Errorf("%s: a WebSocket: %q", protocol, answer)
		}
	}
}
