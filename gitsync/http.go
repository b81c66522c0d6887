package gitsync

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/certificates/authorities"
	"github.com/switchyard-gateway/switchyard/internal/retryafter"
)

// httpWire speaks smart HTTP. It has a client of its own, so that connections
// are kept between polls and nothing is shared with the rest of the process.
type httpWire struct {
	service    string // what is spoken with
	base       string // of the repository, without credentials
	scheme     string
	host       string
	client     *http.Client
	pool       *http.Transport
	max        int64
	bytes      atomic.Int64 // received
	login      *login       // nil: nothing is sent
	greeted    *greeting    // of version 2, guessed or from an earlier visit
	redirected string       // where that one came from
}

// The programs on the server that give out objects and take them.
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// beforePack is how much a server may say, in bytes, beside a pack.
const beforePack = 1 << 20

func newHTTPWire(a address, o Options, service string) (*httpWire, error) {
	w := &httpWire{service: service, base: strings.TrimSuffix(a.show, "/"), scheme: a.scheme, host: a.host, max: o.MaxBytes}
	pool, err := httpPool(o, &w.bytes)
	if err != nil {
		return nil, err
	}
	w.pool, w.client = pool, &http.Client{Transport: pool, CheckRedirect: follow}
	app, err := newApp(o.Auth.App, a, w.client)
	if err != nil {
		return nil, err
	}
	if service == uploadPack {
		w.greeted, w.redirected = guess(), w.base
	}
	w.login, err = newLogin(a, o.Auth, app)
	return w, err
}

// httpPool keeps a connection between polls. Over HTTP/2 one that died unseen is
// found by pings.
func httpPool(o Options, received *atomic.Int64) (*http.Transport, error) {
	pool := &http.Transport{
		Proxy:               o.Proxy,
		DialContext:         dialer(received),
		TLSHandshakeTimeout: 15 * time.Second,
		MaxIdleConns:        2,
		IdleConnTimeout:     2*o.Poll + time.Minute,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	config, err := o.Auth.tls()
	pool.TLSClientConfig = config
	return pool, err
}

// tls is whom an https server is checked by, and what it is shown; nil if that
// is as usual.
func (a Auth) tls() (*tls.Config, error) {
	if a.CAFile == "" && a.ClientCertFile == "" && a.ClientKeyFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CAFile != "" {
		var err error
		if config.RootCAs, err = authorities.File(a.CAFile); err != nil {
			return nil, fmt.Errorf("CA certificates: %w", err)
		}
	}
	if a.ClientCertFile != "" || a.ClientKeyFile != "" {
		if _, err := a.clientCertificate(nil); err != nil {
			return nil, err
		}
		config.GetClientCertificate = a.clientCertificate
	}
	return config, nil
}

// clientCertificate reads the files whenever a server asks: such certificates
// are often renewed each day, by others.
func (a Auth) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(a.ClientCertFile, a.ClientKeyFile)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	return &pair, nil
}

func (w *httpWire) close() { w.pool.CloseIdleConnections() }

func (w *httpWire) received() int64 { return w.bytes.Load() }

// visit greets the server. A greeting of version 2 is kept: it says nothing
// about the repository, so that later visits need not ask for it. Nearly all
// servers say the same, so that the first visit does not ask either.
func (w *httpWire) visit(ctx context.Context) (visit, error) {
	v := &httpVisit{wire: w, greeted: w.greeted}
	if v.greeted != nil {
		return v, nil
	}
	resp, err := w.send(ctx, http.MethodGet, w.base+"/info/refs?service="+w.service, nil) //nolint:bodyclose // drain closes it
	if err != nil {
		return nil, err
	}
	defer drain(resp.Body)
	at, ok := strings.CutSuffix(resp.Request.URL.Path, "/info/refs")
	if !ok {
		return nil, &problem{kind: ErrNotGit, detail: "it redirects elsewhere"}
	}
	if v.greeted, err = readGreeting(resp.Body); err != nil {
		return nil, w.explain(ctx, errMisread, err)
	}
	redirected := *resp.Request.URL
	redirected.Path, redirected.RawPath, redirected.RawQuery = at, "", ""
	v.base = redirected.String()
	if v.greeted.version == 2 {
		w.greeted, w.redirected = v.greeted, v.base
	}
	return v, nil
}

// forget lets go of the greeting.
func (w *httpWire) forget() *greeting {
	kept := w.greeted
	w.greeted = nil
	return kept
}

// httpVisit is a greeting: over http every request stands for itself.
type httpVisit struct {
	wire    *httpWire
	greeted *greeting
	base    string // where the greeting was redirected to
}

func (v *httpVisit) greeting() *greeting { return v.greeted }
func (v *httpVisit) close(bool)          {}

func (v *httpVisit) exchange(ctx context.Context, request []byte) (io.ReadCloser, error) {
	resp, err := v.wire.send(ctx, http.MethodPost, cmp.Or(v.base, v.wire.redirected)+"/"+v.wire.service, request) //nolint:bodyclose // the caller closes it
	if err != nil {
		return nil, err
	}
	return drained{resp.Body}, nil
}

// drained is a body that is read to its end before it is closed, so that its
// connection can be used again.
type drained struct{ io.ReadCloser }

func (d drained) Close() error {
	drain(d.ReadCloser)
	return nil
}

func drain(body io.ReadCloser) {
	const most = 64 << 10 // more is dearer than another connection
	_, _ = io.CopyN(io.Discard, body, most)
	_ = body.Close()
}

// send makes one request. When the server refuses access and there are other
// credentials by now, it tries those.
func (w *httpWire) send(ctx context.Context, method, url string, body []byte) (*http.Response, error) {
	if err := w.login.ready(ctx); err != nil {
		return nil, err
	}
	resp, err := w.try(ctx, method, url, body)
	if !w.login.doubtful(err) {
		return resp, err
	}
	changed, renewErr := w.login.renew(ctx)
	if renewErr != nil || !changed {
		return nil, err
	}
	return w.try(ctx, method, url, body)
}

func (w *httpWire) try(ctx context.Context, method, to string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, &problem{kind: ErrNotGit, detail: "its URL cannot be used"}
	}
	req.Header.Set("User-Agent", userAgent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-"+w.service+"-request")
		req.Header.Set("Accept", "application/x-"+w.service+"-result")
	}
	if w.service == uploadPack {
		req.Header.Set("Git-Protocol", "version=2")
		req.Header["Idempotency-Key"] = nil // not sent: it may be repeated when an idle connection turns out to be closed
	}
	if w.login != nil && req.URL.Host == w.host && req.URL.Scheme == w.scheme {
		req.SetBasicAuth(w.login.user, w.login.password)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, w.explain(ctx, ErrUnreachable, withoutURL(err))
	}
	if p := w.judge(method, resp); p != nil {
		drain(resp.Body)
		return nil, p.hidden(w.hidden())
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, w.max+beforePack), resp.Body} // the pack itself is bounded when it is read
	return resp, nil
}

// follow lets only the greeting be redirected, never from https to http, and to
// another server without credentials.
func follow(req *http.Request, via []*http.Request) error {
	switch {
	case via[0].Method != http.MethodGet:
		return http.ErrUseLastResponse
	case len(via) >= 10:
		return errors.New("it redirects without end")
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("it redirects from https to plain http")
	}
	if req.URL.Host != via[0].URL.Host { // another port is another server
		req.Header.Del("Authorization")
	}
	return nil
}

// withoutURL is the reason for which a request failed, without its URL.
func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

func (w *httpWire) hidden() secrets { return w.login.hidden() }

func (w *httpWire) explain(ctx context.Context, kind, err error) error {
	return explained(ctx, w.hidden(), kind, err)
}

// judge says what is wrong with an answer, or nil.
func (w *httpWire) judge(method string, resp *http.Response) *problem {
	detail := "status " + resp.Status
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return &problem{kind: ErrAuth, detail: detail}
	case http.StatusNotFound, http.StatusGone:
		return &problem{kind: ErrNoRepository, detail: detail}
	case http.StatusOK:
	default:
		if resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
			return &problem{kind: errMisread, detail: detail}
		}
		return &problem{kind: ErrUnreachable, detail: detail, after: pauseAsked(resp, time.Now())}
	}
	want := "application/x-" + w.service + "-advertisement"
	if method == http.MethodPost {
		want = "application/x-" + w.service + "-result"
	}
	if got := resp.Header.Get("Content-Type"); got != want {
		return &problem{kind: ErrNotGit, detail: fmt.Sprintf("content type %q", got)}
	}
	return nil
}

// pauseAsked is what the Retry-After of a 429 or 503 asks for.
func pauseAsked(resp *http.Response, now time.Time) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	return retryafter.Parse(resp.Header.Get("Retry-After"), now)
}
