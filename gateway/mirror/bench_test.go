package mirror_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/edit"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// noSend is a mirror that takes a copy and answers without a network.
func noSend(r *http.Request) (*http.Response, error) {
	p := make([]byte, 0, 512)
	if r.ContentLength > int64(cap(p)) {
		_, _ = io.Copy(io.Discard, r.Body)
	} else {
		_, _ = io.ReadFull(r.Body, p[:r.ContentLength])
	}
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}

// BenchmarkCopy is everything that a copy costs but its header and the network:
// admission, capture, dispatch, the attempt, the record.
func BenchmarkCopy(b *testing.B) {
	for _, size := range []int{0, 200, 64 << 10, 1 << 20} {
		for _, shared := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/shared=%t", size, shared), func(b *testing.B) {
				benchmarkCopy(b, size, func(c *mirror.Capture, body []byte, live *bytes.Reader) {
					if shared {
						c.Share(body)
						return
					}
					_, _ = io.Copy(io.Discard, onlyReader{c.Wrap(io.NopCloser(live))})
				})
			})
		}
	}
}

type onlyReader struct{ io.Reader }

func benchmarkCopy(b *testing.B, size int, do func(*mirror.Capture, []byte, *bytes.Reader)) {
	benchmarkBody(b, make([]byte, size), nil, do)
}

func benchmarkBody(b *testing.B, body []byte, edits []*edit.Edit, do func(*mirror.Capture, []byte, *bytes.Reader)) {
	done := make(chan struct{}, 1)
	e := mirror.NewEngine(mirror.Options{Done: func(*mirror.Copy) { done <- struct{}{} }})
	pool := deployments.NewPool(transport(noSend).over())
	u := &url.URL{Scheme: "http", Host: "mirror.invalid", Path: "/predict"}
	group := pool.Bind(&deployments.Version{URLs: []*url.URL{u}}, deployments.Use{Endpoint: "e", Mirror: "m"})
	q := e.Queue("e", "m", nil)
	template := &record.Record{Endpoint: "e", Backend: "m", Role: record.Mirror}
	live := bytes.NewReader(body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		live.Reset(body)
		c := e.NewCapture(int64(len(body)))
		copied := c.Offer(q, template)
		copied.Method, copied.Path, copied.Group = "POST", "/x", group
		copied.Edits = edits
		do(c, body, live)
		c.Finish()
		<-done
	}
	if err := e.Drain(context.Background()); err != nil {
		b.Error(err)
	}
}

// BenchmarkM06Refused is what a copy costs that is not admitted.
func BenchmarkM06Refused(b *testing.B) {
	e := mirror.NewEngine(mirror.Options{MaxBody: 1})
	q := e.Queue("e", "m", nil)
	template := &record.Record{Endpoint: "e", Backend: "m", Role: record.Mirror}
	b.ReportAllocs()
	for b.Loop() {
		c := e.NewCapture(200)
		if c.Offer(q, template) != nil {
			b.Fatal("admitted")
		}
		c.Finish()
	}
}

// BenchmarkRemove is BenchmarkCopy of JSON bodies, with and without names to look
// for and with one of them in the body.
func BenchmarkRemove(b *testing.B) {
	for _, size := range []int{200, 64 << 10, 1000 << 10} {
		words := strings.Repeat(`"res p", "onse", "r", `, size/22)
		for name, edits := range map[string][]*edit.Edit{"off": nil, "absent": removing("response_webhook"), "present": removing("data")} {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				benchmarkBody(b, []byte(`{"data": [`+words+`1]}`), edits, func(c *mirror.Capture, body []byte, _ *bytes.Reader) { c.Share(body) })
			})
		}
	}
}
