package main

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Two gateways with an authority of their own, whose certificates callers have to have too:
// what a forge tells either of them serves at both, long before their next poll.
func TestGatewaysTellEachOtherOfPushesOverHTTPS(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	r := newReader(t)
	git := func(args ...string) string {
		t.Helper()
		said, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", r.dir, "-c", "user.name=Jo", "-c", "user.email=jo@example.com"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, said)
		}
		return strings.TrimSpace(string(said))
	}
	commit := func(answer string) string {
		t.Helper()
		r.write("endpoints/e.yaml", "schemaVersion: 1\nbackends: {only: {static: "+answer+"}}\n")
		git("add", ".")
		git("commit", "-q", "-m", answer)
		return git("rev-parse", "HEAD")
	}
	git("init", "-q", "-b", "main")
	first := commit("1")

	authority, dir := testbed.NewAuthority(t), t.TempDir()
	cert, key := authority.Issue(dir, "gateway", time.Now().Add(time.Hour), "127.0.0.1")
	secret := filepath.Join(dir, "secret")
	must0(t, os.WriteFile(secret, []byte("the-secret-of-the-forge\n"), 0o600))
	addresses := []string{testbed.Address(t), testbed.Address(t)}
	logs := make([]*testbed.Log, len(addresses))
	for i, address := range addresses {
		logs[i] = startPeer(t, environment{
			"SWITCHYARD_REPO=" + r.dir, "SWITCHYARD_POLL=1h", "SWITCHYARD_LISTEN=" + address, "SWITCHYARD_ADMIN=127.0.0.1:0",
			"SWITCHYARD_TLS_CERT_FILE=" + cert, "SWITCHYARD_TLS_KEY_FILE=" + key, "SWITCHYARD_TLS_CLIENT_CA_FILE=" + authority.File(),
			"SWITCHYARD_WEBHOOK_SECRET_FILE=" + secret, "SWITCHYARD_WEBHOOK_PEERS=https://" + addresses[1-i] + "/-/webhook",
			"SWITCHYARD_WEBHOOK_PEERS_CA_FILE=" + authority.File(), "SWITCHYARD_WEBHOOK_PEERS_CERT_FILE=" + cert, "SWITCHYARD_WEBHOOK_PEERS_KEY_FILE=" + key,
		})
	}
	serves := func(commit string) {
		t.Helper()
		for _, log := range logs {
			if !poll(func() bool { return strings.Contains(log.String(), `"event":"swap","commit":"`+commit) }) {
				t.Fatalf("%s does not serve:\n%s", commit, log.String())
			}
		}
	}
	serves(first)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: authority.Pool(), Certificates: []tls.Certificate{authority.Certificate("forge")}, MinVersion: tls.VersionTLS12,
	}}}
	defer client.CloseIdleConnections()
	for _, address := range addresses {
		pushed := commit(`"as ` + address + ` was told"`)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+"/-/webhook", strings.NewReader("{}"))
		must0(t, err)
		req.Header.Set("X-Gitlab-Token", "the-secret-of-the-forge")
		res, err := client.Do(req)
		must0(t, err)
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			t.Errorf("the delivery was answered with %s", res.Status)
		}
		serves(pushed)
	}
}

// startPeer runs a gateway with these settings until the test ends.
func startPeer(t *testing.T, env environment) *testbed.Log {
	t.Helper()
	log := new(testbed.Log)
	p := process{env: env, stdout: log, stderr: io.Discard}
	s, err := layers{env: env}.resolve()
	must0(t, err)
	o := serveOptions(p, s)
	must0(t, forgeOptions(p, s, &o))
	must0(t, tlsOptions(s, &o))
	must0(t, adminOptions(p, s, &o))
	started := make(chan struct{})
	o.Started = func(serve.Addresses) { close(started) }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-started:
	case err := <-ended:
		t.Fatalf("serve ended: %v", err)
	}
	return log
}
