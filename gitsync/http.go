package gitsync

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// httpWire speaks smart HTTP. It has a client of its own, so that connections
// are kept between polls and nothing is shared with the rest of the process.
type httpWire struct {
	endpoint  transport.Endpoint
	client    transport.Transport
	pool      *http.Transport
	watch     *watch
	username  string
	token     string
	tokenFile string
}

func newHTTPWire(a address, o Options) (*httpWire, error) {
	w := &httpWire{username: a.user, token: a.password, tokenFile: o.Auth.TokenFile}
	if o.Auth.Token != "" {
		w.token = o.Auth.Token
	}
	if o.Auth.Username != "" {
		w.username = o.Auth.Username
	}
	secret := w.token != "" || w.tokenFile != "" || w.username != ""
	if secret && a.scheme == "http" && !a.loopback() {
		return nil, errors.New("credentials are not sent over plain http, where anyone on the way can read them; use https")
	}
	if secret && w.username == "" {
		w.username = anyUser
	}
	pool, err := httpPool(o)
	if err != nil {
		return nil, err
	}
	e, err := transport.NewEndpoint(a.show)
	if err != nil {
		return nil, errors.New("repository URL cannot be used")
	}
	w.endpoint, w.pool, w.watch = *e, pool, &watch{next: pool, max: o.MaxBytes}
	w.client = githttp.NewClient(&http.Client{Transport: w.watch})
	return w, nil
}

// anyUser is sent with a token when no user name was given; the forges that
// take tokens ignore it.
const anyUser = "git"

func httpPool(o Options) (*http.Transport, error) {
	pool := &http.Transport{
		Proxy:               o.Proxy,
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 15 * time.Second,
		MaxIdleConns:        2,
		IdleConnTimeout:     2*o.Poll + time.Minute,
		ForceAttemptHTTP2:   true,
	}
	if o.Auth.CAFile == "" {
		return pool, nil
	}
	pem, err := os.ReadFile(o.Auth.CAFile)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificates: no PEM certificate in %s", o.Auth.CAFile)
	}
	pool.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return pool, nil
}

func (w *httpWire) close() { w.pool.CloseIdleConnections() }

// connect reads the references. When the server refuses access and the token's
// file holds another token by now, it tries that one.
func (w *httpWire) connect(ctx context.Context) (transport.UploadPackSession, *packp.AdvRefs, error) {
	if w.tokenFile != "" && w.token == "" {
		if _, err := w.reload(); err != nil {
			return nil, nil, err
		}
	}
	up, refs, err := w.try(ctx)
	if !errors.Is(err, ErrAuth) || w.tokenFile == "" {
		return up, refs, err
	}
	changed, reloadErr := w.reload()
	if reloadErr != nil || !changed {
		return nil, nil, err
	}
	return w.try(ctx)
}

func (w *httpWire) reload() (changed bool, err error) {
	data, err := os.ReadFile(w.tokenFile)
	if err != nil {
		return false, &problem{kind: ErrAuth, detail: "token file: " + err.Error()}
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return false, &problem{kind: ErrAuth, detail: "token file " + w.tokenFile + " is empty"}
	}
	changed, w.token = token != w.token, token
	return changed, nil
}

func (w *httpWire) try(ctx context.Context) (transport.UploadPackSession, *packp.AdvRefs, error) {
	w.watch.reset()
	e := w.endpoint // a redirect changes it
	var auth transport.AuthMethod
	if w.token != "" || w.username != "" {
		auth = &githttp.BasicAuth{Username: w.username, Password: w.token}
	}
	up, err := w.client.NewUploadPackSession(&e, auth)
	if err != nil {
		return nil, nil, w.explainConnect(err)
	}
	refs, err := up.AdvertisedReferencesContext(ctx)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if err != nil {
		return nil, nil, w.explainConnect(err)
	}
	return up, refs, nil
}

// hidden is what the server was told; a token may stand in place of the user.
func (w *httpWire) hidden() secrets {
	out := secrets{base64.StdEncoding.EncodeToString([]byte(w.username + ":" + w.token))}
	for _, secret := range []string{w.token, w.username} {
		if secret != anyUser {
			out = append(out, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
	}
	return out
}

// explain prefers what was seen on the wire to what go-git made of it.
func (w *httpWire) explain(err error) error {
	hide := w.hidden()
	seen := w.watch.failure
	if seen == nil {
		return hide.problem(errBroken, err)
	}
	if errors.Is(seen, ErrUnreachable) {
		return hide.problem(errBroken, seen)
	}
	return seen.hidden(hide)
}

// explainConnect is explain for the first step of a session.
func (w *httpWire) explainConnect(err error) error {
	hide := w.hidden()
	if seen := w.watch.failure; seen != nil {
		return seen.hidden(hide)
	}
	return explainRefs(hide, w.watch.head.Bytes(), err)
}

// explainRefs gives the reason why references could not be read.
func explainRefs(hide secrets, head []byte, err error) error {
	switch {
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return ErrEmpty
	case bytes.Contains(head, []byte("object-format=sha256")):
		return &problem{kind: ErrFormat, detail: "object names are SHA-256"}
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return ErrNoRepository
	default:
		return hide.problem(ErrUnreachable, err)
	}
}

// watch is a RoundTripper that remembers how an exchange failed, which go-git's
// errors do not tell, and bounds what is read.
type watch struct {
	next    http.RoundTripper
	max     int64
	failure *problem
	head    bytes.Buffer // first bytes of the references
}

func (t *watch) reset() {
	t.failure = nil
	t.head.Reset()
}

// RoundTrip passes redirects and good answers on, and refuses any other.
func (t *watch) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		t.failure = &problem{kind: ErrUnreachable, detail: err.Error()}
		return nil, err
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return resp, nil
	}
	if t.failure = judge(req, resp); t.failure != nil {
		_ = resp.Body.Close()
		return nil, t.failure
	}
	body := io.LimitReader(resp.Body, t.max+1<<20) // the pack itself is bounded when it is read
	if req.Method == http.MethodGet {
		body = io.TeeReader(body, &firstBytes{&t.head})
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{body, resp.Body}
	return resp, nil
}

// judge says what is wrong with an answer, or nil.
func judge(req *http.Request, resp *http.Response) *problem {
	detail := "status " + resp.Status
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return &problem{kind: ErrAuth, detail: detail}
	case http.StatusNotFound, http.StatusGone:
		return &problem{kind: ErrNoRepository, detail: detail}
	case http.StatusOK:
	default:
		return &problem{kind: ErrUnreachable, detail: detail, after: pauseAsked(resp, time.Now())}
	}
	want := "application/x-git-upload-pack-advertisement"
	if req.Method == http.MethodPost {
		want = "application/x-git-upload-pack-result"
	}
	if got := resp.Header.Get("Content-Type"); got != want {
		return &problem{kind: ErrNotGit, detail: fmt.Sprintf("content type %q", got)}
	}
	return nil
}

// pauseAsked reads the Retry-After of a 429 or 503: seconds or a date.
func pauseAsked(resp *http.Response, now time.Time) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	text := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// firstBytes keeps the beginning of what is written.
type firstBytes struct{ buf *bytes.Buffer }

func (f *firstBytes) Write(p []byte) (int, error) {
	const most = 4 << 10
	if room := most - f.buf.Len(); room > 0 {
		f.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
