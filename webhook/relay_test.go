package webhook_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/webhook"
)

// peer is one of several gateways: a receiver that listens on an address of its
// own, all on one port, as the pods of a Service do.
type peer struct {
	address string
	pokes   atomic.Int64
	relays  atomic.Int64
}

// peers starts a gateway at each address of the loopback range.
func peers(t *testing.T, secret string, addresses ...string) (all []*peer, port string) {
	t.Helper()
	for _, address := range addresses {
		p := &peer{address: address}
		var listen net.ListenConfig
		listener, err := listen.Listen(t.Context(), "tcp", net.JoinHostPort(address, port))
		if err != nil {
			t.Skipf("this machine has no such loopback address: %v", err)
		}
		if port == "" {
			_, port, _ = net.SplitHostPort(listener.Addr().String())
		}
		server := &http.Server{ReadHeaderTimeout: time.Second, Handler: webhook.New(webhook.Options{
			Secrets: func() (string, error) { return secret, nil },
			Poke:    func() { p.pokes.Add(1) },
			Relay:   func() { p.relays.Add(1) },
			Answer: func(w http.ResponseWriter, _ *http.Request, status int, _ string) {
				w.WriteHeader(status)
			},
		})}
		ended := make(chan struct{})
		go func() { defer close(ended); _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close(); <-ended })
		all = append(all, p)
	}
	return all, port
}

// relayTo runs a relay to the peers until the test ends.
func relayTo(t *testing.T, port string, logger zerolog.Logger, addresses ...string) *webhook.Relay {
	t.Helper()
	r := webhook.NewRelay(webhook.RelayOptions{
		Peers:   &url.URL{Scheme: "http", Host: "switchyard-peers:" + port, Path: "/-/webhook"},
		Secrets: func() (string, error) { return secret + "\nan older one\n", nil },
		Resolve: func(context.Context, string) ([]string, error) { return addresses, nil },
		Logger:  logger,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return r
}

func TestRelayTellsEveryGatewayOnce(t *testing.T) {
	addresses := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	all, port := peers(t, secret, addresses...)
	relayTo(t, port, zerolog.Nop(), addresses...).Tell()
	for _, p := range all {
		testbed.Eventually(t, "every gateway is told", func() bool { return p.pokes.Load() == 1 })
	}
	for _, p := range all {
		if n := p.relays.Load(); n != 0 {
			t.Errorf("%s told others again %d times: a delivery would go round for ever", p.address, n)
		}
	}
}

func TestRelayGoesOnPastAGatewayThatIsGone(t *testing.T) {
	all, port := peers(t, secret, "127.0.0.1")
	var log testbed.Log
	relayTo(t, port, zerolog.New(&log), "127.0.0.9", "127.0.0.1").Tell()
	testbed.Eventually(t, "the gateway that is there is told", func() bool { return all[0].pokes.Load() == 1 })
	testbed.Eventually(t, "the log says who was not told", func() bool { return strings.Contains(log.String(), "tell 127.0.0.9 of a push") })
}

func TestRelayProvesItselfToPeers(t *testing.T) {
	all, port := peers(t, "another secret", "127.0.0.1")
	var log testbed.Log
	relayTo(t, port, zerolog.New(&log), "127.0.0.1").Tell()
	testbed.Eventually(t, "the log says that the peer has another secret", func() bool { return strings.Contains(log.String(), "401") })
	if n := all[0].pokes.Load(); n != 0 {
		t.Errorf("a peer with another secret looked %d times", n)
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the log has the secret in it")
	}
}

func TestADeliveryIsRelayedOnceAndAPingNever(t *testing.T) {
	all, port := peers(t, secret, "127.0.0.1")
	for _, event := range []string{"ping", "push"} {
		body := main
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Gitlab-Token", secret)
		request.Header.Set("X-Github-Event", event)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	if n := all[0].relays.Load(); n != 1 {
		t.Errorf("a ping and a push were relayed %d times, want once", n)
	}
}
