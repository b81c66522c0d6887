package mirror

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
)

// roundTrip sends the copy as http.Client does: the way that is open to all of
// them, over every transport.
func (c *Copy) roundTrip(w *worker, replica *deployments.Replica) {
	opts := &c.queue.engine.opts
	ctx, cancel := context.WithTimeout(c.queue.engine.base, c.timeout())
	defer cancel()
	if d := c.connectTimeout(); d != nil {
		ctx = context.WithValue(ctx, deployments.ConnectTimeoutKey{}, d)
	}
	u := w.url // a transport may be longer about it than the copy
	req := &http.Request{
		Method: c.Method, URL: &u, Host: c.host(&u), Header: c.header(), Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if c.body != nil {
		// There is no GetBody: a transport must not be able to send it twice.
		body := newReader(c.body)
		defer func() { c.read = body.finish() }() // the transport may not be done with it
		req.Body, req.ContentLength = body, c.body.size
	}
	res, err := replica.RoundTrip(req.WithContext(ctx))
	if err != nil {
		c.fail(ctx, err)
		return
	}
	defer res.Body.Close()
	c.Record.TTFB = time.Since(c.Record.Start)
	c.Record.Status = res.StatusCode
	answer := io.TeeReader(res.Body, &c.rows)
	if c.Tap != nil {
		c.Tap.Begin(res.Header)
		answer = io.TeeReader(answer, c.Tap)
	}
	n, err := io.CopyN(io.Discard, answer, opts.MaxAnswer+1)
	if err != nil && !errors.Is(err, io.EOF) {
		c.Record.ResponseBytes = min(n, opts.MaxAnswer)
		c.fail(ctx, err)
		return
	}
	c.answered(n, opts.MaxAnswer, deployments.Judge(res, n <= opts.MaxAnswer))
}

// connectTimeout is the time.Duration that the version gives to connecting, nil if
// it says nothing about it.
func (c *Copy) connectTimeout() any {
	if d := c.Group.Version().Serving.Limits.Timeout.Connect; d > 0 {
		return d
	}
	return nil
}

func (c *Copy) host(u *url.URL) string {
	if c.Host != "" {
		return c.Host
	}
	return u.Host
}

// header makes a map of the fields.
func (c *Copy) header() http.Header {
	h := make(http.Header)
	for line := range bytes.SplitSeq(c.Fields, []byte("\r\n")) {
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok {
			h[string(name)] = append(h[string(name)], string(value))
		}
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // http.Transport would name itself
	}
	return h
}
