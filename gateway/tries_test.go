package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// scripted is a real server that does what it is told with each request.
type scripted struct {
	url  string
	hits atomic.Int64
	last atomic.Pointer[asked]
}

func newScripted(t *testing.T, do http.HandlerFunc) *scripted {
	t.Helper()
	s := &scripted{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if r.Header.Get("X-Switchyard-Mirror") != "" {
			return
		}
		s.hits.Add(1)
		s.last.Store(&asked{r.Method, r.RequestURI, string(body), r.Header.Clone()})
		do(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func answering(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "answered %d", status)
	}
}

func breakingOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// halfway breaks off an answer that has begun.
func halfway(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "half")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

const allRetries = "retries: {attempts: 2, on: [connect, reset, timeout, 502, 503, 504], backoff: 1ms}"

// patient is a firstByte that nobody waits for, impatient one that somebody does.
const patient, impatient = "30s", "300ms"

// pair serves an endpoint whose replicas take turns, the bad one first.
func (s *stage) pair(bad, good *scripted, firstByte, version string) {
	s.serve(files{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: [" + bad.url + ", " + good.url + "], balance: round-robin, " +
			"timeout: {firstByte: " + firstByte + ", total: 2m}, " + version + "}\n",
	})
}

// failure is one of a replica's, and whether another one is tried then.
type failure struct {
	bad     http.HandlerFunc
	method  string
	version string
	again   bool
	kind    string
}

func TestAFailureIsTriedAgainOnAnotherReplica(t *testing.T) {
	for name, f := range map[string]failure{
		"503 to an idempotent POST":        {answering(503), "POST", "idempotent: true, " + allRetries, true, "status"},
		"503 to a POST":                    {answering(503), "POST", allRetries, false, "status"},
		"503 to a GET":                     {answering(503), "GET", allRetries, true, "status"},
		"502 to a PUT":                     {answering(502), "PUT", allRetries, false, "status"},
		"500 is not in the list":           {answering(500), "GET", allRetries, false, "status"},
		"503 when only 502 is asked for":   {answering(503), "GET", "retries: {on: 502}", false, "status"},
		"a reset of an idempotent POST":    {breakingOff, "POST", "idempotent: true, " + allRetries, true, "reset"},
		"a reset of a POST":                {breakingOff, "POST", allRetries, false, "reset"},
		"no answer to an idempotent POST":  {hang, "POST", "idempotent: true, " + allRetries, true, "timeout"},
		"no answer to a POST":              {hang, "POST", allRetries, false, "timeout"},
		"an answer that has begun":         {halfway, "POST", "idempotent: true, " + allRetries, false, "reset"},
		"without retries":                  {answering(503), "GET", "idempotent: true", false, "status"},
		"without retries for this version": {answering(503), "GET", "retries: false", false, "status"},
	} {
		t.Run(name, func(t *testing.T) {
			if f.kind != "timeout" {
				f.happens(t, patient)
				return
			}
			t.Parallel()
			testbed.LongEnough(t, 300*time.Millisecond, func(limit time.Duration) bool { return f.happens(t, limit.String()) })
		})
	}
}

// happens checks what comes of it where replicas have that long for their first byte. It is
// false where that was over before the request had reached the replica that is to fail, or
// before the other one answered.
func (c failure) happens(t *testing.T, firstByte string) (inTime bool) {
	t.Helper()
	s, bad, good := newStage(t, options{}), newScripted(t, c.bad), newScripted(t, answering(200))
	s.pair(bad, good, firstByte, c.version)
	body := strings.Repeat("a body ", 1000)
	if c.method == "GET" {
		body = ""
	}
	req, err := http.NewRequestWithContext(t.Context(), c.method, s.url+"/v1/e?q=1", io.MultiReader(strings.NewReader(body))) // chunked
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "6.6.6.6")
	status, got := 0, ""
	res, err := s.client.Do(req)
	if err == nil {
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		status, got = res.StatusCode, string(b)
	}
	sent, want := bad.hits.Load()+good.hits.Load(), map[bool]int64{true: 2, false: 1}[c.again]
	if c.kind == "timeout" && (sent < want || c.again && status == http.StatusGatewayTimeout) {
		return false
	}
	if sent != want {
		t.Errorf("sent %d times", sent)
	}
	if !c.again {
		s.written(1, func(f fields) bool {
			return f["role"] == "live" && f["errorKind"] == c.kind && f["attempt"] == nil && f["superseded"] == nil
		})
		return true
	}
	if status != http.StatusOK || got != "answered 200" {
		t.Errorf("answered %d %v %q", status, err, got)
	}
	if diff := cmp.Diff(bad.last.Load().header, good.last.Load().header); diff != "" || good.last.Load().body != body {
		t.Errorf("the second attempt differs from the first (-first +second):\n%s%d bytes", diff, len(good.last.Load().body))
	}
	first := s.written(1, func(f fields) bool { return f["attempt"] == 1.0 && f["superseded"] != nil })[0]
	second := s.written(1, func(f fields) bool { return f["attempt"] == 2.0 && f["superseded"] == nil })[0]
	if first["errorKind"] != c.kind || first["replica"] != bad.url || second["replica"] != good.url || second["outcome"] != "ok" ||
		first["requestId"] != second["requestId"] {
		t.Errorf("records\n%v\n%v", first, second)
	}
	return true
}

func TestABodyThatIsNotKeptIsNotSentAgain(t *testing.T) {
	s, bad, good := newStage(t, options{}), newScripted(t, answering(503)), newScripted(t, answering(200))
	s.pair(bad, good, patient, "idempotent: true, "+allRetries)
	if a := s.post("/v1/e", strings.Repeat("x", 2<<20)); a.status != http.StatusServiceUnavailable || a.body != "answered 503" {
		t.Errorf("answered %d %q", a.status, a.body)
	}
	if a := s.post("/v1/e", strings.Repeat("x", 1<<20)); a.status != http.StatusOK {
		t.Errorf("answered %d %q to a body that can be kept", a.status, a.body)
	}
}

func TestRetriesKeepToTheirBudget(t *testing.T) {
	s, bad, worse := newStage(t, options{}), newScripted(t, answering(503)), newScripted(t, answering(503))
	s.pair(bad, worse, patient, "idempotent: true, retries: {attempts: 5, backoff: 1ms, budget: 10%}")
	const requests = 100
	began := time.Now()
	for range requests {
		if a := s.post("/v1/e", "{}"); a.status != http.StatusServiceUnavailable || a.body != "answered 503" {
			t.Fatalf("answered %d %q", a.status, a.body)
		}
	}
	retries := bad.hits.Load() + worse.hits.Load() - requests
	spare := 3 * (1 + int64(time.Since(began)/(10*time.Second))) // in each 10 s, whatever the share
	if retries < 3 || retries > spare+requests/10 {
		t.Errorf("%d retries of %d requests", retries, requests)
	}
	table := s.admin("GET", "/endpoints", nil).body
	if !strings.Contains(table, fmt.Sprintf(`"made": %d`, retries)) {
		t.Errorf("/endpoints does not tell of the retries:\n%s", table)
	}
}

// fallingBack serves an endpoint whose backend is assigned to everybody and fails.
func (s *stage) fallingBack(bad, good, firstByte, version, endpoint string) {
	s.serve(files{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  a: {deployment: {branch: main, name: m, version: 1}}\n" +
			"  b: {deployment: {branch: main, name: m, version: 2}, weight: 0}\n  c: {static: {\"data\": 0}, weight: 0}\n" +
			"mirrors:\n  m: {deployment: {branch: main, name: m, version: 2}}\n" + endpoint,
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n" +
			"  1: {url: " + bad + ", headers: {X-Secret: of-one}, timeout: {firstByte: " + firstByte + ", total: 2m}, " + version + "}\n" +
			"  2: {url: " + good + ", headers: {X-Own: of-two}}\n",
	})
}

func TestTheFallbackAnswersWhenTheAssignedBackendFails(t *testing.T) {
	for name, c := range map[string]struct {
		bad      http.HandlerFunc // nil: nobody is there
		version  string
		endpoint string
		backend  string
		kind     string
	}{
		"nobody is there":                       {nil, "", "fallback: b\n", "b", "connect"},
		"a reset of a POST":                     {breakingOff, "", "fallback: b\n", "a", "reset"},
		"a reset of an idempotent POST":         {breakingOff, "idempotent: true", "fallback: b\n", "b", "reset"},
		"a reset of a POST, with a fixed value": {breakingOff, "", "fallback: c\n", "c", "reset"},
		"503, with a fixed value":               {answering(503), "", "fallback: c\n", "c", "status"},
		"no answer, with a fixed value":         {hang, "", "fallback: c\n", "c", "timeout"},
		"503 where only connect is asked for":   {answering(503), "idempotent: true", "fallback: {backend: b, on: connect}\n", "a", "status"},
		"500 is not in the list":                {answering(500), "idempotent: true", "fallback: b\n", "a", "status"},
		"retries come first":                    {answering(503), "idempotent: true, retries: {attempts: 2, backoff: 1ms}", "fallback: b\n", "b", "status"},
	} {
		t.Run(name, func(t *testing.T) {
			s, good := newStage(t, options{}), newScripted(t, answering(200))
			bad := "http://127.0.0.1:1"
			if c.bad != nil {
				bad = newScripted(t, c.bad).url
			}
			s.fallingBack(bad, good.url, map[bool]string{true: impatient, false: patient}[c.kind == "timeout"], c.version, c.endpoint)
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/e", strings.NewReader(`{"data": 1}`))
			res, err := s.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadAll(res.Body)
			res.Body.Close()
			if got := res.Header.Get("X-Switchyard-Backend"); got != c.backend || (res.StatusCode == http.StatusOK) != (c.backend != "a") {
				t.Errorf("answered %d by %s", res.StatusCode, got)
			}
			final := s.written(1, func(f fields) bool { return f["role"] == "live" && f["superseded"] == nil })[0]
			copies := s.written(1, role("mirror"))
			if len(copies) != 1 {
				t.Errorf("%d copies", len(copies))
			}
			if final["backend"] != c.backend {
				t.Errorf("record %v", final)
			}
			superseded := s.all(func(f fields) bool { return f["superseded"] != nil })
			if c.backend == "a" {
				if len(superseded) > 0 || final["errorKind"] != c.kind || final["fallbackFrom"] != nil {
					t.Errorf("records %v, %v", superseded, final)
				}
				return
			}
			if final["fallbackFrom"] != "a" || final["attempt"] != float64(len(superseded)+1) || len(superseded) == 0 || superseded[0]["errorKind"] != c.kind ||
				superseded[0]["backend"] != "a" || superseded[0]["fallbackFrom"] != nil {
				t.Errorf("records %v, %v", superseded, final)
			}
			if c.backend == "b" {
				if got := good.last.Load(); got.header.Get("X-Secret") != "" || got.header.Get("X-Own") != "of-two" || got.body != `{"data": 1}` {
					t.Errorf("the fallback got %+v", got)
				}
			}
		})
	}
}

func TestAFallbackLeavesTheAssignmentAndItsOwnCallersAlone(t *testing.T) {
	s, good := newStage(t, options{}), newScripted(t, answering(503))
	s.fallingBack("http://127.0.0.1:1", good.url, patient, "", "assignment: {key: header:x-user}\nfallback: b\n")
	for range 5 {
		// The fallback fails as well: that is the answer, and there is no third.
		if a := s.post("/v1/e", "{}", "X-User", "u"); a.status != http.StatusServiceUnavailable || a.body != "answered 503" {
			t.Errorf("answered %d %q", a.status, a.body)
		}
	}
	s.written(5, func(f fields) bool { return f["backend"] == "a" && f["superseded"] != nil && f["subjectId"] == "u" })
	s.written(5, func(f fields) bool { return f["role"] == "live" && f["backend"] == "b" && f["fallbackFrom"] == "a" })
}

// told waits until the log tells of a change of a breaker of the deployment m.
func (s *stage) told(change string) {
	s.t.Helper()
	testbed.Eventually(s.t, change, func() bool {
		for _, f := range testbed.Lines[fields](s.t, s.log) {
			if f["event"] == "replica" && f["change"] == change && f["deploymentName"] == "m" && f["deploymentVersion"] == 1.0 {
				return true
			}
		}
		return false
	})
}

func TestAnOpenBreakerAnswersAtOnceAndClosesWhenTheVersionIsWell(t *testing.T) {
	t.Parallel()
	testbed.LongEnough(t, time.Second, func(openFor time.Duration) bool { return opensAndCloses(t, openFor) })
}

// opensAndCloses has a breaker open, and close when it has been open for that long. It is
// false where that was over before it had been looked at.
func opensAndCloses(t *testing.T, openFor time.Duration) (inTime bool) {
	t.Helper()
	var well atomic.Bool
	s := newStage(t, options{})
	r := newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		if well.Load() {
			answering(200)(w, r)
			return
		}
		answering(500)(w, r)
	})
	tree := files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}, b: {static: {}, weight: 0}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + r.url + ", breaker: {minRequests: 5, window: 1h, openFor: " + openFor.String() + ", probes: 2}}\n",
	}
	s.serve(tree)
	for range 4 {
		if a := s.post("/v1/e", "{}"); a.status != http.StatusInternalServerError {
			t.Fatalf("answered %d %s", a.status, a.body)
		}
	}
	began := time.Now()
	late := func() bool { return time.Since(began) >= openFor }
	fifth, sixth, hits := s.post("/v1/e", "{}"), s.post("/v1/e", "{}"), r.hits.Load()
	if late() {
		return false
	}
	after, err := strconv.Atoi(sixth.header.Get("Retry-After"))
	if fifth.status != http.StatusInternalServerError || sixth.status != http.StatusServiceUnavailable ||
		err != nil || after < 1 || time.Duration(after-1)*time.Second >= openFor || hits != 5 {
		t.Errorf("answered %d, then %d %v %s after %d requests", fifth.status, sixth.status, sixth.header, sixth.body, hits)
	}
	// A swap keeps it open, and a fallback sees what was not sent.
	tree["endpoints/e.yaml"] += "fallback: b\n"
	s.serve(tree)
	a := s.post("/v1/e", "{}")
	if late() {
		return false
	}
	if a.status != http.StatusOK || a.header.Get("X-Switchyard-Backend") != "b" {
		t.Errorf("answered %d %v %s", a.status, a.header, a.body)
	}
	s.written(1, func(f fields) bool { return f["errorKind"] == "breaker_open" && f["replica"] == nil })
	s.told("breaker_opened")
	well.Store(true)
	testbed.Eventually(t, "the breaker closes", func() bool {
		s.post("/v1/e", "{}")
		return strings.Contains(s.admin("GET", "/endpoints", nil).body, `"state": "closed"`)
	})
	s.told("breaker_closed")
	if a := s.post("/v1/e", "{}"); a.header.Get("X-Switchyard-Backend") != "a" {
		t.Errorf("answered by %v", a.header)
	}
	return true
}
