package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// uncompared is an endpoint with a mirror whose answers nobody compares or captures.
const uncompared = `schemaVersion: 1
backends:
  control: {deployment: {branch: main, name: live, version: 1}}
mirrors:
  candidate: {deployment: {branch: main, name: copied, version: 1}, compare: false}
`

func TestRowsOfBatchesAreInEachRecord(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		rows any
	}{
		"a batch":                  {`{"data": [[1, "a"], [2, {"x": [null]}], ["c", 3]]}`, 3.0},
		"larger than a short copy": {`{"data": [` + strings.Repeat(`[7, "`+strings.Repeat("x", 100)+`"], `, 2000) + `[1, 2]]}`, 2001.0},
		"no batch":                 {`{"data": 3}`, nil},
		"rows of three":            {`{"data": [[1, 2, 3]]}`, nil},
		"not whole":                {`{"data": [[1, 2]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, options{})
			url := newEcho(t, "application/json")
			s.serve(files{"endpoints/e.yaml": uncompared, "deployments/live.yaml": deployment(url), "deployments/copied.yaml": deployment(url)})
			if got := s.post("/v1/e", c.body); got.body != c.body {
				t.Fatalf("the answer is %q", got.body)
			}
			for _, f := range s.written(2, func(f fields) bool { return f["event"] == "inference" }) {
				if f["resultCount"] != c.rows || f["outcome"] != "ok" {
					t.Errorf("resultCount %v, not %v: %v", f["resultCount"], c.rows, f)
				}
			}
		})
	}
}

func TestRowsOfAnAnswerThatBreaksOffAreNotCounted(t *testing.T) {
	url := testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"data": [[1, 2]]`))
		panic(http.ErrAbortHandler)
	})
	s := newStage(t, options{})
	s.serve(files{"endpoints/e.yaml": uncompared, "deployments/live.yaml": deployment(url), "deployments/copied.yaml": deployment(url)})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/e", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := s.client.Do(req); err == nil {
		_ = res.Body.Close()
	}
	for _, f := range s.written(2, func(f fields) bool { return f["event"] == "inference" }) {
		if _, ok := f["resultCount"]; ok || f["outcome"] == "ok" {
			t.Errorf("%v", f)
		}
	}
}

func TestRowsOfStaticAnswersAreCounted(t *testing.T) {
	s := newStage(t, options{})
	s.serve(files{"endpoints/e.yaml": `schemaVersion: 1
backends: {only: {static: {"data": [[1, 2], [2, 3]]}}}
`})
	s.post("/v1/e", "{}")
	if f := s.written(1, func(f fields) bool { return f["event"] == "inference" })[0]; f["resultCount"] != 2.0 {
		t.Errorf("%v", f)
	}
}
