package soak_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// condition is what a replica of a model is in.
type condition int

const (
	well condition = iota
	slow
	hung   // it takes requests and does not answer
	killed // its port is closed, and so are its connections
	broken // it answers with a failure of its own; of HTTP only
)

// outOfOrder is what a model answers that is broken, with 503.
const outOfOrder = "the model is out of order"

// model is a model server that can be brought into any condition, always at the
// same address.
type model struct {
	t     *testing.T
	addr  string
	serve func(m *model, l net.Listener) (stop func())

	mu      sync.Mutex
	is      condition
	changed chan struct{} // closed when is changes
	stop    func()        // nil: it is killed
}

func newModel(t *testing.T, serve func(*model, net.Listener) func()) *model {
	t.Helper()
	m := &model{t: t, addr: testbed.Address(t), serve: serve, changed: make(chan struct{}), is: killed}
	m.become(well)
	t.Cleanup(func() { m.become(killed) })
	return m
}

// urls are the addresses of models, as a deployment declares them.
func urls(models []*model) string {
	all := make([]string, len(models))
	for i, m := range models {
		all[i] = "http://" + m.addr
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// become brings the model into a condition.
func (m *model) become(c condition) {
	m.mu.Lock()
	m.is = c
	close(m.changed)
	m.changed = make(chan struct{})
	stop := m.stop
	if c == killed {
		m.stop = nil
	}
	m.mu.Unlock()
	switch {
	case c == killed && stop != nil:
		stop()
	case c != killed && stop == nil:
		m.resurrect()
	}
}

func (m *model) resurrect() {
	var l net.Listener
	testbed.Eventually(m.t, "the port is free", func() (ok bool) {
		var err error
		l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", m.addr)
		return err == nil
	})
	stop := m.serve(m, l)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop = stop
}

// pass returns when a model in this condition gets to a request, and an error if it
// does not before the caller leaves.
func (m *model) pass(ctx context.Context) error {
	for {
		m.mu.Lock()
		is, changed := m.is, m.changed
		m.mu.Unlock()
		var wait <-chan time.Time
		switch is {
		case slow:
			wait = time.After(100 * time.Millisecond)
		case hung:
		case well, killed, broken:
			return ctx.Err()
		}
		select {
		case <-wait:
			return ctx.Err()
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *model) isBroken() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.is == broken
}

// overHTTP serves a handler. arrives is called with each request before anything is done
// about it.
func overHTTP(handle func(m *model, w http.ResponseWriter, r *http.Request), arrives func(*http.Request)) func(*model, net.Listener) func() {
	return func(m *model, l net.Listener) func() {
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrives(r)
			body, err := io.ReadAll(r.Body)
			if err != nil || m.pass(r.Context()) != nil {
				panic(http.ErrAbortHandler)
			}
			if m.isBroken() {
				http.Error(w, outOfOrder, http.StatusServiceUnavailable)
				return
			}
			r.Body = io.NopCloser(&onceRead{body})
			handle(m, w, r)
		})}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = server.Serve(l)
		}()
		return func() {
			_ = server.Close()
			<-ended
		}
	}
}

// onceRead gives what was read before.
type onceRead struct{ rest []byte }

func (o *onceRead) Read(p []byte) (int, error) {
	if len(o.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

// predict doubles a number.
func predict(_ *model, w http.ResponseWriter, r *http.Request) {
	var in struct{ Data int }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"data": %d}`, 2*in.Data)
}

// chunks is how many parts a chat's answer has.
const chunks = 10

// chat answers as OpenAI's API does, with a stream of chunks.
func chat(m *model, w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model  string
		Stream bool
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !in.Stream || r.URL.Path != "/v1/chat/completions" {
		http.Error(w, "not a chat", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range chunks {
		_, _ = fmt.Fprintf(w, `data: {"object":"chat.completion.chunk","model":%q,"choices":[{"index":0,"delta":{"content":"%d"}}]}`+"\n\n", in.Model, i)
		_ = http.NewResponseController(w).Flush()
		if m.pass(r.Context()) != nil {
			return
		}
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// inferService is the service of the Open Inference Protocol.
const inferService = "inference.GRPCInferenceService"

// infer serves ModelInfer over gRPC, and doubles.
func infer(m *model, l net.Listener) func() {
	server := grpc.NewServer(grpc.ForceServerCodec(tensorCodec{}))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: inferService, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "ModelInfer", Handler: func(_ any, ctx context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(tensor)
			if err := errors.Join(read(in), m.pass(ctx)); err != nil {
				return nil, err
			}
			in.value *= 2
			return in, nil
		}}},
	}, nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	return func() {
		server.Stop()
		<-ended
	}
}
