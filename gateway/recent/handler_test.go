package recent_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// kept serves a ring with five records of two endpoints.
func kept(t *testing.T) (*recent.Ring, *httptest.Server) {
	t.Helper()
	ring := recent.New(recent.Options{})
	for n := range 5 {
		r := numbered(n)
		if n >= 3 {
			r.Endpoint, r.Backend, r.Role, r.Status, r.Outcome = "other", "m", record.Mirror, 503, record.Error
		}
		ring.Observe(r)
	}
	server := httptest.NewServer(ring)
	t.Cleanup(server.Close)
	return ring, server
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var b strings.Builder
	if _, err := bufio.NewReader(response.Body).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, b.String()
}

func TestRecordsAreServedByWhatTheQueryMeans(t *testing.T) {
	_, server := kept(t)
	for query, want := range map[string]string{
		"":                                     "0 1 2 3 4",
		"limit=2":                              "3 4",
		"endpoint=e":                           "0 1 2",
		"endpoint=e&limit=1":                   "2",
		"backend=m&role=mirror":                "3 4",
		"outcome=ok":                           "0 1 2",
		"status=5xx":                           "3 4",
		"status=200":                           "0 1 2",
		"request=3":                            "3",
		"since=2026-03-09T07:05:06Z":           "3 4",
		"since=5m":                             "",
		"endpoint=none&follow=0":               "",
		"role=live&status=4xx&outcome=ok":      "",
		"endpoint=other&since=2026-03-09":      "3 4",
		"endpoint=other&limit=0&outcome=error": "",
	} {
		status, body := get(t, server.URL+"/records?"+query)
		var lines [][]byte
		for line := range strings.Lines(body) {
			lines = append(lines, []byte(line))
		}
		if got := ids(t, lines); status != http.StatusOK || got != want {
			t.Errorf("%s: %d %q, want %q", query, status, got, want)
		}
	}
}

func TestAnswersSayHowFarBackTheRecordsGo(t *testing.T) {
	ring := recent.New(recent.Options{Records: 2})
	for n := range 5 {
		ring.Observe(numbered(n))
	}
	for _, query := range []string{"", "?since=5m", "?endpoint=none"} {
		w := httptest.NewRecorder()
		ring.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/records"+query, http.NoBody))
		if got, want := w.Header().Get(recent.HeaderSince), "2026-03-09T07:05:06Z"; got != want {
			t.Errorf("%q: since %s, want %s", query, got, want)
		}
		if got := w.Header().Get(recent.HeaderPushedOut); got != "3" {
			t.Errorf("%q: %s of 5 records are told to be pushed out, and 2 are kept", query, got)
		}
	}
}

func TestAWrongQueryIsToldWhatIsAllowed(t *testing.T) {
	_, server := kept(t)
	for query, want := range map[string]string{
		"endpont=e":             `did you mean \"endpoint\"?`,
		"zzzzzzzzz=1":           "there are endpoint, backend, role, outcome, status, request, since, limit, follow",
		"role=shadow":           "there are live, mirror",
		"outcome=failed":        "there are ok, error, canceled, dropped",
		"status=6xx":            "a class such as 5xx",
		"status=99":             "is no status",
		"since=yesterday":       "such as 90m, 24h or 7d",
		"limit=-1":              "is no number of lines",
		"follow=maybe":          "is neither 1 nor 0",
		"role=live&role=mirror": "role is given 2 times",
	} {
		if status, body := get(t, server.URL+"/records?"+query); status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want 400 with %s", query, status, body, want)
		}
	}
}

func TestFollowersGetWhatComes(t *testing.T) {
	ring, server := kept(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/records?follow=1&endpoint=e&limit=1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	next := func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the stream ended: %v", lines.Err())
		}
		return lines.Text()
	}
	if got := next(); !strings.Contains(got, `"requestId":"2"`) {
		t.Errorf("first comes %s, want the newest of before", got)
	}
	for n := range 3 {
		other := numbered(100 + n)
		other.Endpoint = "other"
		ring.Observe(other)
		ring.Observe(numbered(10 + n))
		if got := next(); !strings.Contains(got, `"requestId":"1`+string(rune('0'+n))+`"`) {
			t.Errorf("then comes %s", got)
		}
	}
}

// A reader that does not read is told how many lines it missed, and nobody waits for it.
func TestASlowFollowerIsToldWhatItMissed(t *testing.T) {
	ring := recent.New(recent.Options{Records: 10})
	ring.Observe(numbered(0))
	w := &stuck{ResponseRecorder: httptest.NewRecorder(), stuck: make(chan struct{}), went: make(chan struct{}, 100)}
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ring.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/records?follow=1", http.NoBody).WithContext(ctx))
	}()
	<-w.went // it is about to write the line of before
	for n := range 50 {
		ring.Observe(numbered(1 + n))
	}
	close(w.stuck)
	for range 3 {
		<-w.went // the last value: what it missed and the last ten have been written
	}
	leave()
	<-ended
	text := w.Body.String()
	if !strings.Contains(text, `"event":"lost","count":40}`) || strings.Count(text, "\n") != 1+1+10 {
		t.Errorf("the follower got:\n%s", text)
	}
}

// stuck writes nothing until it is let go.
type stuck struct {
	*httptest.ResponseRecorder
	stuck chan struct{}
	went  chan struct{} // a value when a call of Write begins, and one when it ends
}

func (s *stuck) Write(p []byte) (int, error) {
	s.went <- struct{}{}
	<-s.stuck
	defer func() { s.went <- struct{}{} }()
	return s.ResponseRecorder.Write(p)
}
