package serve_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/gitsync/seed"
	"github.com/switchyard-gateway/switchyard/internal/receiver"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) {
	if !receiver.Main(os.Getenv) {
		testbed.Main(m)
	}
}

// running is a process in the test's own.
type running struct {
	t      testing.TB
	repo   *seed.Repository
	log    *testbed.Log
	url    string
	admin  string
	stop   context.CancelFunc // what SIGTERM does
	abort  chan struct{}
	ended  chan error // has how it ended, and is closed then
	client *http.Client
}

// start serves a repository of these files. It is stopped with the test, which waits for it.
func start(t testing.TB, o serve.Options, files map[string]string) *running {
	t.Helper()
	r := begin(t, o, files)
	r.wait("swap", func(l line) bool { return l.Event == "swap" })
	return r
}

// begin is start without waiting until anything serves.
func begin(t testing.TB, o serve.Options, files map[string]string) *running {
	t.Helper()
	dir := t.TempDir()
	r := &running{t: t, log: &testbed.Log{}, abort: make(chan struct{}), ended: make(chan error, 1)}
	var err error
	if r.repo, err = seed.Create(dir, "main", seed.Author{Name: "T", Email: "t@example.com"}); err != nil {
		t.Fatal(err)
	}
	r.commit(files)
	started := make(chan serve.Addresses, 1)
	o.Listen, o.Admin = "127.0.0.1:0", "127.0.0.1:0"
	if o.Stdout == nil {
		o.Stdout = r.log
	}
	if o.Repository.URL == "" {
		o.Repository = gitsync.Options{URL: dir, Branch: "main", Poll: time.Hour}
	}
	o.Abort = r.abort
	o.Started = func(at serve.Addresses) { started <- at }
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() {
		defer close(r.ended)
		r.ended <- serve.Run(ctx, o)
	}()
	at := testbed.Receive(t, "the start", started)
	r.url, r.admin = "http://"+at.Listen, "http://"+at.Admin
	r.client = &http.Client{Timeout: testbed.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		cancel()
		for range r.ended {
		}
	})
	return r
}

// ready waits until the endpoints serve, for those whose log is not in r.
func (r *running) ready() {
	r.t.Helper()
	testbed.Eventually(r.t, "the endpoints serve", func() bool {
		status, _ := r.call(http.MethodGet, r.admin+"/readyz", "")
		return status == http.StatusOK
	})
}

// metric is the value of a metric with its labels, a whole number.
func (r *running) metric(name string) int {
	r.t.Helper()
	_, metrics := r.call(http.MethodGet, r.admin+"/metrics", "")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\d+)$`).FindStringSubmatch(metrics)
	if m == nil {
		r.t.Fatalf("there is no metric %s", name)
	}
	n, _ := strconv.Atoi(m[1]) // digits
	return n
}

func (r *running) commit(files map[string]string) string {
	r.t.Helper()
	hash, err := r.repo.Commit("Change", files)
	if err != nil {
		r.t.Fatal(err)
	}
	return hash
}

// sync makes what is committed serve.
func (r *running) sync() {
	r.t.Helper()
	status, body := r.call(http.MethodPost, r.admin+"/sync", "")
	if status != http.StatusOK {
		r.t.Fatalf("sync: %d %s", status, body)
	}
}

func (r *running) call(method, url, body string) (int, string) {
	request, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(response.Body); err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, strings.TrimSpace(b.String())
}

// line is what these tests read of a line of the log.
type line struct {
	Event, Message, Commit, Role, Outcome, ErrorKind, RequestID, Backend, Endpoint, Path string
	DeploymentVersion, Status                                                            int
}

func (r *running) lines(match func(line) bool) []line {
	var found []line
	for _, l := range testbed.Lines[line](r.t, r.log) {
		if match(l) {
			found = append(found, l)
		}
	}
	return found
}

// wait waits until the log has a line that matches.
func (r *running) wait(what string, match func(line) bool) {
	r.t.Helper()
	testbed.Eventually(r.t, what+" in the log", func() bool { return len(r.lines(match)) > 0 })
}
