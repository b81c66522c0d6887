package gateway_test

import (
	"context"
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

// BenchmarkCapture is a request of 4 KB that is answered with 4 KB and mirrored,
// with its bodies captured and without, over real connections to both. What it
// costs is the processor time of the whole process, servers and callers included.
func BenchmarkCapture(b *testing.B) {
	body := `{"data": [` + strings.Repeat(`{"id": 12345, "name": "some feature", "score": 0.123456},`, 70) + `1], "ssn": "123-45-6789"}`
	for _, c := range []struct{ name, capture string }{
		{"off", ""},
		{"on", "capture: {request: true, response: true}\n"},
		{"redacted", "capture: {request: true, response: true, redact: [/ssn, /data/*/name]}\n"},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkCapture(b, body, c.capture) })
	}
}

func benchmarkCapture(b *testing.B, body, capture string) {
	answer := []byte(body)
	replica := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write(answer)
	}))
	defer replica.Close()
	records := record.NewLog(record.Options{Writer: io.Discard})
	ctx, cancel := context.WithCancel(context.Background())
	written := make(chan error, 1)
	go func() { written <- records.Run(ctx) }()
	pool := deployments.NewPool(deployments.PoolOptions{Transport: gateway.OwnTransport})
	g := gateway.New(gateway.Options{Pool: pool, Logger: zerolog.Nop(), Records: records})
	tree := files{
		"endpoints/e.yaml":        mirroredEndpoint(capture),
		"deployments/live.yaml":   deployment(replica.URL),
		"deployments/copied.yaml": deployment(replica.URL),
	}
	if err := g.Apply(revision(tree, 1)); err != nil {
		b.Fatal(err)
	}
	benchmarkRequests(b, g, body)
	cancel()
	<-written
	pool.Close()
}
