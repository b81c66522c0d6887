package replay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/replay"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/schema"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// version is a deployment's version at a URL, with more of what it may say.
func version(t *testing.T, url, more string) deployments.Resolved {
	t.Helper()
	text := "schemaVersion: 1\nversions:\n  1: {url: " + url + more + "}\n"
	tree := fstest.MapFS{"deployments/model.yaml": {Data: []byte(text)}}
	set, problems := deployments.Load(schema.Revision{Branch: "main", Trees: map[string]schema.Tree{"main": {FS: tree}}}, deployments.Secrets{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var ref schema.DeploymentRef
	ref.Branch.V, ref.Name.V, ref.Version.V = "main", "model", schema.Version{Alias: schema.Latest}
	found, missing := set.Resolve(ref)
	if found.Version == nil {
		t.Fatal(missing)
	}
	return found
}

// result is what came of one record.
type result struct {
	Outcome string
	Kind    string
	Agree   record.Verdict
	Why     record.Unpaired
	Diff    []record.Difference
}

// run replays records and gives what came of each, by request ID.
func run(t *testing.T, o replay.Options, live ...*records.Record) map[string]result {
	t.Helper()
	var mu sync.Mutex
	got := map[string]result{}
	o.Endpoint, o.Branch, o.Name = "e", "main", "candidate"
	o.Done = func(r *record.Record) {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := got[r.RequestID]; twice {
			t.Errorf("there are two records of %s", r.RequestID)
		}
		one := result{Outcome: string(r.Outcome), Kind: string(r.ErrorKind)}
		if c := r.Comparison; c != nil {
			one.Agree, one.Why, one.Diff = c.Agree, c.Unpaired, c.Diff
		}
		got[r.RequestID] = one
	}
	o.Panicked = func(v any, stack []byte) { t.Errorf("panic: %v\n%s", v, stack) }
	r := replay.New(o)
	for _, one := range live {
		if err := r.Offer(t.Context(), one); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
	return got
}

// asked is the live record of a request with a JSON body, and its answer.
func asked(id, body, answer string) *records.Record {
	return &records.Record{
		Event: records.Inference, Role: records.Live, RequestID: id, Endpoint: "e", Method: http.MethodPost, Path: "/v1/e",
		Outcome: records.OK, Status: 200, Duration: 3, TTFB: records.Number{Value: 2, Is: true},
		Request:  fmt.Sprintf(`{"contentType":"application/json","bytes":%d,"truncated":false,"body":%s}`, len(body), body),
		Response: fmt.Sprintf(`{"contentType":"application/json","bytes":%d,"truncated":false,"body":%s}`, len(answer), answer),
	}
}

// arrived is a request as a model saw it.
type arrived struct {
	Method, URI, Body string
	Header            http.Header
}

// model answers all requests alike and keeps them.
func model(t *testing.T, answer string) (url string, seen func() []arrived) {
	t.Helper()
	var mu sync.Mutex
	var all []arrived
	url = testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		all = append(all, arrived{r.Method, r.RequestURI, string(body), r.Header})
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	})
	return url, func() []arrived {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// A captured request arrives as a copy of it would have: by the rules of the version and
// of the mirror, marked, and with what was captured of its header.
func TestARequestIsSentAsAMirrorGetsIt(t *testing.T) {
	url, seen := model(t, `{"a": 1}`)
	live := asked("id-1", `{"keep":1,"secret":2,"webhook":3}`, `{"a":1}`)
	live.Path = "/v1/e/rest/of%20it"
	live.Request = strings.Replace(live.Request, `"body"`, `"headers":{"X-Tenant":"t1","Connection":"close","Bad Name":"x"},"body"`, 1)
	to := version(t, url+"/base", ", headers: {set: {x-version: v}, remove: [x-gone]}, body: {remove: [/secret]}")
	o := replay.Options{Target: to, Header: http.Header{"X-Mirror": {"m"}}, Rules: deployments.Rules{Body: deployments.Body{Remove: []string{"/webhook"}}}}
	got := run(t, o, live)
	if diff := cmp.Diff(map[string]result{"id-1": {Outcome: "ok", Agree: record.Agrees}}, got); diff != "" {
		t.Error(diff)
	}
	if len(seen()) != 1 {
		t.Fatalf("%d requests arrived", len(seen()))
	}
	r := seen()[0]
	if trace := r.Header.Get("Traceparent"); len(trace) != 55 {
		t.Errorf("traceparent %q", trace)
	}
	r.Header.Del("Traceparent")
	want := arrived{http.MethodPost, "/base/rest/of%20it", `{"keep":1}`, http.Header{
		"Content-Type": {"application/json"}, "Content-Length": {"10"}, "X-Request-Id": {"id-1"}, "X-Tenant": {"t1"},
		"X-Version": {"v"}, "X-Mirror": {"m"}, "X-Switchyard-Mirror": {"candidate"},
	}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

// What is not there as it was is not sent at all, and its record says why.
func TestWhatIsNotThereAsItWasIsNotSent(t *testing.T) {
	url, seen := model(t, "1")
	var all []*records.Record
	want := map[string]result{}
	for kind, change := range map[record.ErrorKind]func(*records.Record){
		record.NotCaptured: func(r *records.Record) { r.Request = "" },
		record.CutShort:    func(r *records.Record) { r.Request = `{"bytes":9,"truncated":true,"bodyBase64":"e30="}` },
		record.Redacted:    func(r *records.Record) { r.Request = strings.Replace(r.Request, "{}", `{"a":["[redacted]"]}`, 1) },
		record.Query:       func(r *records.Record) { r.Request = strings.Replace(r.Request, "{", `{"hasQuery":true,`, 1) },
		record.Path:        func(r *records.Record) { r.Path = "/v1/another" },
		record.BadRequest:  func(r *records.Record) { r.Path = "/v1/e/../admin" },
		record.Method:      func(r *records.Record) { r.Method = http.MethodPut },
		record.CallerLeft:  func(r *records.Record) { r.Outcome = records.Canceled },
	} {
		r := asked(string(kind), "{}", "1")
		change(r)
		all, want[string(kind)] = append(all, r), result{Outcome: "dropped", Kind: string(kind)}
	}
	if diff := cmp.Diff(want, run(t, replay.Options{Target: version(t, url, ", methods: [POST]")}, all...)); diff != "" {
		t.Error(diff)
	}
	if n := len(seen()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestAnswersAreComparedWithTheCapturedOnes(t *testing.T) {
	url, _ := model(t, `{"label": "cat", "who": "ann"}`)
	cut := asked("cut", "{}", "1")
	cut.Response = `{"bytes":9,"truncated":true,"bodyBase64":"e30="}`
	none := asked("none", "{}", "1")
	none.Response = ""
	failed := asked("failed", "{}", "1")
	failed.Outcome, failed.Status = records.Error, 503
	empty := asked("no body", "{}", `{"label": "cat", "who": "ann"}`)
	empty.Request = `{"contentType":null,"bytes":0,"truncated":false}`
	redacted := asked("redacted", "{}", `{"label":"cat","who":"[redacted]"}`)
	other := asked("differs", "{}", `{"label":"dog","who":"[redacted]"}`)
	got := run(t, replay.Options{Target: version(t, url, "")}, cut, none, failed, empty, redacted, other)
	want := map[string]result{
		"cut": {Outcome: "ok", Why: record.Truncated}, "none": {Outcome: "ok", Why: record.NoAnswer}, "failed": {Outcome: "ok", Why: record.LiveFailed},
		"no body": {Outcome: "ok", Agree: record.Agrees}, "redacted": {Outcome: "ok", Agree: record.Agrees},
		"differs": {Outcome: "ok", Agree: record.Differs, Diff: []record.Difference{{
			Path: "/label", Live: record.Value{Kind: record.Text, Text: "dog"}, Mirror: record.Value{Kind: record.Text, Text: "cat"},
		}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Copies under way are bounded, and each record that was offered has one in the end, also
// when the replay is cut off.
func TestCopiesAreBoundedAndAccountedFor(t *testing.T) {
	var under atomic.Int64
	var most int64
	var mu sync.Mutex // of most, and dropped
	release := make(chan struct{})
	url := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n := under.Add(1)
		defer under.Add(-1)
		mu.Lock()
		most = max(most, n)
		mu.Unlock()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	var done atomic.Int64
	dropped := map[record.ErrorKind]int{}
	r := replay.New(replay.Options{
		Endpoint: "e", Branch: "main", Name: "candidate", Target: version(t, url, ""), Concurrency: 3,
		Done: func(r *record.Record) {
			mu.Lock()
			defer mu.Unlock()
			done.Add(1)
			dropped[r.ErrorKind]++
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	offered := make(chan int, 1)
	go func() {
		n := 0
		for r.Offer(ctx, asked(fmt.Sprint(n), "{}", "1")) == nil {
			n++
		}
		offered <- n
	}()
	testbed.Eventually(t, "as many as may be are under way", func() bool { return under.Load() == 3 })
	cancel()
	n := <-offered
	over, stop := context.WithCancel(context.Background())
	stop()
	if err := r.Close(over); err == nil {
		t.Error("what was cut off is not told")
	}
	close(release)
	mu.Lock()
	defer mu.Unlock()
	if n != 3 || most != 3 || done.Load() != 3 {
		t.Errorf("%d offered, %d at a time, %d records; want 3 of each", n, most, done.Load())
	}
	if diff := cmp.Diff(map[record.ErrorKind]int{record.Shutdown: 3}, dropped); diff != "" {
		t.Error(diff)
	}
}

func TestTheRateIsKept(t *testing.T) {
	url, _ := model(t, "1")
	began := time.Now()
	var all []*records.Record
	for i := range 6 {
		all = append(all, asked(fmt.Sprint(i), "{}", "1"))
	}
	run(t, replay.Options{Target: version(t, url, ""), Rate: 20}, all...)
	if took := time.Since(began); took < 200*time.Millisecond { // 5 pauses of 50 ms
		t.Errorf("6 at 20 a second took %s", took)
	}
}

// FuzzReplay: whatever a record says, it has one record in the end, and what is sent is
// what the record says was the whole body.
func FuzzReplay(f *testing.F) {
	for _, r := range []*records.Record{asked("a", `{"x":1}`, "1"), asked("b", "[]", `"[redacted]"`)} {
		f.Add("POST", "/v1/e/x", r.Request, r.Response)
	}
	f.Add("GET", "/v1/e", `{"bytes":0,"truncated":false,"headers":{"X":"a\r\nb"}}`, `{"bytes":3,"truncated":false,"contentEncoding":"gzip","bodyBase64":"e30="}`)
	var got atomic.Pointer[string]
	server := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text := string(body)
		got.Store(&text)
		_, _ = io.WriteString(w, "1")
	}
	url := testbed.HTTP(f, server)
	f.Fuzz(func(t *testing.T, method, path, request, response string) {
		got.Store(nil)
		live := asked("id", "{}", "1")
		live.Method, live.Path, live.Request, live.Response = method, path, request, response
		result := run(t, replay.Options{Target: version(t, url, "")}, live)["id"]
		sent := got.Load()
		if result.Outcome == "" || result.Outcome == "dropped" && result.Kind != "too_large" && sent != nil {
			t.Fatalf("%+v, and sent %v", result, sent)
		}
		if sent == nil {
			return
		}
		captured, ok := records.ParseCaptured(request)
		if !ok || !captured.Whole || captured.Redacted || captured.HasQuery || string(captured.Body) != *sent {
			t.Errorf("sent %q of %+v", *sent, captured)
		}
		if len(captured.Body) > 0 && strings.Contains(request, `"body"`) && !json.Valid(captured.Body) && !strings.Contains(request, "bodyBase64") {
			t.Errorf("the body is no JSON: %q", captured.Body)
		}
	})
}
