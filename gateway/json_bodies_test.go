package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway"
)

// large is more than what keys read.
const large = endpoints.MaxBodyKey * 5 / 4

// withImage is a request with an image of that many bytes, as base64 has it.
func withImage(model string, bytes int) string {
	return fmt.Sprintf(`{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,%s"}}]}],"user":"u","model":%q}`, strings.Repeat("A", bytes), model)
}

// Requests with images in them are larger than what keys read, and are routed and changed
// all the same.
func TestLargeJSONBodiesAreRoutedAndChanged(t *testing.T) {
	const limit = 2 << 20
	r := newReplica(t, "m")
	s := newStage(t, options{json: gateway.JSON{MaxBody: limit, Budget: 3 * limit}})
	s.serve(models(r))
	for i, size := range []int{endpoints.MaxBodyKey - 200, endpoints.MaxBodyKey, limit - 200} {
		for j, path := range []string{"/openai/v1/chat/completions", "/v1/chat/chat/completions"} {
			for k, chunked := range []bool{false, true} {
				var body io.Reader = strings.NewReader(withImage("chat", size))
				if chunked {
					body = io.MultiReader(body)
				}
				if got := s.do(http.MethodPost, path, body); got.status != http.StatusOK {
					t.Fatalf("%d bytes to %s: %d %s", size, path, got.status, got.body)
				}
				if got := r.requests()[4*i+2*j+k]; got.body != withImage("m-7b", size) {
					t.Errorf("%d bytes to %s, chunked %v: another body arrived", size, path, chunked)
				}
			}
		}
	}
	// A key that looks into the body reads no more of it than ever.
	if n := len(s.written(4, func(f fields) bool { return f["subjectId"] == "u" })); n != 4 {
		t.Errorf("%d subjects", n)
	}
	for _, path := range []string{"/openai/v1/chat/completions", "/v1/chat/chat/completions"} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(withImage("chat", limit))
			if chunked {
				body = io.MultiReader(body)
			}
			if got := s.do(http.MethodPost, path, body); got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "above 2097152 bytes") {
				t.Errorf("above the limit: %d %s", got.status, got.body)
			}
		}
	}
	s.counts("switchyard_json_body_bytes ", 0)
	s.counts("switchyard_json_bodies_refused_total ", 0)
}

// All large bodies together keep to a budget, of which streams that are being answered
// hold nothing.
func TestLargeJSONBodiesKeepToTheirBudget(t *testing.T) {
	begun := make(chan struct{}, 100) // more than there are
	h := newHeld(t)
	stream := newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		begun <- struct{}{}
		hang(w, r)
	})
	s := newStage(t, options{json: gateway.JSON{MaxBody: large * 4 / 3, Budget: 3 * large}})
	s.serve(files{
		"endpoints/held.yaml":   "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n",
		"endpoints/stream.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 2}}}\n",
		"deployments/m.yaml":    "schemaVersion: 1\nversions:\n  1: {url: " + h.url + ", model: x}\n  2: {url: " + stream.url + ", model: x}\n",
	})
	for _, path := range []string{"/openai/v1/chat", "/v1/stream/chat"} {
		for range 5 { // more than fit at a time
			res := s.open(http.MethodPost, path, strings.NewReader(withImage("stream", large)))
			t.Cleanup(func() { _ = res.Body.Close() })
			if res.StatusCode != http.StatusOK {
				t.Fatalf("answered %d", res.StatusCode)
			}
			<-begun
		}
	}
	s.counts("switchyard_json_body_bytes ", 0)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if a := s.post("/v1/held", withImage("", large)); a.status != http.StatusOK {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
		<-h.arrived
	}
	for _, path := range []string{"/openai/v1/chat", "/v1/held"} {
		a := s.post(path, withImage("held", large))
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "too many large JSON bodies") {
			t.Errorf("%s: answered %d %v %s", path, a.status, a.header, a.body)
		}
	}
	s.written(1, func(f fields) bool {
		return f["errorKind"] == "memory" && f["status"] == 503.0 && f["endpoint"] == "held"
	})
	s.counts("switchyard_json_bodies_refused_total ", 2)
	h.leave <- struct{}{}
	h.leave <- struct{}{}
	wg.Wait()
	s.counts("switchyard_json_body_bytes ", 0)
	h.leave <- struct{}{}
	if a := s.post("/v1/held", withImage("", large)); a.status != http.StatusOK {
		t.Errorf("answered %d %s when the others are gone", a.status, a.body)
	}
}

// A large body that breaks off, or turns out to be none of JSON, holds nothing.
func TestLargeJSONBodiesThatAreRefusedHoldNothing(t *testing.T) {
	s := newStage(t, options{})
	s.serve(models(newReplica(t, "m")))
	text := strings.Repeat("x", large)
	for _, body := range []string{`{"model":"nobody","a":"` + text + `"}`, `{"a":"` + text, text, `{"model":"chat","a":"` + text + `"`} {
		if got := s.post("/openai/v1/chat/completions", body); got.status != http.StatusBadRequest && got.status != http.StatusNotFound {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/openai/v1/chat/completions", r)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := s.client.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	_, _ = io.Copy(w, bytes.NewReader([]byte(text)))
	_ = w.CloseWithError(io.ErrUnexpectedEOF)
	<-ended
	s.counts("switchyard_json_body_bytes ", 0)
}
