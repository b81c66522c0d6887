package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// balancing is how operators put HAProxy in front of several gateways: those that
// are ready get requests, and what a gateway left unanswered goes to another. A check has
// its time: bounded by a short inter, it fails at each gateway of a busy machine at once.
const balancing = `
global
	maxconn 1000
defaults
	mode http
	timeout connect 10s
	timeout check 30s
	timeout client 30s
	timeout server 30s
	option httpchk GET /readyz
	option redispatch 1
	retries 3
	retry-on all-retryable-errors
	default-server inter 1s fastinter 100ms fall 2 rise 1
frontend public
	bind %s
	default_backend gateways
backend gateways
	balance roundrobin
`

// balance VARIABLE NAME...: starts HAProxy in front of gateways that `serve` has
// started with --metrics, and sets VARIABLE to its URL.
func cmdBalance(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: balance VARIABLE NAME...")
	}
	address, release, err := testbed.HoldAddress()
	ts.Check(err)
	config := fmt.Sprintf(balancing, address)
	for _, name := range args[1:] {
		upper := strings.ToUpper(name)
		_, port, err := net.SplitHostPort(strings.TrimPrefix(ts.Getenv(upper+"_METRICS"), "http://"))
		ts.Check(err)
		config += fmt.Sprintf("\tserver %s %s check port %s\n", name, ts.Getenv(upper+"_LISTEN"), port)
	}
	file := ts.MkAbs("haproxy.cfg")
	ts.Check(os.WriteFile(file, []byte(config), 0o600))
	haproxy := exec.Command("haproxy", "-db", "-q", "-f", file)
	ts.Check(haproxy.Start())
	w := worldOf(ts)
	w.closers = append(w.closers, func() {
		_ = haproxy.Process.Kill()
		_ = haproxy.Wait()
		release()
	})
	ts.Setenv(args[0], "http://"+address)
}

// subjects N URL...: calls each URL for each of N subjects, and wants the same
// backend for a subject everywhere, and more than one backend in all.
func cmdSubjects(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	met := map[string]int{}
	for i := range n {
		subject, first := "subject-"+strconv.Itoa(i), ""
		for _, url := range args[1:] {
			backend, err := callAs(client, url, subject)
			ts.Check(err)
			if first == "" {
				first = backend
			}
			if backend != first {
				ts.Fatalf("%s meets %s at %s and %s at %s", subject, first, args[1], backend, url)
			}
		}
		met[first]++
	}
	if len(met) < 2 {
		ts.Fatalf("all subjects met one backend: %v", met)
	}
	ts.Logf("%d subjects at %d gateways: %v", n, len(args)-1, met)
}

// callAs makes one call for a subject and tells the backend that answered.
func callAs(client *http.Client, url, subject string) (backend string, err error) {
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(`{"data": 1}`))
	if err != nil {
		return "", err
	}
	request.Header.Set("X-User-Id", subject)
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	return response.Header.Get("X-Switchyard-Backend"), nil
}

// push DIR COMMIT NAME...: pushes what DIR has, waits until COMMIT serves at each of the
// processes, which log at level debug, and wants each to have found it the first time that
// it looked: a look that ends after the push in vain is one that was under way.
func cmdPush(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: push DIR COMMIT NAME...")
	}
	for _, name := range args[2:] {
		if !poll(func() bool { return looksInVain(logFile(ts, name), time.Time{}, args[1]) > 0 }) {
			ts.Fatalf("%s does not tell when it looks at the repository", name)
		}
	}
	ts.Check(ts.Exec("git", "-C", ts.MkAbs(args[0]), "push", "-q", "origin", "main"))
	pushed := time.Now()
	for _, name := range args[2:] {
		if !poll(func() bool { return len(matching(logFile(ts, name), []string{"event=swap", "commit=" + args[1]})) > 0 }) {
			ts.Fatalf("%s does not serve %s", name, args[1])
		}
	}
	ts.Logf("%s serves at all %d of them %v after the push", args[1], len(args)-2, time.Since(pushed).Round(10*time.Millisecond))
	for _, name := range args[2:] {
		if n := looksInVain(logFile(ts, name), pushed, args[1]); n > 1 {
			ts.Fatalf("%s looked at the repository %d times after the push before it found %s", name, n, args[1])
		}
	}
}

// looksInVain is how often a process found something else than a commit, after a time.
func looksInVain(file string, after time.Time, commit string) (n int) {
	for _, line := range matching(file, []string{"event=sync", "message=unchanged"}) {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(line["time"]))
		if err == nil && at.After(after) && line["commit"] != commit {
			n++
		}
	}
	return n
}

// callers is how many call at a time under load.
const callers = 8

// load calls an endpoint in a closed loop until it is told to stop.
type load struct {
	passed atomic.Int64
	failed atomic.Int64
	first  atomic.Pointer[error] // that failed
	stop   chan struct{}
	done   sync.WaitGroup

	newcomers bool // each call opens a connection
}

// load begin URL [newcomers] | passes N | end: has an endpoint called under load,
// waits for N further answers, and at the end wants every one to have been right.
// Newcomers open a connection for each call.
func cmdLoad(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	switch {
	case len(args) >= 2 && args[0] == "begin":
		w.load = &load{stop: make(chan struct{}), newcomers: len(args) == 3 && args[2] == "newcomers"}
		for i := range callers {
			w.load.done.Go(func() { w.load.call(args[1], i) })
		}
		w.closers = append(w.closers, w.load.end)
	case len(args) == 2 && args[0] == "passes":
		n, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		from := w.load.passed.Load()
		if !poll(func() bool { return w.load.passed.Load()-from >= n }) {
			ts.Fatalf("%d answers only", w.load.passed.Load()-from)
		}
	case len(args) == 1 && args[0] == "end":
		w.load.end()
		ts.Logf("%d requests, %d failed", w.load.passed.Load(), w.load.failed.Load())
		if err := w.load.first.Load(); err != nil {
			ts.Fatalf("%d requests failed, the first: %v", w.load.failed.Load(), *err)
		}
	default:
		ts.Fatalf("usage: load begin URL [newcomers] | passes N | end")
	}
}

func (l *load) call(url string, caller int) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: l.newcomers}}
	defer client.CloseIdleConnections()
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return
		default:
		}
		if _, err := callAs(client, url, fmt.Sprintf("%d-%d", caller, i)); err != nil {
			l.failed.Add(1)
			l.first.CompareAndSwap(nil, &err)
			continue
		}
		l.passed.Add(1)
	}
}

// end may be called more than once, by one goroutine at a time.
func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}
