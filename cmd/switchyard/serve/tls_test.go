package serve_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/certificates"
	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// secureHost is the name that these tests call the gateway by.
const secureHost = "models.example.com"

// securely starts a process over TLS with a certificate for secureHost.
func securely(t *testing.T, o serve.Options, files map[string]string) (r *running, a *testbed.Authority, dir string) {
	t.Helper()
	a, dir = testbed.NewAuthority(t), t.TempDir()
	cert, key := a.Issue(dir, "it", time.Now().Add(time.Hour), secureHost)
	o.TLS = &certificates.Options{Pairs: []certificates.Pair{{CertFile: cert, KeyFile: key}}, Interval: 20 * time.Millisecond}
	o.ReadHeaderTimeout = testbed.Patience
	r = start(t, o, files)
	r.url = "https" + strings.TrimPrefix(r.url, "http")
	return r, a, dir
}

// speaking is a client of one version of HTTP, over TLS if it is given an
// authority.
func speaking(t *testing.T, version int, a *testbed.Authority) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(version == 1)
	protocols.SetHTTP2(version == 2)
	tr := &http.Transport{Protocols: &protocols}
	if a == nil {
		protocols.SetUnencryptedHTTP2(version == 2)
		protocols.SetHTTP2(false)
	} else {
		tr.TLSClientConfig = &tls.Config{RootCAs: a.Pool(), ServerName: secureHost}
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: testbed.Patience}
}

// eachWay runs a test for each way by which callers can come.
func eachWay(t *testing.T, files map[string]string, test func(*testing.T, *running, *http.Client)) {
	for _, e := range []bool{false, true} {
		o := serve.Options{OwnFront: e, OwnUpstream: e, H2C: true, GracePeriod: testbed.Patience}
		t.Run(fmt.Sprintf("own engines %v, TLS", e), func(t *testing.T) {
			r, a, _ := securely(t, o, files)
			t.Run("HTTP/1.1", func(t *testing.T) { test(t, r, speaking(t, 1, a)) })
			t.Run("HTTP/2", func(t *testing.T) { test(t, r, speaking(t, 2, a)) })
		})
		t.Run(fmt.Sprintf("own engines %v, h2c", e), func(t *testing.T) {
			r := start(t, o, files)
			test(t, r, speaking(t, 2, nil))
		})
	}
}

func model(url string) map[string]string {
	return map[string]string{
		"deployments/model.yaml": fmt.Sprintf("schemaVersion: 1\nversions: {1: {url: %q}}\n", url),
		"endpoints/model.yaml":   "schemaVersion: 1\nbackends: {live: {deployment: {branch: main, name: model, version: 1}}}\n",
	}
}

func call(t *testing.T, c *http.Client, method, url string, body io.Reader) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// Parts of an answer come as the deployment sends them, with its trailers behind.
func TestH09StreamsOverEveryProtocol(t *testing.T) {
	parts := make(chan string)
	url := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Trailer", "X-Sum")
		for part := range parts {
			if part == "" {
				break
			}
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("X-Sum", "42 "+r.Header.Get("X-Forwarded-Proto"))
	})
	eachWay(t, model(url), func(t *testing.T, r *running, c *http.Client) {
		going := make(chan *http.Response, 1)
		go func() {
			res, err := c.Post(r.url+"/v1/model", "application/json", strings.NewReader("{}"))
			if err != nil {
				t.Error(err)
			}
			going <- res
		}()
		parts <- "data: 1\n\n"
		res := testbed.Receive(t, "the answer", going)
		if res == nil {
			t.FailNow()
		}
		defer res.Body.Close()
		lines := bufio.NewReader(res.Body)
		for i := 1; i <= 3; i++ {
			if line, err := lines.ReadString('\n'); line != fmt.Sprintf("data: %d\n", i) || err != nil {
				t.Fatalf("%q %v", line, err)
			}
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if i < 3 {
				parts <- fmt.Sprintf("data: %d\n\n", i+1)
			}
		}
		parts <- ""
		if _, err := io.Copy(io.Discard, lines); err != nil {
			t.Fatal(err)
		}
		scheme, _, _ := strings.Cut(r.url, ":")
		if got := res.Trailer.Get("X-Sum"); got != "42 "+scheme {
			t.Errorf("the trailer is %q", got)
		}
	})
}

// A caller who leaves (in HTTP/2 by resetting its stream) ends the attempt.
func TestH08CallerWhoLeavesEndsTheAttemptOverEveryProtocol(t *testing.T) {
	begun, left := make(chan struct{}), make(chan struct{})
	url := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		begun <- struct{}{}
		<-r.Context().Done()
		left <- struct{}{}
	})
	eachWay(t, model(url), func(t *testing.T, r *running, c *http.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/v1/model", strings.NewReader("{}"))
			if err == nil {
				var res *http.Response
				if res, err = c.Do(req); err == nil {
					res.Body.Close()
				}
			}
			ended <- err
		}()
		testbed.Receive(t, "the request", begun)
		cancel()
		testbed.Receive(t, "the end at the deployment", left)
		if err := testbed.Receive(t, "the end at the caller", ended); err == nil {
			t.Error("it was answered")
		}
		r.wait("record of the caller who left", func(l line) bool { return l.ErrorKind == "canceled" && l.Status == 499 })
	})
}

// What is sent and what is answered is the same to the byte, however much it is.
func TestLargeBodiesOverEveryProtocol(t *testing.T) {
	const size = 16 << 20
	url := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, _ := io.Copy(h, r.Body)
		w.Header().Set("X-Got", fmt.Sprintf("%d %x", n, h.Sum(nil)))
		_, _ = io.CopyN(w, counted{}, size)
	})
	sum := sha256.New()
	_, _ = io.CopyN(sum, counted{}, size)
	want := fmt.Sprintf("%d %x", size, sum.Sum(nil))
	eachWay(t, model(url), func(t *testing.T, r *running, c *http.Client) {
		res := call(t, c, http.MethodPost, r.url+"/v1/model", io.LimitReader(counted{}, size))
		h := sha256.New()
		n, err := io.Copy(h, res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want, want}, []string{res.Header.Get("X-Got"), fmt.Sprintf("%d %x", n, h.Sum(nil))}); diff != "" {
			t.Error(diff)
		}
	})
}

// counted gives bytes that are not all the same.
type counted struct{}

func (counted) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i * 7)
	}
	return len(p), nil
}

// An answer that comes while the request is being sent reaches the caller.
func TestH06EarlyAnswersOverEveryProtocol(t *testing.T) {
	url := testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too much", http.StatusRequestEntityTooLarge)
	})
	eachWay(t, model(url), func(t *testing.T, r *running, c *http.Client) {
		res := call(t, c, http.MethodPost, r.url+"/v1/model", io.LimitReader(counted{}, 4<<20))
		if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusRequestEntityTooLarge || string(body) != "too much\n" {
			t.Errorf("%d %q", res.StatusCode, body)
		}
	})
}

// Informational answers pass.
func TestH03EarlyHintsOverEveryProtocol(t *testing.T) {
	url := testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "ok")
	})
	eachWay(t, model(url), func(t *testing.T, r *running, c *http.Client) {
		var hints []string
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, " ", h.Get("Link")))
			return nil
		}}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, r.url+"/v1/model", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, _ := io.ReadAll(res.Body); string(body) != "ok" {
			t.Errorf("%q", body)
		}
		if diff := cmp.Diff([]string{"103 </a>; rel=preload"}, hints); diff != "" {
			t.Error(diff)
		}
	})
}

// A tunnel of WebSockets works over TLS.
func TestH09WebSocketOverTLS(t *testing.T) {
	r, a, _ := securely(t, serve.Options{OwnFront: true, OwnUpstream: true}, model(testbed.TCP(t, testbed.WebSocket)))
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: testbed.Patience}, Config: &tls.Config{RootCAs: a.Pool(), ServerName: secureHost}}
	c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(testbed.Patience)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET /v1/model HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	_, _ = io.WriteString(c, "ping")
	echo := make([]byte, 4)
	if _, err := io.ReadFull(in, echo); err != nil || string(echo) != "ping" {
		t.Errorf("%q %v", echo, err)
	}
}

// New certificates serve new connections without a restart, and no request is
// lost meanwhile.
func TestCertificateIsRenewedWhileServing(t *testing.T) {
	r, a, dir := securely(t, serve.Options{OwnFront: true}, static("1"))
	serial := func() string {
		c := speaking(t, 2, a)
		res := call(t, c, http.MethodGet, r.url+"/v1/e", http.NoBody)
		defer c.CloseIdleConnections()
		return res.TLS.PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	a.Issue(dir, "it", time.Now().Add(time.Hour), secureHost)
	testbed.Eventually(t, "the new certificate", func() bool { return serial() != before })
	status, metrics := r.call(http.MethodGet, r.admin+"/metrics", "")
	if status != http.StatusOK || !strings.Contains(metrics, "switchyard_tls_certificate_not_after_timestamp_seconds{file=") {
		t.Errorf("%d, and the metric is missing", status)
	}
}
