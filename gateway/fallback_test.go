package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// early answers before it has read the request.
func early(t *testing.T, status int) (url string) {
	return testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Length", "0")
		w.Header().Set("Connection", "close")
		w.WriteHeader(status)
	})
}

// A static fallback needs nothing of the body, so that it answers whatever that is like.
func TestAStaticFallbackAnswersWhateverTheBodyIsLike(t *testing.T) {
	large := func() io.Reader { return strings.NewReader(strings.Repeat("x", 2<<20)) }
	// endless goes on for as long as anybody reads it.
	endless := func() io.Reader { return endlessly("upload ") }
	stalled := func() io.Reader {
		r, w := io.Pipe()
		t.Cleanup(func() { _ = w.Close() })
		return io.MultiReader(strings.NewReader("half"), r)
	}
	for name, c := range map[string]struct {
		bad       string
		firstByte string
		body      func() io.Reader
	}{
		"503, a large body":                  {newScripted(t, answering(503)).url, patient, large},
		"a reset, a large body":              {newScripted(t, breakingOff).url, patient, large},
		"no answer, a large body":            {newScripted(t, hang).url, impatient, large},
		"503 while the caller sends":         {early(t, 503), patient, endless},
		"503 while the caller says nothing":  {early(t, 503), patient, stalled},
		"no answer while the caller sends":   {testbed.TCP(t, testbed.Hung), impatient, endless},
		"no answer, the caller says nothing": {testbed.TCP(t, testbed.Hung), impatient, stalled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // some wait for as long as the gateway does, for the rest of a body
			s := newStage(t, options{})
			s.fallingBack(c.bad, c.bad, c.firstByte, "", "fallback: c\n")
			if a := s.do(http.MethodPost, "/v1/e", c.body()); a.status != http.StatusOK || a.body != `{"data":0}` {
				t.Errorf("answered %d %q", a.status, a.body)
			}
			s.written(1, func(f fields) bool { return f["backend"] == "c" && f["fallbackFrom"] == "a" && f["outcome"] == "ok" })
			s.written(1, func(f fields) bool { return f["backend"] == "a" && f["superseded"] != nil })
			// Neither the connection nor anything else is in the way of the next one.
			if a := s.post("/v1/e", "{}"); a.status != http.StatusOK {
				t.Errorf("the next request: %d %q", a.status, a.body)
			}
		})
	}
}

// endlessly repeats a text.
type endlessly string

func (e endlessly) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

// A fallback that is a deployment needs all of the body.
func TestAFallbackThatIsADeploymentGetsAllOfTheBodyOrNothing(t *testing.T) {
	s, good := newStage(t, options{}), newScripted(t, answering(200))
	s.fallingBack(early(t, 503), good.url, patient, "idempotent: true", "fallback: b\n")
	for range 20 {
		a := s.post("/v1/e", strings.Repeat("x", 512<<10))
		if got := good.last.Load(); a.status == http.StatusOK && len(got.body) != 512<<10 {
			t.Fatalf("it got %d bytes", len(got.body))
		}
	}
}

// What is kept of bodies for another attempt is given back when an answer begins, and not
// when it ends.
func TestStreamsHoldNoneOfTheMemoryForOtherAttempts(t *testing.T) {
	const streams, size = 66, 1 << 20
	s := newStage(t, options{})
	bad, good := newScripted(t, answering(503)), newScripted(t, answering(200))
	stream := newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		hang(w, r)
	})
	s.serve(files{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"endpoints/s.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 2}}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nidempotent: true\n" + allRetries + "\nversions:\n" +
			"  1: {url: [" + bad.url + ", " + good.url + "], balance: round-robin}\n  2: {url: " + stream.url + "}\n",
	})
	body := strings.Repeat("x", size)
	// One after the other: what streams hold before their answers begin must not add up.
	for range streams {
		res := s.open(http.MethodPost, "/v1/s", strings.NewReader(body))
		t.Cleanup(func() { _ = res.Body.Close() })
	}
	if a := s.post("/v1/e", body); a.status != http.StatusOK {
		t.Errorf("answered %d %s beside the streams", a.status, a.body)
	}
	s.counts(`switchyard_bodies_not_kept_total{reason="memory"} `, 0)
	s.counts(`switchyard_bodies_not_kept_total{reason="too_large"} `, 0)
	if a := s.post("/v1/e", body+body); a.status != http.StatusServiceUnavailable && a.status != http.StatusOK {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	s.counts(`switchyard_bodies_not_kept_total{reason="too_large"} `, 1)
}

// counts waits until a metric has a value.
func (s *stage) counts(metric string, n int) {
	s.t.Helper()
	testbed.Eventually(s.t, metric+strconv.Itoa(n), func() bool {
		return strings.Contains(s.admin("GET", "/metrics", nil).body, metric+strconv.Itoa(n)+"\n")
	})
}

// Two attempts of one request share what is kept, also when the answer to the second one
// begins before it has read all of that.
func TestAnAnswerThatBeginsEarlyGetsTheWholeBody(t *testing.T) {
	var tries sync.Map
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, second := tries.LoadOrStore(r.Header.Get("X-Request-Id"), true); !second {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(server.Close)
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/e.yaml":   "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + server.URL + ", idempotent: true, " + allRetries + "}\n",
	})
	body := strings.Repeat("0123456789abcdef", 1<<16)
	if a := s.post("/v1/e", body); a.status != http.StatusOK || a.body != body {
		t.Errorf("answered %d with %d of %d bytes", a.status, len(a.body), len(body))
	}
}
