package token

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/switchyard-gateway/switchyard/certificates/authorities"
	"github.com/switchyard-gateway/switchyard/schema"
)

// maxDocument is how many bytes a document of the issuer may have.
const maxDocument = 1 << 20

const wellKnown = "/.well-known/openid-configuration"

// newClient makes the client that asks the issuer.
func newClient(o Options) *http.Client {
	return &http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// NewTransport makes a transport that trusts the certificates of a file in PEM, or
// those of the system without one.
func NewTransport(caFile string, proxy func(*http.Request) (*url.URL, error)) (*http.Transport, error) {
	t := &http.Transport{
		Proxy: proxy, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConns: 2, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if caFile == "" {
		return t, nil
	}
	var err error
	t.TLSClientConfig.RootCAs, err = authorities.File(caFile)
	return t, err
}

// fetch reads the keys of the issuer.
func (v *Verifier) fetch(ctx context.Context) (*keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, v.options.Timeout)
	defer cancel()
	from, err := v.keysURL(ctx)
	if err != nil {
		return nil, err
	}
	text, err := v.get(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return parseKeys(text, time.Now())
}

// keysURL is where the keys are: what the discovery document says if it is really
// that of the issuer (OpenID Connect Discovery 1.0, section 4.3).
func (v *Verifier) keysURL(ctx context.Context) (string, error) {
	if v.options.KeysURL != "" {
		return v.options.KeysURL, nil
	}
	text, err := v.get(ctx, strings.TrimSuffix(v.options.Issuer, "/")+wellKnown)
	if err != nil {
		return "", fmt.Errorf("read the discovery document: %w", err)
	}
	return discovered(text, v.options.Issuer)
}

// discovered is where a discovery document says that the keys of the issuer are.
func discovered(text []byte, issuer string) (string, error) {
	var said struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return "", fmt.Errorf("the discovery document is no JSON: %w", err)
	}
	if said.Issuer != issuer {
		return "", fmt.Errorf("the discovery document is that of the issuer %q", said.Issuer)
	}
	u, err := url.Parse(said.KeysURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !schema.IsLoopback(u.Hostname())) {
		return "", fmt.Errorf("the discovery document has %q for jwks_uri, which is not https", said.KeysURL)
	}
	return said.KeysURL, nil
}

// get reads a document of the issuer.
func (v *Verifier) get(ctx context.Context, from string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	answer, err := v.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d", from, answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err == nil && len(text) > maxDocument {
		err = errors.New("the document is above 1 MiB")
	}
	return text, err
}
