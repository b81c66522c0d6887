package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// mirrored is an endpoint whose mirror answers something else.
func mirrored(t *testing.T, live, mirror string) map[string]string {
	t.Helper()
	serve := func(answer string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answer)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	return map[string]string{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  a: {deployment: {branch: main, name: m, version: 1}, weight: 3}\n  b: {static: 2, weight: 0}\nmirrors:\n" +
			"  m: {deployment: {branch: main, name: m, version: 2}, gates: {minPairs: 1, agreement: \">= 0.5\"}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nversions:\n  1: {url: " + serve(live) + "}\n  2: {url: " + serve(mirror) + "}\n",
	}
}

// try sends a request from the page.
func (s *stage) try(t *testing.T, body string) string {
	t.Helper()
	token := s.logIn("editor")
	form := url.Values{"token": {token}, "method": {"POST"}, "headers": {"Content-Type: application/json"}, "body": {body}}
	got := s.send(http.MethodPost, "/console/endpoints/e/try", form, nil)
	if got.status != http.StatusOK {
		t.Fatalf("it is answered %d\n%s", got.status, got.body)
	}
	return got.body
}

// recorded waits for the record of a copy, which is written after its answer is shown.
func (s *stage) recorded(report string) {
	s.t.Helper()
	testbed.Eventually(s.t, "the copy has its record", func() bool { return s.get(report).status == http.StatusOK })
}

func TestAnswersStandBesideEachOther(t *testing.T) {
	for name, test := range map[string]struct {
		live, mirror string
		want         []string
		lacks        []string
	}{
		"different values": {
			`{"data": 20, "of": {"x": [1, 2]}, "same": true}`, `{"same": true, "data": 21, "of": {"x": [1, 2, 3]}}`,
			[]string{"<mark>  &#34;data&#34;: 20,</mark>", "<mark>  &#34;data&#34;: 21,</mark>", "<mark>      3</mark>", ">differs<"},
			[]string{"<mark>  &#34;same&#34;", "<mark>  &#34;of&#34;"},
		},
		"the same":               {`{"data": 20}`, `{"data": 20.0}`, []string{">agrees<", "&#34;data&#34;: 20.0"}, []string{"<mark>"}},
		"within what is allowed": {`{"data": 1}`, `{"data": 1.0000000001}`, []string{">agrees<", "<mark>  &#34;data&#34;: 1</mark>", "within what <code>compare</code> allows"}, nil},
		"no JSON":                {"plain <b>", `{"data": 20}`, []string{"<mark>plain &lt;b&gt;</mark>", "<mark>{</mark>"}, []string{"<b>"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, mirrored(t, test.live, test.mirror), nil)
			_, page, _ := strings.Cut(s.try(t, `{"data": 10}`), ">Answers<")
			for _, want := range test.want {
				if !strings.Contains(page, want) {
					t.Errorf("no %q in\n%s", want, page)
				}
			}
			for _, not := range test.lacks {
				if strings.Contains(page, not) {
					t.Errorf("%q in\n%s", not, page)
				}
			}
		})
	}
}

func TestGatesAndReportsAreShown(t *testing.T) {
	s := newStage(t, mirrored(t, `{"data": 20}`, `{"data": 21}`), nil)
	if got := s.get("/console/endpoints/e/report"); got.status != http.StatusNotFound || !strings.Contains(got.body, "nothing to report") {
		t.Errorf("without records: %d\n%s", got.status, got.body)
	}
	s.try(t, "{}")
	s.recorded("/console/endpoints/e/report/m")
	page := s.get("/console/endpoints/e").body
	for _, want := range []string{"be promoted?", "agreement &gt;= 0.5", "NOT ENOUGH DATA", `<span class="warn">undecided</span>`, "1 pairs; at least 1 are asked for"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	for path, want := range map[string]string{"/console/endpoints/e/report/m": "agreement", "/console/endpoints/none/report": "No split", "/console/endpoints/e/report/none": "No mirror"} {
		got := s.get(path)
		if !strings.Contains(got.body, want) {
			t.Errorf("%s: %d, no %q", path, got.status, want)
		}
	}
}

// What the console reports of scores is what switchyard report says of them.
func TestReportsTakeTheTolerancesThatAreDeclared(t *testing.T) {
	files := mirrored(t, `{"data": 20}`, `{"data": 21}`)
	files["endpoints/e.yaml"] = strings.Replace(files["endpoints/e.yaml"], "gates:", "compare: {score: /data, tolerance: {abs: 2}}, gates:", 1)
	s := newStage(t, files, nil)
	s.try(t, "{}")
	s.recorded("/console/endpoints/e/report/m")
	const want = "Of 1 pairs of scores 100 % are within 2 of each other."
	if got := s.get("/console/endpoints/e/report/m"); !strings.Contains(got.body, want) {
		t.Errorf("no %q in %d\n%s", want, got.status, got.body)
	}
}

func TestTheReportOfASplitComparesBackends(t *testing.T) {
	s := newStage(t, split(), nil)
	for range 20 {
		s.try(t, "{}")
	}
	got := s.get("/console/endpoints/e/report")
	for _, want := range []string{"e: backends", "as the weights ask for", "keeps in memory"} {
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("no %q in %d\n%s", want, got.status, got.body)
		}
	}
	if got.header.Get("Refresh") != "30" {
		t.Error("the report does not stay up to date")
	}
}

// Of answers that are not there as a whole nobody can tell where they differ.
func TestAnswersThatAreCutAreNotMarked(t *testing.T) {
	const line = `{"name": "a line of an answer", "value": 1},`
	long := `{"data": [` + strings.Repeat(line, (300<<10)/len(line)) + `1]}`
	for name, test := range map[string]struct{ live, mirror string }{
		"both":           {long, long},
		"that of mirror": {`{"data": 1}`, long},
		"the live one":   {long, `{"data": 1}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, mirrored(t, test.live, test.mirror), nil)
			_, page, _ := strings.Cut(s.try(t, "{}"), ">Answers<")
			if n := strings.Count(page, "<mark>"); n > 0 {
				t.Errorf("%d lines are marked", n)
			}
			if !strings.Contains(page, "not marked in answers that are not shown whole") || strings.Contains(page, "within what <code>compare</code> allows") {
				t.Errorf("it is not said:\n%.3000s", page)
			}
		})
	}
}
