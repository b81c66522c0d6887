//go:build linux

package front_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// witness is a handler that remembers what it was called with.
type witness struct {
	mu   sync.Mutex
	seen []string
}

func (w *witness) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	s := facts(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, s)
}

// forget returns what was seen since the last time.
func (w *witness) forget() (seen []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen, w.seen = w.seen, nil
	return seen
}

// FuzzGuard: whatever is sent, the requests that a handler sees through the guard are the first of those that it sees
// without, each with the same content or with content that ends in an error; those with whole content are those that a strict
// reader finds; and of a stream that is strict throughout none is missing.
func FuzzGuard(f *testing.F) {
	for _, shape := range refusedShapes() {
		f.Add([]byte(shape + smuggled))
		f.Add([]byte(fmt.Sprintf(post, "/") + shape + smuggled))
	}
	for _, shape := range passingShapes() {
		f.Add([]byte(shape.in + last))
	}
	for _, shape := range shapes() {
		f.Add([]byte(shape + last))
	}
	var guarded, alone witness
	withGuard, without := startGuarded(f, &http.Server{Handler: &guarded}), startStd(f, &http.Server{Handler: &alone})
	f.Fuzz(func(t *testing.T, in []byte) {
		if strings.HasPrefix(string(in), "PRI * HTTP/2.0\r\n\r\n") {
			t.Skip("not HTTP/1")
		}
		converse(t, withGuard, in)
		converse(t, without, in)
		got, want := guarded.forget(), alone.forget()
		strict, rest := strictRequests(string(in))
		strict = slices.DeleteFunc(strict, func(request string) bool {
			return strings.HasPrefix(request, "OPTIONS * ") // net/http answers it
		})
		if len(got) > len(want) {
			t.Fatalf("%d requests, without the guard %d", len(got), len(want))
		}
		for i, facts := range got {
			if strings.HasSuffix(facts, " <nil>") {
				compareWhole(t, facts, want[i], strict, i)
				continue
			}
			if i < len(got)-1 {
				t.Fatalf("a request follows broken content:\n%s", facts)
			}
			if diff := cmp.Diff(headOf(want[i]), headOf(facts)); diff != "" {
				t.Fatalf("without the guard (-), with it (+):\n%s", diff)
			}
		}
		if rest == "" && len(got) != len(want) {
			t.Fatalf("%d of %d requests, though all are strict", len(got), len(want))
		}
	})
}

// compareWhole holds a request against the same one without the guard and as the strict reader sees it.
func compareWhole(t *testing.T, got, want string, strict []string, i int) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("without the guard (-), with it (+):\n%s", diff)
	}
	if i >= len(strict) {
		t.Fatalf("a strict reader sees %d requests, not this:\n%s", len(strict), got)
	}
	method, rest, _ := strings.Cut(strict[i], " ")
	target, _, _ := strings.Cut(rest, " ")
	if !strings.HasPrefix(got, fmt.Sprintf("%s %q", method, target)) {
		t.Fatalf("a strict reader sees %s %s, not this:\n%s", method, target, got)
	}
}

// headOf is what facts tell without the content.
func headOf(facts string) string {
	head, _, _ := strings.Cut(facts, "nobody=")
	return head
}
