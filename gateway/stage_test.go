package gateway_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/access/token"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/telemetry"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// running are the engines that newStage uses.
var running testbed.Engines

// everyEngine runs all tests with each combination of engines: what callers,
// deployments and the log see is the same with all of them.
type everyEngine struct{ *testing.M }

func (m everyEngine) Run() int {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		return m.M.Run()
	}
	for _, running = range testbed.AllEngines() {
		running.Announce(os.Stdout)
		if code := m.M.Run(); code != 0 {
			return code
		}
	}
	return 0
}

func TestMain(m *testing.M) { testbed.Main(everyEngine{m}) }

// stage is a gateway with real listeners on both sides, and its log.
type stage struct {
	t       *testing.T
	gateway *gateway.Gateway
	url     string
	client  *http.Client
	records *record.Log
	log     *testbed.Log
	commit  int
	stop    func() // ends serving as the process does: requests in flight end first
}

// fields is one line of the log.
type fields map[string]any

type options struct {
	tokens   *token.Verifier
	shared   *shared.Limiter
	mirror   mirror.Options
	pair     pair.Options
	forward  forward.Options
	overload gateway.Overload
	json     gateway.JSON
	secrets  map[string]string
	access   schema.Access // of endpoints that do not say

	records   record.Options // without a Writer, the stage's own
	observers []func(*record.Record)
	traces    *telemetry.Traces                                           // run by the test
	transport func(deployments.Destination) (deployments.Transport, bool) // instead of the engine's, where it says so
	lookup    func(context.Context, string) ([]netip.Addr, error)         // of names whose addresses are replicas
	server    func(*http.Server)                                          // changes the public server's settings
}

// newStage starts a gateway that serves nothing yet. Its copies have all the time that a
// busy machine takes for them, unless the options say otherwise.
func newStage(t *testing.T, o options) *stage {
	t.Helper()
	if o.mirror.Timeout == 0 {
		o.mirror.Timeout = testbed.Patience
	}
	s := &stage{t: t, log: &testbed.Log{}}
	if o.records.Writer == nil {
		o.records.Writer = s.log
	}
	s.records = record.NewLog(o.records)
	ctx, cancel := context.WithCancel(context.Background())
	var writer sync.WaitGroup
	writer.Go(func() { _ = s.records.Run(ctx) })
	connections := o.connections()
	connections.Changed, connections.Lookup = gateway.LogChanges(zerolog.New(s.records)), o.lookup
	connections.MirrorConns = o.mirror.Workers
	pool := deployments.NewPool(connections)
	writer.Go(func() { _ = pool.Run(ctx) })
	s.gateway = gateway.New(gateway.Options{
		Pool: pool, Forward: o.forward, Mirror: o.mirror, Pair: o.pair, Overload: o.overload, JSON: o.json, Records: s.records, Logger: zerolog.New(s.records),
		Observers: o.observers, Traces: o.traces, Access: o.access, Tokens: o.tokens, Shared: o.shared,
		Secrets: deployments.Secrets{Env: func(name string) (string, bool) { v, ok := o.secrets[name]; return v, ok }},
	})
	s.stop = sync.OnceFunc(s.listen(o))
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.stop()
		drain, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		_ = s.gateway.Drain(drain)
		pool.Close()
		cancel()
		writer.Wait()
	})
	return s
}

// connections are how replicas are reached.
func (o options) connections() deployments.PoolOptions {
	transport := standardTransport
	if running.Upstream {
		transport = gateway.OwnTransport
	}
	if o.transport == nil {
		return deployments.PoolOptions{Transport: transport}
	}
	return deployments.PoolOptions{Transport: func(to deployments.Destination) deployments.Transport {
		if t, ok := o.transport(to); ok {
			return t
		}
		return transport(to)
	}}
}

// standardTransport is what a pool uses that is told nothing.
func standardTransport(to deployments.Destination) deployments.Transport {
	t := deployments.NewTransport(deployments.OptionsFor(to))
	if to.Use == (deployments.Use{}) {
		return t
	}
	return deployments.Once(t)
}

// listen serves the gateway on a port of its own.
func (s *stage) listen(o options) (stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.url, s.client = "http://"+l.Addr().String(), &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	std := &http.Server{Handler: s.gateway, ReadHeaderTimeout: 10 * time.Second}
	if o.server != nil {
		o.server(std)
	}
	public := front.New(front.Options{Std: std, StdOnly: !running.Front, Seed: gateway.Seed})
	var serving sync.WaitGroup
	serving.Go(func() { _ = public.Serve(l) })
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), testbed.Patience)
		defer cancel()
		if public.Shutdown(ctx) != nil {
			_ = public.Close()
		}
		serving.Wait()
	}
}

// files is a work tree: path to content.
type files map[string]string

func (f files) tree(commit string) schema.Tree {
	fsys := fstest.MapFS{}
	for path, text := range f {
		fsys[path] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return schema.Tree{Commit: commit, FS: fsys}
}

// apply commits files on the endpoints branch and swaps them in.
func (s *stage) apply(f files) error {
	s.commit++
	return s.gateway.Apply(revision(f, s.commit))
}

// check is apply of what shall not serve.
func (s *stage) check(f files) error {
	s.commit++
	return s.gateway.Check(revision(f, s.commit))
}

func revision(f files, n int) schema.Revision {
	commit := strings.Repeat(string(rune('a'+n%6)), 40)
	return schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": f.tree(commit)}}
}

// serve is apply where nothing may be wrong.
func (s *stage) serve(f files) {
	s.t.Helper()
	if err := s.apply(f); err != nil {
		s.t.Fatalf("the revision is refused:\n%v", err)
	}
}

// answer is what a caller gets.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *stage) post(path, body string, header ...string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, path, strings.NewReader(body), header...)
}

func (s *stage) do(method, path string, body io.Reader, header ...string) answer {
	s.t.Helper()
	res := s.open(method, path, body, header...)
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(read)}
}

// open is do up to the head of the answer, whose body is the caller's to close.
func (s *stage) open(method, path string, body io.Reader, header ...string) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return res
}

// written waits until the log has n inference records that match, and returns
// them.
func (s *stage) written(n int, match func(fields) bool) []fields {
	s.t.Helper()
	var found []fields
	testbed.Eventually(s.t, fmt.Sprintf("the log has %d records", n), func() bool {
		found = s.all(match)
		return len(found) >= n
	})
	return found
}

func role(role string) func(fields) bool { return func(f fields) bool { return f["role"] == role } }

// replica is a real server that answers with its name and keeps what it was
// asked.
type replica struct {
	url   string
	mu    sync.Mutex
	got   []asked
	hosts map[string]string // the Host of the last request, by its URI
}

type asked struct {
	method, uri, body string
	header            http.Header
}

func newReplica(t *testing.T, name string) *replica {
	t.Helper()
	r := &replica{hosts: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.got = append(r.got, asked{req.Method, req.RequestURI, string(body), req.Header.Clone()})
		r.hosts[req.RequestURI] = req.Host
		r.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"data": "`+name+`"}`)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *replica) requests() []asked {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]asked(nil), r.got...)
}

// deployment is a document with one version that answers at url.
func deployment(url string) string {
	return "schemaVersion: 1\nversions:\n  1: {url: " + url + "}\n"
}
