package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// failing is a body that goes with a status of 503.
const failing = "down"

// modelWith is a deployment's version that gives one answer.
func modelWith(t *testing.T, contentType, body string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		if body == failing {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// compared is an endpoint "e" of a live version and one mirror "m" that is declared so.
func compared(live, copied, mirror string) files {
	return files{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  only: {deployment: {branch: main, name: live, version: 1}}\n" +
			"mirrors:\n  m: {deployment: {branch: main, name: copied, version: 1}" + mirror + "}\n",
		"deployments/live.yaml":   deployment(live),
		"deployments/copied.yaml": deployment(copied),
	}
}

// findings are the fields of a record that comparing adds.
func findings(f fields) fields {
	found := fields{}
	for _, name := range []string{
		"agree", "diff", "labelLive", "labelMirror", "scoreLive", "scoreMirror", "scoreDelta", "similarity", "noise", "unpaired", "liveStatus", "liveOutcome",
	} {
		if v, ok := f[name]; ok {
			found[name] = v
		}
	}
	return found
}

func TestAMirrorsRecordSaysWhetherItAgrees(t *testing.T) {
	for name, c := range map[string]struct {
		live, copied, mirror string
		want                 fields
	}{
		"agrees": {`{"a": 1, "b": 0.5}`, `{"b": 0.5000000001, "a": 1}`, "", fields{"agree": true}},
		"differs": {`{"a": 1, "b": [1, 2]}`, `{"a": 1, "b": [1, "x"]}`, "", fields{
			"agree": false, "diff": []any{map[string]any{"path": "/b/1", "live": 2.0, "mirror": "x"}},
		}},
		"label and score": {`{"l": "cat", "s": 0.75}`, `{"l": "dog", "s": 0.5}`, ", compare: {label: /l, score: /s, ignore: [/l, /s]}", fields{
			"agree": true, "labelLive": "cat", "labelMirror": "dog", "scoreLive": 0.75, "scoreMirror": 0.5, "scoreDelta": -0.25,
		}},
		"noise":      {`1`, `1`, ", noise: true", fields{"agree": true, "noise": true}},
		"similarity": {`one two`, `one three`, ", compare: {text: {similarity: 0.3}}", fields{"agree": true, "similarity": 1.0 / 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, options{})
			f := compared(modelWith(t, "application/json", c.live), modelWith(t, "application/json", c.copied), c.mirror)
			if name == "noise" {
				f["endpoints/e.yaml"] = strings.Replace(f["endpoints/e.yaml"], "name: copied", "name: live", 1)
			}
			s.serve(f)
			if a := s.post("/v1/e", "{}"); a.body != c.live {
				t.Fatalf("%+v", a)
			}
			c.want["liveStatus"], c.want["liveOutcome"] = 200.0, "ok"
			got := s.written(1, role("mirror"))[0]
			if diff := cmp.Diff(c.want, findings(got)); diff != "" {
				t.Error(diff)
			}
			live := s.written(1, role("live"))[0]
			if got["liveDurationMs"] != live["durationMs"] || got["liveTtfbMs"] != live["ttfbMs"] {
				t.Errorf("the live attempt took %v and %v, and the copy says %v and %v", live["durationMs"], live["ttfbMs"], got["liveDurationMs"], got["liveTtfbMs"])
			}
			if len(findings(live)) != 0 {
				t.Errorf("the live record has %v", findings(live))
			}
		})
	}
}

func TestWhatIsNotComparedSaysWhy(t *testing.T) {
	huge := `"` + strings.Repeat("x", 2<<20) + `"`
	for name, c := range map[string]struct {
		live, copied, mirror string
		want                 fields
	}{
		"the live deployment fails": {failing, "{}", "", fields{
			"agree": nil, "unpaired": "live_failed", "liveStatus": 503.0, "liveOutcome": "error",
		}},
		"the mirror fails": {"{}", failing, "", fields{
			"agree": nil, "unpaired": "mirror_failed", "liveStatus": 200.0, "liveOutcome": "ok",
		}},
		"an answer is too large": {huge, "{}", "", fields{"agree": nil, "unpaired": "truncated", "liveStatus": 200.0, "liveOutcome": "ok"}},
		"it is switched off":     {"1", "2", ", compare: false", fields{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, options{})
			s.serve(compared(modelWith(t, "application/json", c.live), modelWith(t, "application/json", c.copied), c.mirror))
			s.post("/v1/e", "{}")
			if diff := cmp.Diff(c.want, findings(s.written(1, role("mirror"))[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStreamsAndStaticAnswersAreCompared(t *testing.T) {
	stream := "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}]}\n\ndata: [DONE]\n\n"
	other := "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n"
	s := newStage(t, options{})
	s.serve(compared(modelWith(t, "text/event-stream", stream), modelWith(t, "text/event-stream", other), ""))
	if a := s.post("/v1/e", "{}"); a.body != stream {
		t.Fatalf("%+v", a)
	}
	want := fields{"agree": true, "liveStatus": 200.0, "liveOutcome": "ok"}
	if diff := cmp.Diff(want, findings(s.written(1, role("mirror"))[0])); diff != "" {
		t.Error(diff)
	}
	f := compared("http://127.0.0.1:1/", modelWith(t, "application/json", `{"data": 0.0}`), "")
	f["endpoints/e.yaml"] = strings.Replace(f["endpoints/e.yaml"], "deployment: {branch: main, name: live, version: 1}", `static: {"data": 0}`, 1)
	s.serve(f)
	s.post("/v1/e", "{}")
	if diff := cmp.Diff(want, findings(s.written(2, role("mirror"))[1])); diff != "" {
		t.Error(diff)
	}
}

func TestACallerWhoLeavesLeavesAnUnpairedCopy(t *testing.T) {
	arrived := make(chan struct{}, 1) // one request
	live := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer live.Close()
	s := newStage(t, options{})
	s.serve(compared(live.URL, modelWith(t, "application/json", "{}"), ""))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/e", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	leave()
	res.Body.Close()
	got := findings(s.written(1, role("mirror"))[0])
	if got["agree"] != nil || got["unpaired"] != "live_canceled" || got["liveOutcome"] != "canceled" {
		t.Errorf("%v", got)
	}
}

// TestM15ComparedCopiesHaveOneRecordEach counts with the queue of pairs full, and
// again after a shutdown.
func TestM15ComparedCopiesHaveOneRecordEach(t *testing.T) {
	s := newStage(t, options{pair: pair.Options{Queue: 1, Workers: 1}})
	s.serve(compared(modelWith(t, "application/json", `{"a": [1, 2, 3]}`), modelWith(t, "application/json", `{"a": [1, 2, 4]}`), ""))
	const n = 200
	for i := range n {
		s.post("/v1/e", fmt.Sprintf(`{"i": %d}`, i))
	}
	drain, stop := context.WithTimeout(t.Context(), testbed.Patience)
	defer stop()
	if err := s.gateway.Drain(drain); err != nil {
		t.Fatal(err)
	}
	ids := map[any]int{}
	for _, f := range s.written(n, role("mirror")) {
		ids[f["requestId"]]++
		if agree, _ := f["agree"].(bool); agree || f["agree"] == nil && f["unpaired"] != "overload" {
			t.Errorf("%v", f)
		}
	}
	if len(ids) != n {
		t.Errorf("%d records of copies of %d requests", len(ids), n)
	}
	testbed.Eventually(t, "the metrics count all comparisons", func() bool {
		return s.metric("switchyard_comparisons_total", `mirror="m"`) == n
	})
	s.counts("switchyard_compare_bytes ", 0)
}

// What is captured and compared is kept once, and what is redacted is told nowhere.
func TestAnAnswerIsCapturedAndCompared(t *testing.T) {
	s := newStage(t, options{})
	f := compared(modelWith(t, "application/json", `{"ssn": "s3cret-1", "a": 1}`), modelWith(t, "application/json", `{"ssn": "s3cret-2", "a": 2}`), "")
	f["endpoints/e.yaml"] += "capture: {response: true, redact: [/ssn]}\n"
	s.serve(f)
	s.post("/v1/e", "{}")
	copied, live := s.written(1, role("mirror"))[0], s.written(1, role("live"))[0]
	want := []any{
		map[string]any{"path": "/ssn", "live": "[redacted]", "mirror": "[redacted]"},
		map[string]any{"path": "/a", "live": 1.0, "mirror": 2.0},
	}
	if diff := cmp.Diff(want, copied["diff"]); diff != "" {
		t.Error(diff)
	}
	for a, record := range map[float64]fields{1: live, 2: copied} {
		response, _ := record["response"].(map[string]any)
		if diff := cmp.Diff(map[string]any{"ssn": "[redacted]", "a": a}, response["body"]); diff != "" {
			t.Error(diff)
		}
	}
	if log := s.log.String(); strings.Contains(log, "s3cret") {
		t.Errorf("the log tells the secret: %s", log)
	}
}
