package mirror_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/edit"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/gateway/upstream"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// fixture is an engine with the records of its copies. When the test ends it
// checks what holds for every engine at rest: see close.
type fixture struct {
	*mirror.Engine
	t    *testing.T
	pool *deployments.Pool

	mu      sync.Mutex
	records []record.Record
	more    chan struct{} // capacity 1: a record came
	queues  []*mirror.Queue
	offered map[*mirror.Queue]int64
}

func newFixture(t *testing.T, opts mirror.Options) *fixture {
	t.Helper()
	return newFixtureOver(t, opts, deployments.PoolOptions{})
}

// newFixtureOver makes one whose copies have all the time that a busy machine takes for
// them, unless the options say otherwise.
func newFixtureOver(t *testing.T, opts mirror.Options, over deployments.PoolOptions) *fixture {
	t.Helper()
	if opts.Timeout == 0 {
		opts.Timeout = testbed.Patience
	}
	f := &fixture{
		t: t, pool: deployments.NewPool(over),
		more: make(chan struct{}, 1), offered: map[*mirror.Queue]int64{},
	}
	opts.Done = f.done
	f.Engine = mirror.NewEngine(opts)
	t.Cleanup(f.close)
	return f
}

func (f *fixture) done(c *mirror.Copy) {
	c.Tap.Release()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records = append(f.records, c.Record)
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// close drains the engine and checks that the memory for bodies is free, and that
// the ledger of each queue, its records and what was offered to it agree.
func (f *fixture) close() {
	ctx, cancel := context.WithTimeout(context.Background(), testbed.Patience)
	defer cancel()
	if err := f.Drain(ctx); err != nil {
		f.t.Errorf("Drain: %v", err)
	}
	f.pool.Close()
	if n := f.Captured(); n != 0 {
		f.t.Errorf("%d bytes are captured at rest", n)
	}
	if used := f.pool.Len(); used != 0 {
		f.t.Errorf("%d replicas have requests in flight at rest", used)
	}
	f.balance()
}

func (f *fixture) balance() {
	f.mu.Lock()
	defer f.mu.Unlock()
	told := map[string]int64{} // by mirror and ledger entry
	for _, r := range f.records {
		entry := "sent"
		if r.Outcome == record.Dropped {
			entry = string(r.ErrorKind)
		}
		told[r.Backend+" "+entry]++
	}
	booked := map[string]int64{}
	for i, q := range f.queues {
		counts, sum := q.Counts(), int64(0)
		if counts.Sent > 0 {
			booked[fmt.Sprintf("m%d sent", i)] = counts.Sent
		}
		for reason, n := range counts.Dropped {
			booked[fmt.Sprintf("m%d %s", i, reason)] = n
			sum += n
		}
		if sum += counts.Sent + counts.SampledOut; sum != f.offered[q] {
			f.t.Errorf("mirror %d: the ledger has %d requests, %d were offered: %+v", i, sum, f.offered[q], counts)
		}
		if s := q.State(); s.Slots != 0 || s.Sending != 0 {
			f.t.Errorf("mirror %d at rest: %+v", i, s)
		}
	}
	if diff := cmp.Diff(booked, told); diff != "" {
		f.t.Errorf("ledger and records differ (-ledger +records):\n%s", diff)
	}
}

// clients are the HTTP clients that copies are sent with: the standard library's
// and the gateway's own.
func clients() map[string]deployments.PoolOptions {
	return map[string]deployments.PoolOptions{
		"http.Transport": {},
		"own client": {Transport: func(to deployments.Destination) deployments.Transport {
			standard := deployments.Once(deployments.NewTransport(deployments.OptionsFor(to)))
			if to.URL.Scheme != "http" {
				return standard
			}
			return upstream.New(to.URL.Host, upstream.Options{NoRetry: true, Fallback: standard})
		}},
	}
}

// target is one mirror with its replicas.
type target struct {
	queue *mirror.Queue
	group *deployments.Group
	name  string

	edits []*edit.Edit    // of the bodies of its copies
	tap   func() *tap.Tap // of the answers to its copies; nil: none
}

// mirror adds a mirror that is called at the URL.
func (f *fixture) mirror(rawURL string) target {
	f.t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		f.t.Fatal(err)
	}
	name := fmt.Sprintf("m%d", len(f.queues))
	q := f.Queue("e", name, nil)
	f.queues = append(f.queues, q)
	v := &deployments.Version{Name: "d", Number: 1, URLs: []*url.URL{u}}
	return target{queue: q, group: f.pool.Bind(v, deployments.Use{Endpoint: "e", Mirror: name}), name: name}
}

// offer offers a copy of r to each mirror.
func (f *fixture) offer(c *mirror.Capture, r *http.Request, to ...target) {
	for _, m := range to {
		f.mu.Lock()
		f.offered[m.queue]++
		f.mu.Unlock()
		template := record.Record{
			RequestID: r.Header.Get("X-Request-Id"), Endpoint: "e", Backend: m.name, Role: record.Mirror,
			Method: r.Method, Path: r.URL.Path,
		}
		if copied := c.Offer(m.queue, &template); copied != nil {
			copied.Method, copied.Path, copied.Query = r.Method, r.URL.EscapedPath(), r.URL.RawQuery
			copied.Fields, copied.Group, copied.Edits = fields(r.Header), m.group, m.edits
			if m.tap != nil {
				copied.Tap = m.tap()
			}
		}
	}
}

// fields are the lines of a header.
func fields(h http.Header) []byte {
	var b bytes.Buffer
	_ = h.Write(&b) // a buffer takes everything
	return b.Bytes()
}

// send is a live request that reads its body whole and has a copy for each
// mirror.
func (f *fixture) send(method, path, body string, to ...target) {
	f.t.Helper()
	r := newRequest(f.t, method, path, strings.NewReader(body))
	c := f.NewCapture(r.ContentLength)
	defer c.Finish()
	f.offer(c, r, to...)
	live, err := io.ReadAll(c.Wrap(r.Body))
	if err != nil || string(live) != body {
		f.t.Errorf("live read %d bytes, %v; want %d", len(live), err, len(body))
	}
}

// wait waits until there are n records, and returns them.
func (f *fixture) wait(n int) []record.Record {
	f.t.Helper()
	late := time.NewTimer(testbed.Patience)
	defer late.Stop()
	for {
		f.mu.Lock()
		got := slices.Clip(f.records)
		f.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-f.more:
		case <-late.C:
			f.t.Fatalf("%d records, want %d: %+v", len(got), n, got)
		}
	}
}

// results are what records say about how copies ended, for comparison.
type result struct {
	Outcome record.Outcome
	Kind    record.ErrorKind
	Status  int
}

func resultOf(r record.Record) result { return result{r.Outcome, r.ErrorKind, r.Status} }

// count tallies results.
func count(records []record.Record) map[result]int {
	n := map[result]int{}
	for _, r := range records {
		n[resultOf(r)]++
	}
	return n
}

func newRequest(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), method, url, body)
}

// peak keeps the highest of the values that it is told.
type peak struct{ atomic.Int64 }

func (p *peak) tell(n int64) {
	for old := p.Load(); n > old; old = p.Load() {
		if p.CompareAndSwap(old, n) {
			return
		}
	}
}
