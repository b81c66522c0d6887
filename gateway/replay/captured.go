package replay

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/records"
)

// reasons are the messages of records of what is not sent.
var reasons = map[record.ErrorKind]string{
	record.NotCaptured: "the record does not have the request; capture requests to replay them",
	record.CutShort:    "the record does not have all of the body",
	record.Redacted:    "some of the body was redacted",
	record.Query:       "the URL had a query, which is not recorded",
	record.Path:        "the path is none of the endpoint's",
	record.BadRequest:  "the record's method or path is none that can be sent",
	record.Method:      "the deployment does not take the method",
	record.CallerLeft:  "the caller left, so that there is no answer to compare with",
}

// request is a captured request as it is sent.
type request struct {
	request *http.Request // without a body
	rest    string        // what of the path comes below the endpoint's
	body    []byte
}

// read reads the request of a live record, or says why it cannot be sent.
func (r *Replay) read(live *records.Record) (request, record.ErrorKind) {
	captured, ok := records.ParseCaptured(live.Request)
	switch {
	case !ok:
		return request{}, record.NotCaptured
	case live.Outcome == records.Canceled:
		return request{}, record.CallerLeft
	case !captured.Whole:
		return request{}, record.CutShort
	case captured.Redacted:
		return request{}, record.Redacted
	case captured.HasQuery:
		return request{}, record.Query
	}
	rest, ok := gateway.Below(live.Path, r.opts.Endpoint, r.opts.Path, r.opts.Branch)
	if !ok {
		return request{}, record.Path
	}
	made, err := http.NewRequest(live.Method, "/", http.NoBody) //nolint:noctx // it is a form, and not sent
	if err != nil || live.Method == "" || forward.CheckPath(rest) != nil || !isPath(rest) {
		return request{}, record.BadRequest
	}
	if allowed := r.opts.Target.Methods; len(allowed) > 0 && !slices.Contains(allowed, live.Method) {
		return request{}, record.Method
	}
	made.Header = headerOf(live, captured)
	return request{request: made, rest: rest, body: captured.Body}, record.None
}

// isPath reports whether what a file says can be a part of a URL.
func isPath(rest string) bool {
	u, err := url.Parse(rest)
	return err == nil && u.Scheme == "" && u.Host == "" && u.RawQuery == "" && u.Fragment == "" && u.EscapedPath() == rest
}

// headerOf is what is known of a request's header, with its identity.
func headerOf(live *records.Record, captured records.Captured) http.Header {
	h := http.Header{"X-Request-Id": {live.RequestID}}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	for _, f := range captured.Fields {
		if httpguts.ValidHeaderFieldName(f.Name) && httpguts.ValidHeaderFieldValue(f.Value) {
			set(f.Name, f.Value)
		}
	}
	if httpguts.ValidHeaderFieldValue(captured.ContentType) && httpguts.ValidHeaderFieldValue(captured.Encoding) {
		set("Content-Type", captured.ContentType)
		set("Content-Encoding", captured.Encoding)
	}
	forward.RequestID(&http.Request{Header: h})
	return h
}

// answer is the captured answer of a live attempt, and how another one is compared
// with it.
type answer struct {
	pair.Live
	rules *compare.Rules
}

// maxPlaces bounds the redacted places of one answer that are left aside.
const maxPlaces = 1000

func (r *Replay) answer(live *records.Record) answer {
	a := answer{rules: r.rules, Live: pair.Live{
		Outcome: record.Outcome(live.Outcome), Status: live.Status, Duration: millis(live.Duration), TTFB: millis(live.TTFB.Value),
	}}
	captured, ok := records.ParseCaptured(live.Response)
	switch {
	case !ok || !captured.Whole && len(captured.Body) == 0:
		a.Missing = record.NoAnswer
		return a
	case !captured.Whole:
		a.Missing = record.Truncated
		return a
	case captured.Redacted:
		places, all := records.Places(captured.Body, maxPlaces)
		if !all {
			a.Missing = record.TooComplex
			return a
		}
		a.rules = r.rulesWithout(places)
	}
	a.Tap = r.keep(captured)
	return a
}

// rulesWithout are the rules by which some places of an answer are left aside, and told
// by nothing.
func (r *Replay) rulesWithout(places []string) *compare.Rules {
	declared := *r.opts.Compare
	declared.Ignore = slices.Concat(declared.Ignore, places)
	hidden := slices.Concat(r.opts.Redact, places)
	return compare.NewRules(&declared, hidden)
}

// keep has a tap keep the answer, as if it passed.
func (r *Replay) keep(captured records.Captured) *tap.Tap {
	t := r.pairs.Tap(nil)
	h := http.Header{}
	if captured.ContentType != "" {
		h["Content-Type"] = []string{captured.ContentType}
	}
	if captured.Encoding != "" {
		h["Content-Encoding"] = []string{captured.Encoding}
	}
	t.Begin(h)
	_, _ = t.Write(captured.Body)
	t.End()
	return t
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
