package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// dawdling is a deployment that answers at once, never, or with a stream without end,
// as its path says.
func dawdling(t *testing.T) (url string) {
	t.Helper()
	return testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		switch r.URL.Path {
		case "/hang":
			<-r.Context().Done()
		case "/stream":
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			w.Header().Set("Content-Type", "text/event-stream")
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "data: 1\n\n")
				_ = http.NewResponseController(w).Flush()
				<-tick.C
			}
		default:
			_, _ = io.WriteString(w, `{"data": 1}`)
		}
	})
}

// asking is a repository with an endpoint that asks its callers for their time.
func asking(url, version, endpoint string) files {
	return files{
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + url + version + "}\n",
		"endpoints/e.yaml": "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: m, version: 1}}}\n" +
			"callerTimeout: {key: [body:/timeout_seconds, header:x-timeout]}\n" + endpoint,
	}
}

// The body of Modelbit's clients says in how many seconds they want to be answered.
func TestTheCallersTimeBoundsTheAttempt(t *testing.T) {
	url := dawdling(t)
	for name, tt := range map[string]struct {
		path, body, header string
		endpoint           string
		want               int
	}{
		"in the body":             {"hang", `{"data": 1, "timeout_seconds": 0.1}`, "", "", 504},
		"as a text":               {"hang", `{"data": 1, "timeout_seconds": "0.1"}`, "", "", 504},
		"in the header":           {"hang", `{"data": 1}`, "0.1", "", 504},
		"the first key wins":      {"hang", `{"timeout_seconds": 0.1}`, "3600", "", 504},
		"null says nothing":       {"hang", `{"timeout_seconds": null}`, "0.1", "", 504},
		"never lengthens":         {"hang", `{"timeout_seconds": 3600}`, "", "timeout: 100ms\n", 504},
		"more than anybody waits": {"hang", `{"timeout_seconds": 1e300}`, "", "timeout: 100ms\n", 504},
		"next to none":            {"hang", `{"timeout_seconds": 1e-300}`, "", "", 504},
		"is enough":               {"", `{"timeout_seconds": 60}`, "", "", 200},
		"is not said":             {"", `{"data": 1}`, "", "", 200},
		"no JSON":                 {"", `timeout_seconds`, "", "", 200},
		"a body that is too long": {"", `{"pad": "` + strings.Repeat("x", 1<<20) + `", "timeout_seconds": 0.000001}`, "", "", 200},
		"none":                    {"", `{"timeout_seconds": 0}`, "", "", 400},
		"less than none":          {"", `{"timeout_seconds": -1}`, "", "", 400},
		"a duration":              {"", `{"timeout_seconds": "30s"}`, "", "", 400},
		"no number":               {"", `{"timeout_seconds": true}`, "", "", 400},
		"not a number":            {"", `{"timeout_seconds": "NaN"}`, "", "", 400},
		"beyond all numbers":      {"", `{"timeout_seconds": 1e999}`, "", "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, options{})
			s.serve(asking(url, "", tt.endpoint))
			var header []string
			if tt.header != "" {
				header = []string{"X-Timeout", tt.header}
			}
			got := s.post("/v1/e/"+tt.path, tt.body, header...)
			if got.status != tt.want {
				t.Errorf("answered %d %s, want %d", got.status, got.body, tt.want)
			}
			if tt.want == 400 && !strings.Contains(got.body, "that has to be a number above 0") {
				t.Errorf("answered %s", got.body)
			}
			kind := map[int]any{200: nil, 400: "bad_request", 504: "timeout"}[tt.want]
			s.written(1, func(f fields) bool {
				return f["role"] == "live" && f["errorKind"] == kind && f["status"] == float64(tt.want)
			})
		})
	}
}

func TestTheCallersTimeBoundsStreamsAsAWhole(t *testing.T) {
	t.Parallel()
	s := newStage(t, options{})
	s.serve(asking(dawdling(t), "", ""))
	testbed.LongEnough(t, 500*time.Millisecond, func(limit time.Duration) bool {
		body := fmt.Sprintf(`{"timeout_seconds": %v}`, limit.Seconds())
		res := s.open(http.MethodPost, "/v1/e/stream", strings.NewReader(body))
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if res.StatusCode == http.StatusGatewayTimeout {
			return false // for its head
		}
		if err == nil || res.StatusCode != http.StatusOK {
			t.Errorf("a stream of %d bytes ended in good order: %d", len(got), res.StatusCode)
		}
		return true
	})
	s.written(1, func(f fields) bool { return f["errorKind"] == "timeout" && f["status"] == 200.0 })
}

// The time is that of all attempts together, and it is the caller's doing that it is
// short: no replica is left aside for it, and no breaker opens.
func TestTheCallersTimeIsNotHeldAgainstTheDeployment(t *testing.T) {
	s := newStage(t, options{mirror: mirror.Options{Timeout: time.Hour, BreakerFailures: 2}})
	url := dawdling(t)
	s.serve(asking("["+url+", "+strings.Replace(url, "127.0.0.1", "localhost", 1)+"]",
		", idempotent: true, retries: {attempts: 5, on: [timeout, reset], budget: 100%}, outlier: {consecutive5xx: 2, consecutiveFailures: 2}, breaker: {minRequests: 3}",
		"mirrors: {copy: {deployment: {branch: main, name: m, version: 1}}}\n"))
	const requests = 6
	for range requests {
		if got := s.post("/v1/e/hang", `{"timeout_seconds": 0.05}`); got.status != http.StatusGatewayTimeout {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	s.written(2*requests, func(fields) bool { return true })
	for _, f := range s.all(func(fields) bool { return true }) {
		if f["errorKind"] != "timeout" || f["outcome"] != "error" || f["attempt"] != nil {
			t.Errorf("a record says %v", f)
		}
	}
	if got := s.post("/v1/e/", `{"timeout_seconds": 60}`); got.status != http.StatusOK {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	for _, r := range s.replicas() {
		if r.Down {
			t.Errorf("%+v", r)
		}
	}
}

// An endpoint that does not ask reads nothing ahead and goes by its own timeout.
func TestTheCallersTimeIsNotLookedForUnasked(t *testing.T) {
	s, url := newStage(t, options{}), dawdling(t)
	f := asking(url, "", "")
	f["endpoints/e.yaml"] = strings.Replace(f["endpoints/e.yaml"], "callerTimeout: {key: [body:/timeout_seconds, header:x-timeout]}\n", "", 1)
	s.serve(f)
	if got := s.post("/v1/e/", `{"timeout_seconds": -1}`, "X-Timeout", "0.000001"); got.status != http.StatusOK {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	if got := s.admin("GET", "/endpoints", nil).body; strings.Contains(got, "callerTimeout") {
		t.Errorf("/endpoints says %s", got)
	}
	s.serve(asking(url, "", ""))
	if got, want := s.admin("GET", "/endpoints", nil).body, fmt.Sprintf(`"callerTimeout":[%q,%q]`, "body:/timeout_seconds", "header:X-Timeout"); !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(got, " ", ""), "\n", ""), want) {
		t.Errorf("/endpoints lacks %s: %s", want, got)
	}
}
