package gateway_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// mirroredEndpoint is an endpoint with a mirror, and more.
func mirroredEndpoint(more string) string {
	return `schemaVersion: 1
backends:
  control: {deployment: {branch: main, name: live, version: 1}}
mirrors:
  candidate: {deployment: {branch: main, name: copied, version: 1}}
` + more
}

// newEcho is a server that answers with what it is sent, of a type.
func newEcho(t *testing.T, kind string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"], w.Header()["X-Tenant"] = []string{kind}, []string{"answering"}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// captured serves an endpoint of echoes with a capture, and gives the records of
// one request.
func captured(t *testing.T, capture, body string, header ...string) (s *stage, live, copied fields) {
	t.Helper()
	s = newStage(t, options{})
	s.serve(files{
		"endpoints/e.yaml":        mirroredEndpoint(capture),
		"deployments/live.yaml":   deployment(newEcho(t, "application/json")),
		"deployments/copied.yaml": deployment(newEcho(t, "text/plain")),
	})
	if got := s.post("/v1/e", body, header...); got.body != body {
		t.Fatalf("the answer is %q", got.body)
	}
	for _, f := range s.written(2, func(f fields) bool { return f["event"] == "inference" }) {
		if f["role"] == "live" {
			live = f
		} else {
			copied = f
		}
	}
	return s, live, copied
}

func TestNothingIsCapturedUnlessAnEndpointSaysSo(t *testing.T) {
	_, live, copied := captured(t, "", `{"data": 1}`)
	for _, f := range []fields{live, copied} {
		for _, name := range []string{"request", "response", "resultCount"} {
			if v, ok := f[name]; ok {
				t.Errorf("%s is %v", name, v)
			}
		}
	}
}

func TestBodiesAreCapturedInBothRecords(t *testing.T) {
	const body = `{"data": [[1, "a"], [2, {"ssn": "s3cret", "x": null}]]}`
	_, live, copied := captured(t, "capture: {request: true, response: true, redact: /data/*/*/ssn, headers: [x-tenant]}\n",
		body, "Content-Type", "application/json", "X-Tenant", "asking")
	value := map[string]any{"data": []any{[]any{1.0, "a"}, []any{2.0, map[string]any{"ssn": "[redacted]", "x": nil}}}}
	object := func(kind, tenant string) map[string]any {
		return map[string]any{
			"contentType": kind, "bytes": float64(len(body)), "truncated": false, "body": value,
			"headers": map[string]any{"X-Tenant": tenant},
		}
	}
	if diff := cmp.Diff(any(object("application/json", "asking")), live["request"]); diff != "" {
		t.Errorf("live request (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(any(object("application/json", "answering")), live["response"]); diff != "" {
		t.Errorf("live answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(any(object("text/plain", "answering")), copied["response"]); diff != "" {
		t.Errorf("the copy's answer (-want +got):\n%s", diff)
	}
	if copied["request"] != nil || copied["resultCount"] != 2.0 || live["resultCount"] != 2.0 {
		t.Errorf("the copy's request is %v, rows %v and %v", copied["request"], copied["resultCount"], live["resultCount"])
	}
}

func TestARedactedSecretIsNowhereInTheLog(t *testing.T) {
	for name, body := range map[string]string{
		"JSON":            `{"ssn": "s3cret", "deep": [{"ssn": {"is": "s3cret"}}], "s\u0073n": "s3cret"}`,
		"truncated JSON":  `{"fill": "` + strings.Repeat("x", 70_000) + `", "ssn": "s3cret"}`,
		"a long secret":   `{"ssn": "s3cret` + strings.Repeat("s3cret", 20_000) + `"}`,
		"broken JSON":     `{"ssn": "s3cret"`,
		"a form":          `ssn=s3cret`,
		"an event stream": "data: {\"ssn\": \"s3cret\"}\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _ := captured(t, "capture: {request: true, response: true, redact: [/ssn, /deep/*/ssn]}\n", body)
			text := s.log.String()
			for _, secret := range []string{"s3cret", base64.StdEncoding.EncodeToString([]byte("s3cret")), base64.StdEncoding.EncodeToString([]byte(`"s3cret`))} {
				if strings.Contains(text, strings.TrimRight(secret, "=")) {
					t.Errorf("%q stands in %s", secret, text)
				}
			}
		})
	}
}

func TestTheSameRequestsAreCapturedLiveAndCopied(t *testing.T) {
	s := newStage(t, options{mirror: mirror.Options{Queue: 1000}})
	s.serve(files{
		"endpoints/e.yaml":        mirroredEndpoint("capture: {response: true, percent: 30}\nsampling: {key: \"body:/user\"}\n"),
		"deployments/live.yaml":   deployment(newEcho(t, "application/json")),
		"deployments/copied.yaml": deployment(newEcho(t, "application/json")),
	})
	const n = 200
	for i := range n {
		s.post("/v1/e", fmt.Sprintf(`{"user": "u%d"}`, i%100))
	}
	byUser, byRequest, count := map[any]bool{}, map[any]bool{}, 0
	for _, f := range s.written(2*n, func(f fields) bool { return f["event"] == "inference" }) {
		response, is := f["response"].(map[string]any)
		if was, ok := byRequest[f["requestId"]]; ok && was != is {
			t.Errorf("request %v is captured in one record and not in the other", f["requestId"])
		}
		byRequest[f["requestId"]] = is
		if is {
			count++
			byUser[response["body"].(map[string]any)["user"]] = true
		}
	}
	if len(byUser)*4 != count { // each user calls twice, and each call has two records
		t.Errorf("%d users are captured in %d records", len(byUser), count)
	}
	if len(byUser) < 10 || len(byUser) > 60 {
		t.Errorf("%d users of 100 are captured at 30 %%", len(byUser))
	}
}

func TestAStreamIsCapturedAsItPasses(t *testing.T) {
	next := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}))
	defer server.Close()
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: 1}}}\ncapture: {response: true}\n",
		"deployments/m.yaml": deployment(server.URL),
	})
	res := s.open(http.MethodGet, "/v1/e", http.NoBody)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for i := range 3 { // the next part is sent only when this one has come
		if !lines.Scan() || lines.Text() != fmt.Sprintf("data: %d", i) {
			t.Fatalf("part %d is %q: %v", i, lines.Text(), lines.Err())
		}
		next <- struct{}{}
	}
	_, _ = io.Copy(io.Discard, res.Body)
	response := s.written(1, role("live"))[0]["response"]
	want := map[string]any{
		"contentType": "text/event-stream", "bytes": 24.0, "truncated": false,
		"bodyBase64": base64.StdEncoding.EncodeToString([]byte("data: 0\ndata: 1\ndata: 2\n")),
	}
	if diff := cmp.Diff(any(want), response); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAStaticAnswerIsCapturedWithItsRequest(t *testing.T) {
	s := newStage(t, options{})
	s.serve(files{"endpoints/e.yaml": "schemaVersion: 1\nbackends: {only: {static: {data: 20}}}\ncapture: {request: true, response: true}\n"})
	if got := s.post("/v1/e", `{"data": 10}`); got.body != `{"data":20}` {
		t.Fatalf("the answer is %q", got.body)
	}
	f := s.written(1, role("live"))[0]
	body := func(name string) any { return f[name].(map[string]any)["body"] }
	if diff := cmp.Diff([]any{map[string]any{"data": 10.0}, map[string]any{"data": 20.0}}, []any{body("request"), body("response")}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARequestThatTheGatewayAnswersHasNoCapturedAnswer(t *testing.T) {
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: 1}}}\ncapture: {request: true, response: true}\n",
		"deployments/m.yaml": deployment("http://127.0.0.1:1"),
	})
	if got := s.post("/v1/e", `{"data": 10}`); got.status != http.StatusBadGateway {
		t.Fatalf("the answer is %d %q", got.status, got.body)
	}
	f := s.written(1, role("live"))[0]
	if _, ok := f["response"]; ok || f["request"] == nil {
		t.Errorf("request %v, response %v", f["request"], f["response"])
	}
}

func TestObserversAreToldOfEachRecord(t *testing.T) {
	var live, copied atomic.Int64
	s := newStage(t, options{observers: []func(*record.Record){func(r *record.Record) {
		switch {
		case r.Role == record.Live && r.Response != nil:
			live.Add(1)
		case r.Role == record.Mirror && r.Response != nil:
			copied.Add(1)
		}
	}}})
	s.serve(files{
		"endpoints/e.yaml":        mirroredEndpoint("capture: {response: true}\n"),
		"deployments/live.yaml":   deployment(newEcho(t, "application/json")),
		"deployments/copied.yaml": deployment(newEcho(t, "application/json")),
	})
	for range 10 {
		s.post("/v1/e", `1`)
	}
	s.written(20, func(f fields) bool { return f["event"] == "inference" })
	testbed.Eventually(t, "observers are told of all of them, which is after the log is", func() bool { return live.Load() == 10 && copied.Load() == 10 })
}
