package serve_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/receiver"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// faulty is a sink whose receiver fails for a while.
type faulty struct {
	declared   string    // as an item of sinks
	stdout     io.Writer // nil: nobody cares
	fail, mend func()
	text       func() string // the lines that the receiver has
}

// fault is a time in which a receiver fails.
type fault struct {
	failing atomic.Bool
	mended  chan struct{} // closed by its end
}

func newFault(t *testing.T) *fault {
	f := &fault{mended: make(chan struct{})}
	t.Cleanup(func() {
		if f.failing.Load() {
			f.end()
		}
	})
	return f
}

func (f *fault) begin() { f.failing.Store(true) }

func (f *fault) end() {
	f.failing.Store(false)
	close(f.mended)
}

// hang waits while it lasts. It is true if over came first.
func (f *fault) hang(over <-chan struct{}) bool {
	if !f.failing.Load() {
		return false
	}
	select {
	case <-f.mended:
		return false
	case <-over:
		return true
	}
}

// TestM16EverySinkFailsUnderLoad has the receiver of each sink hang, refuse or be killed
// while callers call: each call is answered, and once the receiver is mended it has each
// record once, or it is counted and told as lost.
func TestM16EverySinkFailsUnderLoad(t *testing.T) {
	const callers, each = 3, 200
	var arrived, lost, cases atomic.Int64
	t.Run("sinks", func(t *testing.T) {
		for name, open := range map[string]func(t *testing.T) faulty{
			"stdout hangs":            hangingStdout,
			"file hangs":              hangingFile,
			"webhook hangs":           hangingWebhook,
			"webhook is killed":       killedWebhook,
			"collector hangs":         func(t *testing.T) faulty { return failingCollector(t, false) },
			"collector refuses":       func(t *testing.T) faulty { return failingCollector(t, true) },
			"brokers hang":            func(t *testing.T) faulty { return failingBrokers(t, false) },
			"brokers cut connections": func(t *testing.T) faulty { return failingBrokers(t, true) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got, counted := failUnderLoad(t, open(t), callers, each)
				arrived.Add(int64(got))
				lost.Add(int64(counted))
				cases.Add(1)
			})
		}
	})
	testbed.Measured(t, "M16", "%d calls, %d for each of %d ways in which the five sinks hang, refuse or are killed under load: errors 0, %d records arrived, each once, %d are told as lost",
		cases.Load()*callers*each, callers*each, cases.Load(), arrived.Load(), lost.Load())
}

func failUnderLoad(t *testing.T, f faulty, callers, each int) (arrived, lost int) {
	o := serve.Options{Stdout: f.stdout, LogFile: &record.FileOptions{Path: filepath.Join(t.TempDir(), "process.log")}}
	o.Sinks = declaredSinks(t, "sinks: ["+f.declared+"]")
	r := begin(t, o, redactingEndpoint())
	r.ready()
	body := `{"a": "` + strings.Repeat("x", 4000) + `"}`
	var calls atomic.Int64
	var calling sync.WaitGroup
	for range callers {
		calling.Go(func() {
			for range each {
				if calls.Add(1) == int64(each) { // all callers are at it
					f.fail()
				}
				if status, text := r.call(http.MethodPost, r.url+"/v1/e", body); status != http.StatusOK {
					t.Errorf("a caller got %d %s", status, text)
				}
			}
		})
	}
	calling.Wait()
	const sinkLost, sinkFailed = `switchyard_sink_lost_total{sink="s"}`, `switchyard_sink_failures_total{sink="s"}`
	testbed.Eventually(t, "it is felt", func() bool { return r.metric(sinkLost)+r.metric(sinkFailed) > 0 })
	f.mend()
	testbed.Eventually(t, "the receiver has all records that are not counted", func() bool {
		return len(requestIDs(f.text()))+r.metric(sinkLost) >= callers*each && toldLost(f.text()) == r.metric(sinkLost)
	})
	lost = r.metric(sinkLost)
	r.stop()
	if err := testbed.Receive(t, "the end", r.ended); err != nil {
		t.Error(err)
	}
	ids := requestIDs(f.text())
	for id, n := range ids {
		if n != 1 {
			t.Errorf("the record of %s is there %d times", id, n)
		}
	}
	if len(ids)+lost != callers*each || toldLost(f.text()) != lost {
		t.Errorf("%d records arrived, %d are counted as lost and %d told, of %d", len(ids), lost, toldLost(f.text()), callers*each)
	}
	return len(ids), lost
}

// requestIDs counts the records of each request.
func requestIDs(text string) map[string]int {
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(`"event":"inference","requestId":"(\w+)"`).FindAllStringSubmatch(text, -1) {
		ids[m[1]]++
	}
	return ids
}

// toldLost is how many records lines tell as lost.
func toldLost(text string) (n int) {
	for _, m := range regexp.MustCompile(`"event":"lost","count":(\d+)`).FindAllStringSubmatch(text, -1) {
		count, _ := strconv.Atoi(m[1]) // digits
		n += count
	}
	return n
}

// pausing is stdout whose reader stops reading for a while.
type pausing struct {
	testbed.Log
	*fault
}

func (p *pausing) Write(b []byte) (int, error) {
	p.hang(nil)
	return p.Log.Write(b)
}

func hangingStdout(t *testing.T) faulty {
	p := &pausing{fault: newFault(t)}
	return faulty{declared: "{name: s, stdout: {}, buffer: 1MiB}", stdout: p, fail: p.begin, mend: p.end, text: p.String}
}

// hangingFile is a file whose disk hangs: a pipe that nobody reads.
func hangingFile(t *testing.T) faulty {
	path := filepath.Join(t.TempDir(), "records.log")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	var lines testbed.Log
	var reading sync.WaitGroup
	mend := func() {
		pipe, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() {
			_ = pipe.Close()
			reading.Wait()
		})
		reading.Go(func() { _, _ = io.Copy(&lines, pipe) })
	}
	return faulty{declared: fmt.Sprintf("{name: s, file: {path: %s}, buffer: 1MiB}", path), fail: func() {}, mend: mend, text: lines.String}
}

func hangingWebhook(t *testing.T) faulty {
	f, hook := newFault(t), newReceived(t)
	hook.fault = f
	text := func() string { _, text, _ := hook.all(); return text }
	return faulty{
		declared: fmt.Sprintf("{name: s, webhook: {url: %s, timeout: 5s}, buffer: 1MiB}", hook.URL),
		fail:     f.begin, mend: f.end, text: text,
	}
}

// killedWebhook is a process that is killed, and started again with what it has.
func killedWebhook(t *testing.T) faulty {
	address, path := testbed.Address(t), filepath.Join(t.TempDir(), "received")
	text := func() string {
		var b strings.Builder
		for _, d := range receiver.Deliveries(path) {
			for _, line := range d.Data {
				b.Write(append(line, '\n'))
			}
		}
		return b.String()
	}
	return faulty{
		declared: fmt.Sprintf("{name: s, webhook: {url: 'http://%s/'}, spool: {dir: %s}}", address, t.TempDir()),
		fail:     receiver.StartProcess(t, address, path), mend: func() { _ = receiver.StartProcess(t, address, path) }, text: text,
	}
}

func failingCollector(t *testing.T, refuses bool) faulty {
	f, collector := newFault(t), receiver.New(t)
	collector.Fail = func(w http.ResponseWriter, req *http.Request) bool {
		if refuses && f.failing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return f.hang(req.Context().Done())
	}
	text := func() string {
		var b strings.Builder
		seen := map[any]bool{}
		for _, l := range collector.Kept().Logs {
			fields := receiver.Attributes(l.Attributes)
			if id := fields["switchyard.delivery"]; !seen[id] {
				seen[id] = true
				event, value := l.Body.GetStringValue(), `"requestId":"`+fmt.Sprint(fields["requestId"])+`"`
				if event == record.EventLost {
					value = fmt.Sprintf(`"count":%v`, fields["count"])
				}
				fmt.Fprintf(&b, "{\"event\":%q,%s}\n", event, value)
			}
		}
		return b.String()
	}
	return faulty{
		declared: fmt.Sprintf("{name: s, otlp: {url: %s/v1/logs, timeout: 5s}, buffer: 1MiB}", collector.URL),
		fail:     f.begin, mend: f.end, text: text,
	}
}

func failingBrokers(t *testing.T, cut bool) faulty {
	f := newFault(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "records"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cluster.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if cut && f.failing.Load() {
			return nil, errors.New("the connection is cut"), true
		}
		if f.failing.Load() {
			cluster.SleepControl(func() { f.hang(nil) })
		}
		return nil, nil, false
	})
	return faulty{
		declared: fmt.Sprintf("{name: s, kafka: {brokers: [%q], topic: records}, buffer: 1MiB}", cluster.ListenAddrs()[0]),
		fail:     f.begin, mend: f.end, text: consumer(t, cluster),
	}
}
