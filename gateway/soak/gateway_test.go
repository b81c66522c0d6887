package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"syscall"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// settingsVariable is the variable of the environment that makes the test's
// binary a gateway; it holds settings.
const settingsVariable = "SWITCHYARD_SOAK_GATEWAY"

// settings are those of a gateway in a process of its own. What is zero has the
// default.
type settings struct {
	Engines       testbed.Engines
	Log           string // path of the file for the log; empty: it goes nowhere
	MaxBody       int64
	MirrorTimeout time.Duration
	HeaderTimeout time.Duration
}

// addresses is what the process tells on its stdout once it serves.
type addresses struct{ Public, Admin, TLS string }

// serve is the gateway's process. It ends when its stdin does.
func serve(text string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	sink, err := openSink(s.Log)
	if err != nil {
		return err
	}
	records := record.NewLog(record.Options{Writer: sink, Grace: func() time.Duration { return testbed.Patience }})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var writing sync.WaitGroup
	writing.Go(func() { _ = records.Run(ctx) })
	g := gateway.New(gateway.Options{
		Pool: deployments.NewPool(deployments.PoolOptions{Transport: s.transport}), Records: records, Logger: zerolog.Nop(),
		Mirror: mirror.Options{MaxBody: s.MaxBody, Timeout: s.MirrorTimeout},
	})
	stop, err := s.listen(g, sink)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	drain, done := context.WithTimeout(context.Background(), time.Second)
	defer done()
	_ = g.Drain(drain)
	cancel()
	writing.Wait()
	return nil
}

// listen opens the listeners and tells their addresses.
func (s settings) listen(g *gateway.Gateway, sink *sink) (stop func(), err error) {
	header := s.HeaderTimeout
	if header == 0 {
		header = 10 * time.Second
	}
	std := &http.Server{Handler: g, ReadHeaderTimeout: header}
	public := front.New(front.Options{Std: std, StdOnly: !s.Engines.Front, Seed: gateway.Seed}) // as switchyard serve has it
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	admin := httptest.NewServer(control(g, sink))
	secure := httptest.NewUnstartedServer(g)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	var serving sync.WaitGroup
	serving.Go(func() { _ = public.Serve(l) })
	at := addresses{l.Addr().String(), admin.Listener.Addr().String(), secure.Listener.Addr().String()}
	return func() {
		_ = public.Close()
		secure.CloseClientConnections()
		secure.Close()
		admin.Close()
		serving.Wait()
	}, json.NewEncoder(os.Stdout).Encode(at)
}

// control is the admin handler and what tests want besides.
func control(g *gateway.Gateway, sink *sink) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(g.Collector(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("/", g.Admin(gateway.AdminOptions{
		Gatherer: registry, Sync: func(context.Context) error { return nil }, Status: func() any { return nil },
	}))
	mux.HandleFunc("POST /apply", func(w http.ResponseWriter, r *http.Request) {
		var files map[string]string
		if err := json.NewDecoder(r.Body).Decode(&files); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fsys := fstest.MapFS{}
		for path, text := range files {
			fsys[path] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		}
		commit := fmt.Sprintf("%040x", time.Now().UnixNano())
		if err := g.Apply(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {Commit: commit, FS: fsys}}}); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	mux.HandleFunc("POST /block", func(http.ResponseWriter, *http.Request) { sink.mu.Lock() })
	mux.HandleFunc("POST /unblock", func(http.ResponseWriter, *http.Request) { sink.mu.Unlock() })
	return mux
}

// sink is where the log goes; while it is locked, it takes nothing.
type sink struct {
	mu sync.Mutex
	w  io.Writer
}

func openSink(path string) (*sink, error) {
	if path == "" {
		return &sink{w: io.Discard}, nil
	}
	f, err := os.Create(path)
	return &sink{w: f}, err
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// transport is that of the engines, but for hosts that stand for a fault.
func (s settings) transport(to deployments.Destination) deployments.Transport {
	dialing := func(dial func(context.Context, string, string) (net.Conn, error)) deployments.Transport {
		return deployments.Once(&http.Transport{DialContext: dial})
	}
	switch to.URL.Hostname() {
	case "panic.invalid":
		return panicking{}
	case "hole.invalid":
		return dialing(func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
		})
	case "gone.invalid":
		return dialing(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ETIMEDOUT}
		})
	case "unknown.invalid":
		return dialing((&net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "udp", Err: syscall.ECONNREFUSED}
		}}}).DialContext)
	}
	if s.Engines.Upstream {
		return gateway.OwnTransport(to)
	}
	t := deployments.NewTransport(deployments.OptionsFor(to))
	if to.Use == (deployments.Use{}) {
		return t
	}
	return deployments.Once(t)
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("a bug") }
func (panicking) CloseIdleConnections()                           {}
