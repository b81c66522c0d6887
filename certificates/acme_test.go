package certificates_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/certificates"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// issuer is as much of an ACME server as it takes to issue one certificate: it
// calls the listener for the proof and believes every signature.
type issuer struct {
	t      *testing.T
	signer *testbed.Authority
	url    string
	prove  string // the address of the listener

	mu     sync.Mutex
	valid  bool
	chain  []byte
	orders int
}

func newIssuer(t *testing.T, prove string) (i *issuer, caFile string) {
	t.Helper()
	i = &issuer{t: t, signer: testbed.NewAuthority(t), prove: prove}
	server := httptest.NewTLSServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL
	caFile = filepath.Join(t.TempDir(), "acme.pem")
	write(t, caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return i, caFile
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Header().Set("Replay-Nonce", "nonce")
	say := func(status int, at string, value map[string]any) {
		w.Header().Set("Location", i.url+at)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value)
	}
	order := map[string]any{"status": "pending", "authorizations": []string{i.url + "/authz"}, "finalize": i.url + "/finalize", "identifiers": []map[string]string{{"type": "dns", "value": "a.example.com"}}}
	if i.valid {
		order["status"] = "ready"
	}
	if i.chain != nil {
		order["status"], order["certificate"] = "valid", i.url+"/cert"
	}
	status := map[bool]string{false: "pending", true: "valid"}[i.valid]
	challenge := map[string]any{"type": "tls-alpn-01", "url": i.url + "/challenge", "token": "token", "status": status}
	switch r.URL.Path {
	case "/directory":
		say(http.StatusOK, "", map[string]any{"newNonce": i.url + "/nonce", "newAccount": i.url + "/account", "newOrder": i.url + "/order"})
	case "/account":
		say(http.StatusCreated, "/account/1", map[string]any{"status": "valid"})
	case "/order":
		i.orders++
		say(http.StatusCreated, "/order/1", order)
	case "/authz":
		say(http.StatusOK, "", map[string]any{"status": status, "identifier": map[string]string{"type": "dns", "value": "a.example.com"}, "challenges": []any{challenge}})
	case "/challenge":
		i.valid = i.proven()
		say(http.StatusOK, "", challenge)
	case "/finalize":
		i.chain = i.issue(r)
		order["status"], order["certificate"] = "valid", i.url+"/cert"
		say(http.StatusOK, "/order/1", order)
	case "/cert":
		_, _ = w.Write(i.chain)
	default: // the order itself, and nonces
		say(http.StatusOK, r.URL.Path, order)
	}
}

// proven calls the listener as RFC 8737 says, without a certificate.
func (i *issuer) proven() bool {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: testbed.Patience}, Config: &tls.Config{
		ServerName: "a.example.com", NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true,
	}}
	c, err := d.DialContext(i.t.Context(), "tcp", i.prove)
	if err != nil {
		i.t.Errorf("the proof: %v", err)
		return false
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().NegotiatedProtocol == "acme-tls/1"
}

func (i *issuer) issue(r *http.Request) []byte {
	var message struct{ Payload string }
	var payload struct{ CSR string }
	_ = json.NewDecoder(r.Body).Decode(&message)
	text, _ := base64.RawURLEncoding.DecodeString(message.Payload)
	_ = json.Unmarshal(text, &payload)
	der, _ := base64.RawURLEncoding.DecodeString(payload.CSR)
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		i.t.Errorf("the request for a certificate: %v", err)
		return []byte{}
	}
	cert := i.signer.Sign(csr.PublicKey, time.Now().Add(90*24*time.Hour), "a.example.com")
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// A certificate is issued at the first handshake for its name, also where callers
// need certificates of their own, is kept, and is asked for by nobody else's name.
func TestACMEIssuesAtTheFirstHandshake(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i, caFile := newIssuer(t, l.Addr().String())
	callers, state := testbed.NewAuthority(t), t.TempDir()
	s, err := certificates.Open(certificates.Options{
		ACME:         &certificates.ACME{Hosts: []string{"a.example.com"}, Directory: i.url + "/directory", CAFile: caFile, State: state},
		ClientCAFile: callers.File(), Logger: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	config := s.Config()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(testbed.Patience))
				_ = tls.Server(c, config).HandshakeContext(context.WithoutCancel(t.Context()))
			})
		}
	})
	defer serving.Wait()
	defer l.Close()
	dial := func(name string) error {
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: testbed.Patience}, Config: &tls.Config{
			ServerName: name, RootCAs: i.signer.Pool(), NextProtos: []string{"h2"}, Certificates: []tls.Certificate{callers.Certificate("caller")},
		}}
		c, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	for range 2 {
		if err := dial("a.example.com"); err != nil {
			t.Fatal(err)
		}
	}
	if err := dial("b.example.com"); err == nil {
		t.Error("there is a certificate for a name that is not ours")
	}
	kept, err := os.ReadDir(filepath.Join(state, "acme"))
	if err != nil || len(kept) == 0 {
		t.Errorf("nothing is kept: %v", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.orders != 1 {
		t.Errorf("%d orders", i.orders)
	}
}
