package gateway_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
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
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v1/e", strings.NewReader(body))
		w := httptest.NewRecorder()
		if g.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
	if err := g.Drain(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
	cancel()
	<-written
	pool.Close()
}

// processorTime is what the process has used, in nanoseconds.
func processorTime(b *testing.B) int64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}
