package deployments_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// answerOf is an answer of gRPC. One whose head is also the end has the status there.
func answerOf(status string, headOnly bool) *http.Response {
	res := &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 2, ContentLength: -1, Body: http.NoBody,
		Header: http.Header{"Content-Type": {"application/grpc"}}, Trailer: http.Header{},
	}
	at := res.Trailer
	if headOnly {
		res.ContentLength, at = 0, res.Header
	}
	if status != "" {
		at["Grpc-Status"] = []string{status}
	}
	return res
}

func TestStatusesOfGRPCCountAsThoseOfHTTP(t *testing.T) {
	ok := deployments.Verdict{Status: http.StatusOK}
	for status, want := range map[string]deployments.Verdict{
		"0": ok, "1": ok, "3": ok, "5": ok, "6": ok, "7": ok, "8": ok, "9": ok, "10": ok, "11": ok, "12": ok, "16": ok,
		"2":  {Status: http.StatusInternalServerError, Call: "UNKNOWN"},
		"4":  {Status: http.StatusGatewayTimeout, Call: "DEADLINE_EXCEEDED"},
		"13": {Status: http.StatusInternalServerError, Call: "INTERNAL"},
		"14": {Status: http.StatusServiceUnavailable, Call: "UNAVAILABLE"},
		"15": {Status: http.StatusInternalServerError, Call: "DATA_LOSS"},
		"17": {Status: http.StatusInternalServerError, Call: "UNKNOWN"},
		"x":  {Status: http.StatusInternalServerError, Call: "UNKNOWN"},
		"":   {Status: http.StatusInternalServerError, Call: "no status"},
	} {
		for _, headOnly := range []bool{false, true} {
			if diff := cmp.Diff(want, deployments.Judge(answerOf(status, headOnly), true)); diff != "" {
				t.Errorf("%q at the end, head only %v (-want +got):\n%s", status, headOnly, diff)
			}
			if !headOnly {
				want = deployments.Verdict{} // until the end nobody knows
			}
			if diff := cmp.Diff(want, deployments.Judge(answerOf(status, headOnly), false)); diff != "" {
				t.Errorf("%q at the head, head only %v (-want +got):\n%s", status, headOnly, diff)
			}
			want = deployments.Judge(answerOf(status, true), true)
		}
	}
	for name, change := range map[string]func(*http.Response){
		"another status of HTTP": func(r *http.Response) { r.StatusCode = http.StatusBadGateway },
		"another content":        func(r *http.Response) { r.Header.Set("Content-Type", "application/json") },
		"gRPC-Web":               func(r *http.Response) { r.Header.Set("Content-Type", "application/grpc-web+proto") },
		"HTTP/1.1":               func(r *http.Response) { r.ProtoMajor = 1 },
	} {
		res := answerOf("14", true)
		change(res)
		if diff := cmp.Diff(deployments.Verdict{Status: res.StatusCode}, deployments.Judge(res, false)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// calls is a transport that answers calls of gRPC.
type calls struct{ res *http.Response }

func (c calls) RoundTrip(*http.Request) (*http.Response, error) { return c.res, nil }
func (calls) CloseIdleConnections()                             {}

// called is a version of two replicas that answer calls of gRPC.
func called(rule schema.Breaker, outlier *schema.Outlier) (*deployments.Group, *calls) {
	c := &calls{}
	pool := deployments.NewPool(deployments.PoolOptions{Transport: func(deployments.Destination) deployments.Transport { return c }})
	v := &deployments.Version{Branch: "main", Name: "m", Number: 1, URLs: []*url.URL{{Scheme: "http", Host: "a"}, {Scheme: "http", Host: "b"}}}
	v.Serving.Protocol, v.Serving.Limits.Breaker, v.Serving.Outlier = schema.H2C, &rule, outlier
	return pool.Bind(v, deployments.Use{}), c
}

// late is the context of a request whose caller has given a time that is over.
type late struct{ context.Context }

func (late) Late() bool { return true }

func TestACallCountsOnceAtItsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		status   string
		headOnly bool
		broken   error // off, after the head
		left     bool  // by its caller, after the head
		late     bool
		counts   bool
	}{
		"UNAVAILABLE":                      {status: "14", counts: true},
		"UNAVAILABLE, head only":           {status: "14", headOnly: true, counts: true},
		"broken off":                       {broken: errors.New("reset"), counts: true},
		"given up by its caller":           {left: true},
		"INVALID_ARGUMENT":                 {status: "3"},
		"INVALID_ARGUMENT, head only":      {status: "3", headOnly: true},
		"DEADLINE_EXCEEDED":                {status: "4", counts: true},
		"DEADLINE_EXCEEDED, time is over":  {status: "4", late: true},
		"DEADLINE_EXCEEDED, over, at once": {status: "4", headOnly: true, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 6
			rule := schema.Breaker{FailureRate: .9, MinRequests: most, Window: time.Hour, OpenFor: time.Hour, Probes: 1}
			g, transport := called(rule, &schema.Outlier{Consecutive5xx: most, ConsecutiveFailures: most, Ejection: time.Hour, MaxEjection: time.Hour})
			r := g.Replicas()[0]
			transport.res = answerOf(c.status, c.headOnly)
			for i := range most {
				if !r.Up() || g.Refusing() {
					t.Fatalf("up %v, the breaker is open %v after %d calls", r.Up(), g.Refusing(), i)
				}
				ctx := t.Context()
				if c.late {
					ctx = late{ctx}
				}
				req := (&http.Request{Method: http.MethodPost, URL: r.URL()}).WithContext(ctx)
				admission, err := g.Admit()
				if err != nil {
					t.Fatal(err)
				}
				res, err := r.RoundTrip(req)
				admission.Ended(r, req, res, err)
				admission.CallEnded(r, req, res, c.broken == nil && !c.left, c.broken)
			}
			if r.Up() == c.counts || g.Refusing() != c.counts {
				t.Errorf("up %v, the breaker is open %v", r.Up(), g.Refusing())
			}
		})
	}
}

// Streams may go on for hours. Where requests try a version whose breaker was open, they
// have succeeded when they are answered; and they have failed if they then fail.
func TestABreakerThatTriesAVersionDoesNotWaitForTheEndOfStreams(t *testing.T) {
	for name, c := range map[string]struct {
		first  string // status of the first stream, while it is tried; empty: it goes on
		closes bool
	}{"they go on": {"", true}, "one ends well, which counts once": {"0", false}, "one fails": {"14", false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rule := schema.Breaker{FailureRate: .5, MinRequests: 1, Window: time.Hour, OpenFor: time.Minute, Probes: 2}
				g, transport := called(rule, nil)
				r := g.Replicas()[0]
				req := (&http.Request{Method: http.MethodPost, URL: r.URL()}).WithContext(t.Context())
				begin := func(status string, headOnly bool) func() {
					admission, err := g.Admit()
					if err != nil {
						t.Fatal(err)
					}
					transport.res = answerOf(status, headOnly)
					res, err := r.RoundTrip(req)
					admission.Ended(r, req, res, err)
					return func() { admission.CallEnded(r, req, res, true, nil) }
				}
				begin("14", true)
				if !g.Refusing() {
					t.Fatal("the breaker is closed")
				}
				<-time.After(rule.OpenFor)
				end := begin(c.first, false)
				if c.first != "" {
					end()
				}
				if c.first == "14" {
					if !g.Refusing() {
						t.Error("a stream that failed counts as a success")
					}
					return
				}
				if c.closes {
					begin("", false)
				}
				if state, _ := g.Gate(); state.BreakerOpen == c.closes {
					t.Errorf("state %+v", state)
				}
			})
		})
	}
}
