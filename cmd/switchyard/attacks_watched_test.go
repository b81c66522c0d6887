package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// watched is a server that keeps what it was asked.
type watched struct {
	url string
	mu  sync.Mutex
	got []*http.Request
}

func watchedServer(t *testing.T, answer http.HandlerFunc) *watched {
	t.Helper()
	w := &watched{}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // trailers are known then
		w.mu.Lock()
		w.got = append(w.got, r.Clone(context.Background()))
		w.mu.Unlock()
		answer(out, r)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *watched) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

func (w *watched) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = nil
}

func (w *watched) uris() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.got {
		all = append(all, r.RequestURI)
	}
	return all
}

func (w *watched) headers() (all []http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.got {
		all = append(all, r.Header)
	}
	return all
}

// told is where a value stands in the headers and trailers that it was sent.
func (w *watched) told(value string) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.got {
		for _, section := range []http.Header{r.Header, r.Trailer} {
			for name, values := range section {
				if strings.Contains(strings.Join(values, " "), value) {
					all = append(all, name)
				}
			}
		}
	}
	return all
}
