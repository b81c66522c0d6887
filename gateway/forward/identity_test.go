package forward_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
)

var (
	madeID    = regexp.MustCompile(`^[0-9a-f]{32}$`)
	madeTrace = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$`)
)

func TestRequestIDIsTheCallersIfItIsFitForLogs(t *testing.T) {
	for _, c := range []struct {
		name string
		ids  []string
		keep bool
	}{
		{"none", nil, false},
		{"usual", []string{"4a1c-77"}, true},
		{"one character", []string{"~"}, true},
		{"128 characters", []string{strings.Repeat("a", 128)}, true},
		{"129 characters", []string{strings.Repeat("a", 129)}, false},
		{"empty", []string{""}, false},
		{"space", []string{"a b"}, false},
		{"not ASCII", []string{"é"}, false},
		{"delete", []string{"a\x7f"}, false},
		{"two", []string{"a", "b"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{"X-Request-Id": c.ids}}
			id := forward.RequestID(r)
			if c.keep != (len(c.ids) == 1 && id == c.ids[0]) || !c.keep && !madeID.MatchString(id) {
				t.Errorf("got %q", id)
			}
			if r.Header.Get("X-Request-Id") != id || len(r.Header["X-Request-Id"]) != 1 || forward.RequestID(r) != id {
				t.Errorf("header %v", r.Header)
			}
		})
	}
}

func TestTraceIsContinuedIfItIsValid(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, c := range []struct {
		name, in string
		flags    string // of the continued trace; empty: a new one begins
	}{
		{"sampled", "00-" + trace + "-" + parent + "-01", "01"},
		{"not sampled", "00-" + trace + "-" + parent + "-00", "00"},
		{"random", "00-" + trace + "-" + parent + "-03", "03"},
		{"unknown flags", "00-" + trace + "-" + parent + "-f8", "00"},
		{"later version", "01-" + trace + "-" + parent + "-03", "01"},
		{"later and longer", "cc-" + trace + "-" + parent + "-01-what", "01"},
		{"none", "", ""},
		{"longer", "00-" + trace + "-" + parent + "-01-what", ""},
		{"later and too long", "cc-" + trace + "-" + parent + "-01what", ""},
		{"version ff", "ff-" + trace + "-" + parent + "-01", ""},
		{"upper case", "00-" + strings.ToUpper(trace) + "-" + parent + "-01", ""},
		{"no trace", "00-" + strings.Repeat("0", 32) + "-" + parent + "-01", ""},
		{"no parent", "00-" + trace + "-" + strings.Repeat("0", 16) + "-01", ""},
		{"short", "00-" + trace + "-" + parent + "-1", ""},
		{"not hex", "00-" + trace + "-" + parent + "-0g", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{"Tracestate": {"v=1"}}}
			if c.in != "" {
				r.Header.Set("Traceparent", c.in)
			}
			id := forward.RequestID(r)
			got := r.Header.Get("Traceparent")
			if !madeTrace.MatchString(got) {
				t.Fatalf("got %q", got)
			}
			if c.flags == "" {
				if got[3:35] != id || r.Header.Get("Tracestate") != "" {
					t.Errorf("got %q, tracestate %q", got, r.Header.Get("Tracestate"))
				}
				return
			}
			if got[3:35] != trace || got[36:52] == parent || got[53:] != c.flags || r.Header.Get("Tracestate") != "v=1" {
				t.Errorf("got %q, tracestate %q", got, r.Header.Get("Tracestate"))
			}
		})
	}
}
