package webhook_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

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
	return peersOver(t, nil, secret, addresses...)
}

// peersOver is peers that speak https, but for nil.
func peersOver(t *testing.T, config *tls.Config, secret string, addresses ...string) (all []*peer, port string) {
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
		if config != nil {
			listener = tls.NewListener(listener, config)
		}
		server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: testbed.Patience, Handler: webhook.New(webhook.Options{
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
	return relayOver(t, "http", nil, port, logger, addresses...)
}

// relayOver is relayTo with a scheme.
func relayOver(t *testing.T, scheme string, config *tls.Config, port string, logger zerolog.Logger, addresses ...string) *webhook.Relay {
	t.Helper()
	r := webhook.NewRelay(webhook.RelayOptions{
		Peers:   &url.URL{Scheme: scheme, Host: "switchyard-peers:" + port, Path: "/-/webhook"},
		Secrets: func() (string, error) { return secret + "\nan older one\n", nil },
		Resolve: func(context.Context, string) ([]string, error) { return addresses, nil },
		TLS:     config,
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

// The certificates of peers are for the name that all of them have, and each is called by
// its address.
func TestRelayTellsGatewaysOverTLS(t *testing.T) {
	authority := testbed.NewAuthority(t)
	shown := authority.Certificate("gateway")
	server := &tls.Config{Certificates: []tls.Certificate{authority.Certificate("switchyard-peers")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool()}
	all, port := peersOver(t, server, secret, "127.0.0.1", "127.0.0.2")
	relayOver(t, "https", &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{shown}}, port, zerolog.Nop(), "127.0.0.1", "127.0.0.2").Tell()
	for _, p := range all {
		testbed.Eventually(t, "every gateway is told", func() bool { return p.pokes.Load() == 1 })
	}
	for name, client := range map[string]*tls.Config{
		"the authority of the machine": nil,
		"another authority":            {RootCAs: testbed.NewAuthority(t).Pool(), Certificates: []tls.Certificate{shown}},
		"no certificate":               {RootCAs: authority.Pool()},
	} {
		var log testbed.Log
		relayOver(t, "https", client, port, zerolog.New(&log), "127.0.0.1").Tell()
		testbed.Eventually(t, "with "+name+" the log says that nobody was told", func() bool { return strings.Contains(log.String(), "tell 127.0.0.1 of a push") })
	}
	for _, p := range all {
		if n := p.pokes.Load(); n != 1 {
			t.Errorf("%s was told %d times", p.address, n)
		}
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
