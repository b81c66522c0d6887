package forward_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

func yes(string) bool { return true }
func no(string) bool  { return false }

// Whoever began a trace has decided whether it is sampled, and what begins here the
// gateway decides; a child is of the same mind, with a span of its own.
func TestTheOneThatBeginsATraceDecidesWhetherItIsSampled(t *testing.T) {
	for name, c := range map[string]struct {
		caller  string
		sample  func(string) bool
		sampled bool
	}{
		"a caller's that is sampled":     {"00-" + callersTrace + "-" + callersSpan + "-01", no, true},
		"a caller's that is not":         {"00-" + callersTrace + "-" + callersSpan + "-00", yes, false},
		"ours that is sampled":           {"", yes, true},
		"ours that is not":               {"", no, false},
		"a malformed one is none":        {"00-" + callersTrace + "-" + callersSpan + "-0", no, false},
		"a caller's of a later version":  {"01-" + callersTrace + "-" + callersSpan + "-01-more", no, true},
		"a caller's that is random, too": {"00-" + callersTrace + "-" + callersSpan + "-02", yes, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{"Tracestate": {"a=1", "b=2"}}}
			if c.caller != "" {
				r.Header.Set("Traceparent", c.caller)
			}
			var identity forward.Identity
			identity.Of(r)
			of := identity.Trace(r.Header, c.sample)
			if of.Sampled != c.sampled || (of.Header[54]&1 == '1'&1) != c.sampled || !madeTrace.MatchString(of.Header) {
				t.Errorf("%+v", of)
			}
			want := &record.Trace{ID: of.Header[3:35], Span: of.Header[36:52], Sampled: c.sampled, Header: of.Header}
			if len(c.caller) >= 55 {
				want.ID, want.Parent, want.State = callersTrace, callersSpan, "a=1,b=2"
			}
			if diff := cmp.Diff(want, of); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			child := forward.Child(of)
			below := &record.Trace{ID: of.ID, Span: child.Header[36:52], Parent: of.Span, State: of.State, Sampled: c.sampled, Header: child.Header}
			if diff := cmp.Diff(below, child); diff != "" || child.Span == of.Span || child.Header[:36] != of.Header[:36] || child.Header[52:] != of.Header[52:] {
				t.Errorf("child of %s (-want +got):\n%s", of.Header, diff)
			}
		})
	}
}

// Without traces a request's identity costs the one piece of memory in which its ids lie.
func TestIdentityAllocatesOnce(t *testing.T) {
	r := &http.Request{Header: http.Header{}}
	var identity forward.Identity
	parent := []string{"00-" + callersTrace + "-" + callersSpan + "-01"}
	if n := testbed.Allocs(100, func() {
		r.Header["Traceparent"] = parent
		delete(r.Header, "X-Request-Id")
		identity.Of(r)
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
