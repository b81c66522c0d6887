package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// canned is a transport that answers without a network.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: 2, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}
func (canned) CloseIdleConnections() {}

// nowhere is a writer that keeps nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkRequest is a request through the gateway without a network: what limits
// cost that are not declared, and what each costs that is.
func BenchmarkRequest(b *testing.B) {
	for _, c := range []struct {
		name, version, endpoint string
		overload                gateway.Overload
	}{
		{name: "plain"},
		{name: "timeout in parts", version: "timeout: {connect: 1s, firstByte: 10s, idle: 10s}"},
		{name: "sizes", version: "maxRequestBytes: 1MiB, maxResponseBytes: 1MiB"},
		{name: "maxConcurrent", version: "maxConcurrent: 16"},
		{name: "breaker", version: "breaker: {}"},
		{name: "retries", version: "idempotent: true, retries: {}"},
		{name: "fallback", endpoint: "fallback: b\n"},
		{name: "overload", overload: gateway.Overload{MaxInFlight: 1000, Memory: 1 << 40}},
		{name: "all", version: "timeout: {firstByte: 10s}, maxConcurrent: 16, breaker: {}, idempotent: true, retries: {}", endpoint: "fallback: b\n", overload: gateway.Overload{MaxInFlight: 1000, Memory: 1 << 40}},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := gateway.New(gateway.Options{
				Pool:   deployments.NewPool(deployments.PoolOptions{Transport: func(deployments.Destination) deployments.Transport { return canned{} }}),
				Logger: zerolog.Nop(), Records: record.NewLog(record.Options{Writer: io.Discard}), Overload: c.overload,
			})
			if err := g.Apply(revision(files{
				"endpoints/e.yaml":   "schemaVersion: 1\nbackends:\n  a: {deployment: {branch: main, name: m, version: 1}}\n  b: {static: {}, weight: 0}\n" + c.endpoint,
				"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: [http://h/, http://i/], " + c.version + "}\n",
			}, 1)); err != nil {
				b.Fatal(err)
			}
			body := []byte(`{"data": 10}`)
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/v1/e", strings.NewReader(string(body)))
				g.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
