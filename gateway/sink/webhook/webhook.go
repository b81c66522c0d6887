package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/sink"
)

// HeaderDelivery bears the id of the batch.
const HeaderDelivery = "X-Switchyard-Delivery"

// maxAnswer is how much of an answer is read, so that its connection can be used
// again.
const maxAnswer = 64 << 10

// Options say where records are sent.
type Options struct {
	URL string // http or https
	// Header gives the fields of each delivery, such as a secret; nil: none. It is
	// called for each, so that secrets can be exchanged.
	Header func() (http.Header, error)
	// Transport sends; nil means one of its own.
	Transport http.RoundTripper
}

// Webhook sends batches. It is safe for concurrent use.
type Webhook struct {
	opts   Options
	client *http.Client
}

// New makes a Webhook.
func New(o Options) *Webhook {
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second,
		}
	}
	return &Webhook{opts: o, client: &http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes connections that are not in use.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }

// Send is a sink.Send.
func (w *Webhook) Send(ctx context.Context, b sink.Batch) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.opts.URL, bytes.NewReader(document(b.Lines)))
	if err != nil {
		return fmt.Errorf("call webhook: %w", unaddressed(err))
	}
	if w.opts.Header != nil {
		if req.Header, err = w.opts.Header(); err != nil {
			return fmt.Errorf("call webhook: %w", err)
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "switchyard")
	req.Header[HeaderDelivery] = []string{b.ID}
	res, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("call webhook: %w", unaddressed(err))
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	return sink.Judge("the webhook", res.StatusCode, res.Header.Get("Retry-After"))
}

// unaddressed is an error without the URL, which may hold a secret.
func unaddressed(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// document makes one JSON document of lines.
func document(lines []byte) []byte {
	const begin, end = `{"data":[`, `]}`
	b := make([]byte, 0, len(begin)+len(lines)+len(end))
	b = append(b, begin...)
	b = append(b, bytes.TrimSuffix(lines, []byte{'\n'})...)
	for i, c := range b {
		if c == '\n' { // between lines: there is none in a line
			b[i] = ','
		}
	}
	return append(b, end...)
}
