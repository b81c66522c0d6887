package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// BenchmarkComparison is a request of 4 KB of JSON that is answered with 4 KB of
// JSON, and copied to a mirror that answers the same: not compared, compared where
// all bytes are the same, compared where numbers are written otherwise, and where
// some differ. cpu-ns/op is the processor time of the gateway's process, which does
// without a server in front; the deployments have one of their own.
func BenchmarkComparison(b *testing.B) {
	for _, c := range []struct{ name, mirror, compare string }{
		{"off", "same", ", compare: false"},
		{"same-bytes", "same", ""},
		{"same-values", "written", ""},
		{"differ", "differ", ""},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkComparison(b, c.mirror, c.compare) })
	}
}

// answerOf4KB is what the deployments of benchmarks answer.
func answerOf4KB(kind string) string {
	var b strings.Builder
	b.WriteString(`{"data": [`)
	for i := range 70 {
		score := fmt.Sprintf("%.6f", 1/float64(i+2))
		switch {
		case kind == "written":
			score += "0"
		case kind == "differ" && i >= 60:
			score = "0.5"
		}
		fmt.Fprintf(&b, `{"id": %d, "name": "feature %d", "score": %s}, `, i, i, score)
	}
	return b.String() + "0]}"
}

const benchDeployment = "SWITCHYARD_BENCH_DEPLOYMENT"

// TestDeploymentOfBenchmarks is no test: it is a deployment in a process of its own
// until its standard input ends.
func TestDeploymentOfBenchmarks(t *testing.T) {
	if os.Getenv(benchDeployment) == "" {
		t.Skip("it is for benchmarks")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = io.WriteString(w, answerOf4KB(strings.TrimPrefix(r.URL.Path, "/")))
	}))
	defer server.Close()
	_, _ = fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// benchmarked is the URL of a deployment in another process.
func benchmarked(b *testing.B) string {
	b.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestDeploymentOfBenchmarks$")
	child.Env = append(os.Environ(), benchDeployment+"=1")
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = child.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(url)
}

// compares is a gateway under a benchmark, and what has come of its copies.
type compares struct {
	*gateway.Gateway
	results [3]atomic.Int64 // by record.Verdict
	ended   chan struct{}   // of copies that have their record; capacity blockSize, as many as block waits for
	close   func()
}

// newCompares makes a gateway that serves the endpoint e: its mirror is declared so, and
// the endpoint says more.
func newCompares(b *testing.B, live, copied, mirror, more string) *compares {
	b.Helper()
	c := &compares{ended: make(chan struct{}, blockSize)}
	records := record.NewLog(record.Options{Writer: io.Discard})
	ctx, cancel := context.WithCancel(context.Background())
	written := make(chan error, 1) // one result
	go func() { written <- records.Run(ctx) }()
	pool := deployments.NewPool(deployments.PoolOptions{Transport: gateway.OwnTransport})
	c.close = func() {
		cancel()
		if err := <-written; err != nil {
			b.Error(err)
		}
		pool.Close()
	}
	c.Gateway = gateway.New(gateway.Options{
		Pool: pool, Logger: zerolog.Nop(), Records: records,
		Observers: []func(*record.Record){func(r *record.Record) {
			if r.Role != record.Mirror {
				return
			}
			if r.Outcome == record.OK && r.Comparison != nil {
				c.results[r.Comparison.Agree].Add(1)
			}
			select {
			case c.ended <- struct{}{}:
			default: // nobody counts
			}
		}},
	})
	tree := compared(live, copied, mirror)
	tree["endpoints/e.yaml"] += more
	if err := c.Apply(revision(tree, 1)); err != nil {
		b.Fatal(err)
	}
	return c
}

func benchmarkComparison(b *testing.B, kind, compare string) {
	url, body := benchmarked(b), answerOf4KB("same")
	c := newCompares(b, url+"/same", url+"/"+kind, compare, "")
	benchmarkRequests(b, c.Gateway, body)
	for verdict, name := range []string{"unpaired/op", "agree/op", "differ/op"} {
		b.ReportMetric(float64(c.results[verdict].Load())/float64(b.N), name)
	}
	c.close()
}

// BenchmarkCaptureAndComparison is what captured bodies and compared answers cost together,
// of 4 KB of JSON both ways, all of them mirrored: the processor time of a gateway's process
// for a request and its copy, with both and without either. Both gateways take turns
// in one process, a block of requests at a time, so that whatever else the machine does
// meets both. on/off is what it comes to.
func BenchmarkCaptureAndComparison(b *testing.B) {
	for _, c := range []struct{ name, mirror string }{{"same-bytes", "same"}, {"same-values", "written"}, {"differ", "differ"}} {
		b.Run(c.name, func(b *testing.B) {
			url, body := benchmarked(b), answerOf4KB("same")
			off := newCompares(b, url+"/same", url+"/"+c.mirror, ", compare: false", "")
			on := newCompares(b, url+"/same", url+"/"+c.mirror, "", "capture: {request: true, response: true}\n")
			var used [2]int64
			for _, warm := range []*compares{off, on} {
				warm.block(b, body)
			}
			blocks := 0
			for b.Loop() {
				for i, side := range []*compares{off, on} {
					used[i] += side.block(b, body)
				}
				blocks++
			}
			each := float64(blocks * blockSize)
			b.ReportMetric(float64(used[0])/each, "off-cpu-ns/request")
			b.ReportMetric(float64(used[1])/each, "on-cpu-ns/request")
			b.ReportMetric(float64(used[1])/float64(used[0]), "on/off")
			for _, side := range []*compares{off, on} {
				if err := side.Drain(context.Background()); err != nil {
					b.Error(err)
				}
				side.close()
			}
		})
	}
}

// blockSize is how many requests one side makes before it is the other's turn: few
// enough that none of their copies finds the queue full.
const blockSize = 200

// block makes requests, waits for the records of their copies, and gives the processor
// time that all of it took.
func (c *compares) block(b *testing.B, body string) int64 {
	b.Helper()
	before := processorTime(b)
	for range blockSize {
		r := httptest.NewRequest(http.MethodPost, "/v1/e", strings.NewReader(body))
		w := httptest.NewRecorder()
		if c.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
	for range blockSize {
		<-c.ended
	}
	return processorTime(b) - before
}

// The answers of the benchmark are what it says they are.
func TestAnswersOfBenchmarksAreJSON(t *testing.T) {
	for _, kind := range []string{"same", "written", "differ"} {
		if s := answerOf4KB(kind); !json.Valid([]byte(s)) || len(s) < 3500 || len(s) > 4500 {
			t.Errorf("%s has %d bytes", kind, len(s))
		}
	}
}
