package serve_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/receiver"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// declaredSinks are those of a configuration file.
func declaredSinks(t *testing.T, text string) serve.Sinks {
	t.Helper()
	sinks, problems := schema.ParseSinks(schema.File{Path: "switchyard.yaml", Data: []byte(text)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return serve.Sinks{Declared: sinks, Secret: func(p schema.Placeholder) (string, error) { return "t0ken-of-" + p.Name, nil }}
}

// received is a webhook's receiver, which heeds the ids of deliveries.
type received struct {
	*httptest.Server
	mu      sync.Mutex
	seen    map[string]bool
	text    strings.Builder
	secret  string
	records int
	fault   *fault // while it lasts answers wait; nil: there is none
}

func newReceived(t *testing.T) *received {
	t.Helper()
	r := &received{seen: map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if r.fault != nil && r.fault.hang(req.Context().Done()) {
			return
		}
		var document struct{ Data []json.RawMessage }
		if err := json.Unmarshal(body, &document); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		id := req.Header.Get("X-Switchyard-Delivery")
		if r.seen[id] {
			return
		}
		r.seen[id] = true
		r.text.Write(body)
		r.secret = req.Header.Get("X-Mb-Webhook-Secret")
		r.records += len(document.Data)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *received) all() (records int, text, secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records, r.text.String(), r.secret
}

func redactingEndpoint() map[string]string {
	return map[string]string{"endpoints/e.yaml": `schemaVersion: 1
backends: {only: {static: {"data": 20, "ssn": "s3cret-of-answers"}}}
capture: {request: true, response: true, redact: [/ssn, /*/ssn]}
`}
}

// comparedEndpoint has a mirror whose answer differs, also in what is redacted.
func comparedEndpoint(t *testing.T) map[string]string {
	live := testbed.HTTP(t, testbed.Says(`{"data": 20, "ssn": "s3cret-of-live", "deep": {"ssn": "s3cret"}, "label": "cat", "score": 0.75}`))
	mirror := testbed.HTTP(t, testbed.Says(`{"data": 21, "ssn": "s3cret-of-mirror", "deep": {"ssn": 1}, "label": "dog", "score": 0.5}`))
	return map[string]string{
		"endpoints/e.yaml": `schemaVersion: 1
backends: {live: {deployment: {branch: main, name: m, version: 1}}}
mirrors: {candidate: {deployment: {branch: main, name: m, version: 2}, compare: {label: /label, score: /score}}}
capture: {request: true, response: true, redact: [/ssn, /*/ssn]}
`,
		"deployments/m.yaml": fmt.Sprintf("schemaVersion: 1\nversions: {1: {url: %s}, 2: {url: %s}}\n", live, mirror),
	}
}

// spooled is all that lies in a spool.
func spooled(dir string) string {
	files, _ := os.ReadDir(dir)
	var all strings.Builder
	for _, file := range files {
		text, _ := os.ReadFile(filepath.Join(dir, file.Name())) // one that is being written changes its name
		all.Write(text)
	}
	return all.String()
}

// A secret in a redacted path, and one that receivers are shown, is in no sink, in no
// span, on no disk on which records wait, and nowhere in what the process tells; the
// records, and how copies compare, are in all sinks.
func TestEverySinkHasTheRecordsAndNoneTheSecret(t *testing.T) {
	dir := t.TempDir()
	hook, collector := newReceived(t), receiver.New(t)
	hook.fault = newFault(t)
	hook.fault.begin()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "records"), kfake.EnableSASL(), kfake.Superuser("PLAIN", "switchyard", "t0ken-of-KAFKA"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	archive, process := filepath.Join(dir, "records.log"), filepath.Join(dir, "process.log")
	o := exporting(collector)
	o.LogFile, o.Recent = &record.FileOptions{Path: process}, new(recent.Options)
	o.Sinks = declaredSinks(t, fmt.Sprintf(`sinks:
  - {name: archive, file: {path: %s}}
  - {name: console, stdout: {}}
  - name: warehouse
    webhook: {url: %s, timeout: 5s, headers: {x-mb-webhook-secret: "${env:HOOK}"}}
    spool: {dir: %s}
  - {name: collector, otlp: {url: %s/v1/logs, headers: {x-secret: "${env:OTLP}"}}}
  - name: stream
    kafka: {brokers: [%q], topic: records, sasl: {mechanism: plain, username: switchyard, password: "${env:KAFKA}"}}
`, archive, hook.URL, filepath.Join(dir, "spool"), collector.URL, cluster.ListenAddrs()[0]))
	r := begin(t, o, comparedEndpoint(t))
	r.ready()
	const calls, records = 21, 2 * 21
	for i := range calls - 1 {
		r.call(http.MethodPost, r.url+"/v1/e", fmt.Sprintf(`{"ssn": "s3cret-%d", "deep": {"s\u0073n": "s3cret"}, "n": %d}`, i, i))
	}
	r.call(http.MethodPost, r.url+"/v1/e", `{"ssn": "s3cret", broken`)
	waiting := ""
	testbed.Eventually(t, "records wait on disk", func() bool {
		waiting = spooled(filepath.Join(dir, "spool"))
		return strings.Count(waiting, `"event":"inference"`) == records
	})
	hook.fault.end()
	testbed.Eventually(t, "the webhook has them", func() bool { count, _, _ := hook.all(); return count == records })
	answers := r.openMetrics()
	for _, page := range []string{"/metrics", "/status", "/records", "/debug/pprof/cmdline"} {
		_, text := r.call(http.MethodGet, r.admin+page, "")
		answers += text
	}
	r.stop()
	if err := testbed.Receive(t, "the end", r.ended); err != nil {
		t.Fatal(err)
	}
	stream := consumer(t, cluster, kgo.SASL(plain.Auth{User: "switchyard", Pass: "t0ken-of-KAFKA"}.AsMechanism()))
	testbed.Eventually(t, "the topic has the records", func() bool { return strings.Count(stream(), `"event":"inference"`) == records })
	_, text, secret := hook.all()
	if secret != "t0ken-of-HOOK" {
		t.Errorf("the webhook got the secret %q", secret)
	}
	outputs := map[string]string{
		"webhook": text, "spool": waiting, "archive": read(t, archive), "process": read(t, process), "console": r.log.String(), "kafka": stream(),
	}
	for name, text := range outputs {
		tellsComparisons(t, name, text, calls)
	}
	compared := 0
	for _, l := range collector.Kept().Logs {
		fields := receiver.Attributes(l.Attributes)
		if diff, _ := fields["diff"].([]any); fields["labelMirror"] == "dog" && fields["scoreDelta"] == -0.25 && len(diff) > 0 {
			compared++
		}
	}
	if got := len(collector.Kept().Logs); got != records || compared != calls {
		t.Errorf("the collector got %d records, %d of them compared", got, compared)
	}
	outputs["collector"], outputs["answers"] = collector.Kept().Raw, answers
	for name, text := range outputs {
		tellsNoSecret(t, name, text)
	}
	if !strings.Contains(answers, `switchyard_sink_lost_total{sink="warehouse"} 0`) {
		t.Error("the metrics do not tell of the sinks")
	}
}

// tellsComparisons checks a text with the records of as many calls of comparedEndpoint.
func tellsComparisons(t *testing.T, name, text string, calls int) {
	t.Helper()
	for what, want := range map[string]int{
		`"event":"inference"`: 2 * calls, `"labelLive":"cat","labelMirror":"dog"`: calls, `"scoreDelta":-0.25`: calls,
		`{"path":"/data","live":20,"mirror":21}`: calls, `{"path":"/ssn","live":"[redacted]","mirror":"[redacted]"}`: calls,
	} {
		if got := strings.Count(text, what); got != want {
			t.Errorf("%s has %s %d times, want %d", name, what, got, want)
		}
	}
}

func tellsNoSecret(t *testing.T, name, text string) {
	t.Helper()
	for _, secret := range []string{"s3cret", "t0ken", base64.StdEncoding.EncodeToString([]byte("s3cret"))} {
		if strings.Contains(text, strings.TrimRight(secret, "=")) {
			t.Errorf("%s has the secret: %s", name, text)
		}
	}
}

// consumer gives the messages of the topic so far, each delivery once.
func consumer(t *testing.T, cluster *kfake.Cluster, o ...kgo.Opt) func() string {
	t.Helper()
	client, err := kgo.NewClient(append(o, kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("records"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var all strings.Builder
	seen := map[string]bool{}
	return func() string {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			if id := string(r.Headers[0].Value); !seen[id] {
				seen[id] = true
				fmt.Fprintf(&all, "%s %s %v\n", r.Key, r.Value, r.Headers)
			}
		})
		return all.String()
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A receiver that hangs touches neither callers nor the log, and what it could not
// take waits on disk for the next process.
func TestM16AReceiverThatHangsTouchesNobody(t *testing.T) {
	hook := newReceived(t)
	hook.fault = newFault(t)
	hook.fault.begin()
	spool := filepath.Join(t.TempDir(), "spool")
	text := fmt.Sprintf(`sinks:
  - name: warehouse
    webhook: {url: %s, timeout: 5s}
    spool: {dir: %s}
`, hook.URL, spool)
	r := start(t, serve.Options{Sinks: declaredSinks(t, text)}, redactingEndpoint())
	const n = 200
	for range n {
		if status, body := r.call(http.MethodPost, r.url+"/v1/e", `{"n": 1}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	testbed.Eventually(t, "the log has all records", func() bool {
		return len(r.lines(func(l line) bool { return l.Event == record.EventInference })) == n
	})
	testbed.Eventually(t, "the disk has them too", func() bool { return len(requestIDs(spooled(spool))) == n })
	r.stop()
	if err := testbed.Receive(t, "the end", r.ended); err != nil {
		t.Fatal(err)
	}
	if count, _, _ := hook.all(); count != 0 {
		t.Errorf("the receiver took %d records while it hung", count)
	}
	hook.fault.end()
	start(t, serve.Options{Sinks: declaredSinks(t, text)}, redactingEndpoint())
	testbed.Eventually(t, "the next process brings the records", func() bool { count, _, _ := hook.all(); return count >= n })
	if count, _, _ := hook.all(); count != n {
		t.Errorf("%d records of %d arrived", count, n)
	}
}

func TestASinkThatCannotBeOpenedIsTold(t *testing.T) {
	for want, text := range map[string]string{
		"sink a: open log":                     "sinks: [{name: a, file: {path: /nowhere/there/x.log}}]",
		"sink b: records go to stdout already": "sinks: [{name: b, stdout: {}}]",
		"sink c: open spool":                   "sinks: [{name: c, webhook: {url: http://127.0.0.1:1/}, spool: {dir: /dev/null/x}}]",
	} {
		err := serve.Run(t.Context(), serve.Options{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Stdout: io.Discard, Sinks: declaredSinks(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
