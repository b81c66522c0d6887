package serve_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// gated is a model that tells of each request and answers when it is let.
type gated struct {
	begun chan struct{}
	let   chan struct{}
}

func newGated() gated {
	return gated{begun: make(chan struct{}, 100), let: make(chan struct{})}
}

func (g gated) answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then does the server watch for the caller's end
	g.begun <- struct{}{}
	select {
	case <-g.let:
		_, _ = w.Write([]byte("whole"))
	case <-r.Context().Done():
	}
}

func documents(live, copies string) map[string]string {
	return map[string]string{
		"deployments/model.yaml": fmt.Sprintf("schemaVersion: 1\nversions: {1: {url: %q}, 2: {url: %q}}\n", live, copies),
		"endpoints/model.yaml":   endpoint(1),
	}
}

// Requests that end within the grace period end whole, live and copy, while
// readiness is off and the admin listener still answers.
func TestW05WhatBeganEndsWhole(t *testing.T) {
	live, copies := newGated(), newGated()
	r := start(t, serve.Options{GracePeriod: testbed.Patience}, documents(testbed.HTTP(t, live.answer), testbed.HTTP(t, copies.answer)))
	answered := make(chan string, 1)
	go func() {
		_, body := r.call(http.MethodPost, r.url+"/v1/model", "{}")
		answered <- body
	}()
	testbed.Receive(t, "the live request", live.begun)
	testbed.Receive(t, "a copy", copies.begun)

	r.stop()
	r.wait("beginning of the end", func(l line) bool { return l.Event == "stop" })
	if status, _ := r.call(http.MethodGet, r.admin+"/readyz", ""); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d while stopping", status)
	}
	close(live.let)
	if body := testbed.Receive(t, "the answer", answered); body != "whole" {
		t.Errorf("the live request ended with %q", body)
	}
	close(copies.let)
	if err := testbed.Receive(t, "the process's end", r.ended); err != nil {
		t.Error(err)
	}
	if got := r.lines(func(l line) bool { return l.Role != "" && l.Outcome == "ok" }); len(got) != 2 {
		t.Errorf("want a live and a mirror record that are ok, got %+v", got)
	}
}

// No connection is refused before those who watch readiness could see it go.
func TestW05ListensUntilTheDelayIsOver(t *testing.T) {
	r := start(t, serve.Options{ShutdownDelay: time.Hour, GracePeriod: testbed.Patience},
		documents(testbed.HTTP(t, testbed.Says("1")), testbed.HTTP(t, testbed.Says("2"))))
	r.stop()
	r.wait("beginning of the end", func(l line) bool { return l.Event == "stop" })
	for range 10 {
		r.client.CloseIdleConnections()
		if status, body := r.call(http.MethodPost, r.url+"/v1/model", "{}"); status != http.StatusOK {
			t.Fatalf("refused before the delay was over: %d %s", status, body)
		}
	}
	close(r.abort)
	if err := testbed.Receive(t, "the process's end", r.ended); err != nil {
		t.Error(err)
	}
}

// What does not end in time is cut off and recorded, and the process ends at
// most a second after the grace period.
func TestM21ShutdownRecordsWhatItDrops(t *testing.T) {
	const grace = 200 * time.Millisecond
	copies := newGated()
	r := start(t, serve.Options{GracePeriod: grace, AfterGrace: testbed.Patience}, documents(testbed.HTTP(t, testbed.Says("1")), testbed.HTTP(t, copies.answer)))
	const calls = 20
	for range calls {
		if status, body := r.call(http.MethodPost, r.url+"/v1/model", "{}"); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	testbed.Receive(t, "a copy", copies.begun)
	began := time.Now()
	r.stop()
	if err := testbed.Receive(t, "the process's end", r.ended); err != nil {
		t.Error(err)
	}
	took := time.Since(began)
	if took > grace+time.Second+10*time.Second { // the last for a noisy machine
		t.Errorf("ended after %s", took)
	}
	dropped := r.lines(func(l line) bool { return l.Role == "mirror" && l.Outcome == "dropped" && l.ErrorKind == "shutdown" })
	if len(dropped) != calls {
		t.Errorf("%d of %d copies are recorded as dropped at shutdown", len(dropped), calls)
	}
	r.wait("word of the drops", func(l line) bool {
		return l.Event == "stop" && l.Message == "copies were dropped; their records say so"
	})
	testbed.Measured(t, "M21", "%d of %d copies recorded as dropped at shutdown; the end %.2f s after the grace period of %s",
		len(dropped), calls, (took - grace).Seconds(), grace)
}

// Receivers that hang, the log itself among them, do not keep the process beyond that
// second: all ways to hang at once, with something to tell each of them.
func TestM21ReceiversThatHangDoNotDelayTheEnd(t *testing.T) {
	const grace = 200 * time.Millisecond
	testbed.Eventually(t, "an end within a second after the grace period", func() bool { // one of several, for a noisy machine
		return endWithHangingReceivers(t, grace) <= grace+time.Second
	})
}

// endWithHangingReceivers is how long the end of a process takes.
func endWithHangingReceivers(t *testing.T, grace time.Duration) time.Duration {
	t.Helper()
	webhook, logs, brokers := hangingWebhook(t), failingCollector(t, false), failingBrokers(t, false)
	stdout := hangingStdout(t)
	var declared []string
	for name, f := range map[string]faulty{"webhook": webhook, "logs": logs, "brokers": brokers} {
		declared = append(declared, strings.Replace(f.declared, "name: s", "name: "+name, 1))
	}
	let := make(chan struct{})
	collector := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
		case <-r.Context().Done():
		}
	})
	defer close(let)
	o := serve.Options{GracePeriod: grace, Stdout: stdout.stdout, Sinks: declaredSinks(t, "sinks: ["+strings.Join(declared, ", ")+"]")}
	o.Telemetry = serve.Telemetry{TracesURL: collector + "/v1/traces", MetricsURL: collector + "/v1/metrics", Sampling: 1, MetricsEvery: time.Hour}
	r := begin(t, o, documents(testbed.HTTP(t, testbed.Says("1")), testbed.HTTP(t, testbed.Says("2"))))
	r.ready()
	for _, f := range []faulty{webhook, logs, brokers, stdout} {
		f.fail()
		defer f.mend()
	}
	if status, body := r.call(http.MethodPost, r.url+"/v1/model", "{}"); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	began := time.Now()
	r.stop()
	if err := testbed.Receive(t, "the process's end", r.ended); err == nil {
		t.Error("nobody is told of what was left behind")
	}
	return time.Since(began)
}

// Live requests that are cut off are nobody's fault: their records say shutdown,
// whatever they were at.
func TestW05RequestsThatAreCutOffSayShutdown(t *testing.T) {
	for name, o := range map[string]serve.Options{"std": {}, "own": {OwnFront: true, OwnUpstream: true}} {
		t.Run(name, func(t *testing.T) {
			begun := make(chan struct{}, 100)
			live := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/amid") {
					_, _ = io.WriteString(w, "half")
					_ = http.NewResponseController(w).Flush()
				}
				begun <- struct{}{}
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			})
			o.GracePeriod, o.AfterGrace = 100*time.Millisecond, testbed.Patience
			o.Overload.MaxInFlight = 100 // or nobody counts them
			keyed := endpoint(1) + "assignment: {key: body:/user}\n"
			r := start(t, o, map[string]string{
				"deployments/model.yaml": fmt.Sprintf("schemaVersion: 1\nversions: {1: {url: %q}, 2: {url: %q}}\n", live, live),
				"endpoints/model.yaml":   endpoint(1), "endpoints/keyed.yaml": keyed,
			})
			for _, request := range []string{
				"POST /v1/keyed/ahead HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n{",
				"POST /v1/model/before HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}",
				"POST /v1/model/uploading HTTP/1.1\r\nHost: g\r\nContent-Length: 1000000\r\n\r\n{",
			} {
				if _, err := io.WriteString(dial(t, r.url), request); err != nil {
					t.Fatal(err)
				}
			}
			exchange(t, dial(t, r.url), "POST /v1/model/amid HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}", "half")
			for range 3 + 2 { // live, and the copies of those whose body is whole
				testbed.Receive(t, "a request", begun)
			}
			testbed.Eventually(t, "all four are in flight", func() bool { return r.metric("switchyard_live_in_flight") == 4 })
			r.stop()
			if err := testbed.Receive(t, "the process's end", r.ended); err != nil {
				t.Error(err)
			}
			got := map[string]string{}
			for _, l := range r.lines(func(l line) bool { return l.Role == "live" }) {
				got[l.Path] = fmt.Sprintf("%s %s %d", l.Outcome, l.ErrorKind, l.Status)
			}
			want := map[string]string{
				"/v1/model/before": "error shutdown 503", "/v1/model/amid": "error shutdown 200",
				"/v1/model/uploading": "error shutdown 503", "/v1/keyed/ahead": "error shutdown 503",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Somebody in a hurry waits for nothing.
func TestAbortEndsAtOnce(t *testing.T) {
	live := newGated()
	r := start(t, serve.Options{ShutdownDelay: time.Hour, GracePeriod: time.Hour, AfterGrace: testbed.Patience}, documents(testbed.HTTP(t, live.answer), testbed.HTTP(t, testbed.Says("2"))))
	answered := make(chan int, 1)
	go func() {
		status, _ := r.call(http.MethodPost, r.url+"/v1/model", "{}")
		answered <- status
	}()
	testbed.Receive(t, "the live request", live.begun)
	r.stop()
	close(r.abort)
	if err := testbed.Receive(t, "the process's end", r.ended); err != nil {
		t.Error(err)
	}
	if status := testbed.Receive(t, "the answer", answered); status == http.StatusOK {
		t.Error("a request that was cut off looks whole")
	}
	if got := r.lines(func(l line) bool { return l.Role == "live" && l.ErrorKind == "shutdown" }); len(got) != 1 {
		t.Errorf("want one record of the request that was cut off, got %+v", got)
	}
}

// An upgraded connection is a live request like any other: it may end within the
// grace period, and is cut off and recorded after it.
func TestW05UpgradedConnectionsEndInTime(t *testing.T) {
	for name, o := range map[string]serve.Options{"std": {}, "own": {OwnFront: true, OwnUpstream: true}} {
		t.Run(name, func(t *testing.T) {
			o.GracePeriod = testbed.Patience
			r, conversation := converse(t, o)
			r.stop()
			r.wait("beginning of the end", func(l line) bool { return l.Event == "stop" })
			exchange(t, conversation, "still here", "still here")
			_ = conversation.Close()
			if err := testbed.Receive(t, "the process's end", r.ended); err != nil {
				t.Error(err)
			}
			if got := r.lines(func(l line) bool { return l.Role == "live" && l.Outcome == "ok" }); len(got) != 1 {
				t.Errorf("want one record of the connection that ended in time, got %+v in\n%s", got, r.log.String())
			}

			o.GracePeriod, o.AfterGrace = 100*time.Millisecond, testbed.Patience
			r, _ = converse(t, o)
			r.stop()
			if err := testbed.Receive(t, "the process's end", r.ended); err != nil {
				t.Error(err)
			}
			if got := r.lines(func(l line) bool { return l.Role == "live" && l.ErrorKind == "shutdown" }); len(got) != 1 {
				t.Errorf("want one record of the connection that was cut off, got %+v in\n%s", got, r.log.String())
			}
		})
	}
}

// converse opens an upgraded connection through a gateway to a model that echoes
// what it is sent, byte by byte: what is in the frames of a WebSocket is nothing
// to a gateway.
func converse(t *testing.T, o serve.Options) (*running, net.Conn) {
	t.Helper()
	echo := testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		c, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(c, buffered)
	})
	r := start(t, o, map[string]string{
		"deployments/model.yaml": fmt.Sprintf("schemaVersion: 1\nversions: {1: {url: %q}}\n", echo),
		"endpoints/model.yaml":   "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: model, version: 1}}}\n",
	})
	c := dial(t, r.url)
	exchange(t, c, "GET /v1/model HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "\r\n\r\n")
	exchange(t, c, "hello", "hello")
	return r, c
}

func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// exchange sends a text and reads up to the end of what is to come back.
func exchange(t *testing.T, c net.Conn, text, until string) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(testbed.Patience))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for !strings.HasSuffix(string(got), until) {
		one := make([]byte, 1)
		if _, err := c.Read(one); err != nil {
			t.Fatalf("want %q at the end, got %q and %v", until, got, err)
		}
		got = append(got, one...)
	}
}

// What can fail at the start fails before anything runs, and leaves nothing.
func TestStartFailsAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, o := range map[string]serve.Options{
		"port taken":       {Listen: taken.Addr().String(), Admin: "127.0.0.1:0", Repository: gitsync.Options{URL: "."}},
		"admin port taken": {Listen: "127.0.0.1:0", Admin: taken.Addr().String(), Repository: gitsync.Options{URL: "."}},
		"no log file": {
			Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Repository: gitsync.Options{URL: "."},
			LogFile: &record.FileOptions{Path: filepath.Join(t.TempDir(), "no", "such", "folder", "log")},
		},
		"no branch name": {Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Repository: gitsync.Options{URL: ".", Branch: "a..b"}},
	} {
		t.Run(name, func(t *testing.T) {
			log := &testbed.Log{}
			o.Stdout = log
			if err := serve.Run(t.Context(), o); err == nil {
				t.Error("no error")
			}
			if log.String() != "" {
				t.Errorf("something ran: %s", log.String())
			}
		})
	}
}
