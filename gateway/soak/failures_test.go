package soak_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// failing is three models of three replicas each, the gateway before them, and their
// callers.
type failing struct {
	t      *testing.T
	p      *process
	models map[string][]*model
	client *http.Client
	infers *grpc.ClientConn

	sent, begun atomic.Int64 // requests; those whose answer broke off after it had begun
	kills       atomic.Int64 // of replicas

	mu     sync.Mutex
	failed []error // of requests, as their callers saw them
}

const (
	callers   = 4           // of each model
	firstByte = time.Second // how long a replica is waited for, before another one is asked
)

// TestFailuresAreNotTheCallers kills, hangs, slows and resurrects replicas at random
// under load and with swaps, one of three at a time. A replica that is well can
// always answer, so a caller sees a failure only of an answer that has begun, or where
// the budget has denied a retry, as it may on a machine that is so slow that hardly any
// requests come. Every request and every copy has its record, and the ledger closes.
// Ten minutes with -soak, for all engines together.
func TestFailuresAreNotTheCallers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := &failing{t: t, p: start(t, settings{Log: path}), models: map[string][]*model{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	defer f.client.CloseIdleConnections()
	ignored := func(*http.Request) {}
	for name, serve := range map[string]func(*model, net.Listener) func(){"plain": overHTTP(predict, ignored), "chat": overHTTP(chat, ignored), "infer": infer} {
		for range 3 {
			f.models[name] = append(f.models[name], newModel(t, serve))
		}
	}
	f.p.apply(f.files(0))
	f.dial()
	ctx, cancel := context.WithTimeout(t.Context(), lasting(2*time.Second, 10*time.Minute))
	defer cancel()
	var wg sync.WaitGroup
	for _, call := range []func(int) error{f.plain, f.chat, f.infer} {
		for range callers {
			wg.Go(func() { f.calls(ctx, call) })
		}
	}
	wg.Go(func() { f.p.swaps(ctx, f.files) })
	for _, replicas := range f.models {
		wg.Go(func() { f.faults(ctx, replicas) })
	}
	wg.Wait()
	f.settle(path)
}

// lasting is how long replicas are at fault: for a little while, or with -soak for so long
// with all engines together.
func lasting(little, soaked time.Duration) time.Duration {
	switch {
	case *faulty > 0:
		return *faulty
	case *soaking:
		return soaked / time.Duration(len(testbed.AllEngines()))
	}
	return little
}

// files is the work tree; every second one differs.
func (f *failing) files(n int) files {
	tree := files{}
	for name, replicas := range f.models {
		more := "protocol: http1"
		if name == "infer" {
			more = "protocol: h2c"
		}
		tree["deployments/"+name+".yaml"] = "schemaVersion: 1\nidempotent: true\n" +
			"retries: {attempts: 10, on: [connect, reset, timeout, 502, 503, 504], backoff: 5ms, budget: 100%}\n" +
			"outlier: {consecutiveFailures: 3, ejection: 1s, maxEjection: 1s}\n" +
			"maxConcurrent: 50\nbreaker: {failureRate: 100%, minRequests: 1000}\n" +
			"versions:\n  1: {url: " + urls(replicas) + ", timeout: {firstByte: " + firstByte.String() + ", idle: 30s, total: 2m}, " + more + "}\n"
		tree["endpoints/"+name+".yaml"] = "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: " + name + ", version: 1}}}\n"
	}
	tree["endpoints/plain.yaml"] += "mirrors: {m: {deployment: {branch: main, name: plain, version: 1}, percent: 50}}\n"
	if n%2 == 1 {
		tree["endpoints/chat.yaml"] += "timeout: {total: 1m}\n"
		tree["deployments/plain.yaml"] = strings.Replace(tree["deployments/plain.yaml"], "maxConcurrent: 50", "maxConcurrent: 40", 1)
	}
	return tree
}

// dial opens the connection of the callers that speak gRPC.
func (f *failing) dial() {
	c, err := grpc.NewClient("passthrough:///"+f.p.at.TLS, grpc.WithTransportCredentials(
		credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})))
	if err != nil {
		f.t.Fatal(err)
	}
	f.infers = c
	f.t.Cleanup(func() { _ = c.Close() })
}

// calls calls until ctx ends, with a pause now and then.
func (f *failing) calls(ctx context.Context, call func(n int) error) {
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		f.sent.Add(1)
		if err := call(n); err != nil {
			f.mu.Lock()
			f.failed = append(f.failed, err)
			f.mu.Unlock()
		}
		<-pause.C
	}
}

func (f *failing) post(path string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(f.t.Context()), http.MethodPost, "http://"+f.p.at.Public+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return f.client.Do(req)
}

func (f *failing) plain(n int) error {
	res, err := f.post("/v1/plain", map[string]int{"data": n})
	if err != nil {
		return fmt.Errorf("plain: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if want := fmt.Sprintf(`{"data": %d}`, 2*n); err != nil || string(text) != want {
		return fmt.Errorf("plain: answered %d %q, %w", res.StatusCode, text, err)
	}
	return nil
}

func (f *failing) chat(int) error {
	res, err := f.post("/v1/chat/v1/chat/completions", map[string]any{"model": "m", "stream": true})
	if err != nil {
		return fmt.Errorf("chat: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("chat: answered %d %s", res.StatusCode, text)
	}
	whole, err := readChat(res.Body)
	if err == nil && !whole {
		f.begun.Add(1)
	}
	return err
}

// readChat reads the stream of a chat, and reports whether it came to its end. What does
// not stand in such a stream is an error, and so is a stream that ends in order too early.
func readChat(stream io.Reader) (whole bool, err error) {
	next, done := 0, false
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		switch text := lines.Text(); {
		case text == "":
		case text == "data: [DONE]" && next == chunks:
			done = true // and the end has yet to come
		case strings.Contains(text, fmt.Sprintf(`"content":"%d"`, next)):
			next++
		case lines.Err() != nil: // it is the beginning of a line
		default:
			return false, fmt.Errorf("chat: %q instead of part %d", text, next)
		}
	}
	if lines.Err() == nil && !done {
		return false, errors.New("chat: a stream that broke off seems to have come to its end")
	}
	return lines.Err() == nil, nil
}

func (f *failing) infer(n int) error {
	ctx := metadata.AppendToOutgoingContext(context.WithoutCancel(f.t.Context()), "x-switchyard-endpoint", "infer")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	in, out := &tensor{"model", fmt.Sprint(n), int64(n)}, new(tensor)
	err := f.infers.Invoke(ctx, "/"+inferService+"/ModelInfer", in, out, grpc.ForceCodec(tensorCodec{}))
	switch {
	case err != nil && strings.Contains(err.Error(), "RST_STREAM"):
		f.begun.Add(1) // an answer that has not is one of the gateway's errors
		return nil
	case err != nil:
		return fmt.Errorf("infer: %w", err)
	case *out != tensor{"model", in.id, 2 * in.value}:
		return fmt.Errorf("infer: got %+v for %+v", *out, *in)
	}
	return nil
}

// faults brings the replicas of a model into other conditions, at random: one of three
// at a time into one in which it cannot answer, for a moment or for longer than a caller
// is let wait for it, and perhaps another one into one in which it takes its time.
func (f *failing) faults(ctx context.Context, replicas []*model) {
	mend := func() {
		for _, r := range replicas {
			r.become(well)
		}
	}
	defer mend()
	for {
		lasting := 50*time.Millisecond + rand.N(200*time.Millisecond)
		if rand.IntN(3) == 0 {
			lasting = firstByte/2 + rand.N(3*firstByte)
		}
		replicas[rand.IntN(len(replicas))].become(slow)
		ill := []condition{hung, killed}[rand.IntN(2)]
		replicas[rand.IntN(len(replicas))].become(ill)
		if ill == killed {
			f.kills.Add(1)
		}
		select {
		case <-time.After(lasting):
		case <-ctx.Done():
			return
		}
		mend()
	}
}

// settle compares what was sent with what was recorded and counted.
func (f *failing) settle(path string) {
	t := f.t
	counted := f.p.atRest("plain")
	denied := f.p.metric("switchyard_version_retries_denied_total")
	f.p.stop()
	for _, err := range f.failed[:min(len(f.failed), 20)] {
		t.Logf("a caller saw: %v", err)
	}
	if float64(len(f.failed)) > denied {
		t.Errorf("callers saw %d failures that a replica which was well could have answered; %v retries were denied by the budget", len(f.failed), denied)
	}
	counted.isRecorded(t, path, f.sent.Load())
	if broken, most := f.begun.Load(), callers*f.kills.Load(); broken > most {
		t.Errorf("%d answers broke off after they had begun, where replicas that were killed can have had %d", broken, most)
	}
	t.Logf("%d requests, %v attempts that others took the place of, %d answers that broke off after they had begun, %v retries denied by the budget",
		f.sent.Load(), counted.superseded, f.begun.Load(), denied)
}
