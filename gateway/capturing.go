package gateway

import (
	"io"
	"net/http"
	"sync"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway/capture"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

// DefaultCaptureBudget is the memory for captured bodies where Options say none.
const DefaultCaptureBudget = 64 << 20

// newRule is what is captured of an endpoint's requests, nil for nothing.
func newRule(c *endpoints.Capture) *capture.Rule {
	if c == nil {
		return nil
	}
	return capture.NewRule(capture.Declared{
		Request: c.Request, Response: c.Response, MaxBytes: c.MaxBytes, Redact: c.Redact, Headers: c.Headers,
	})
}

// kept is what is captured of one request; the zero value is nothing.
type kept struct {
	rule    *capture.Rule // nil: nothing
	request *tap.Tap      // nil: not captured
	answer  *tap.Tap      // nil: not captured
	body    *tapped       // nil: the request has no body that is read later
}

// keep decides, once for a request and its copies, whether its bodies are
// captured, and taps the request's. It comes before the first byte is read.
func (q *request) keep() {
	rule := q.e.rule
	if rule == nil || !q.isCaptured() {
		return
	}
	q.kept.rule = rule
	if rule.Response {
		q.kept.answer = q.e.gateway.tap(rule)
	}
	if rule.Request {
		q.kept.request = q.e.gateway.tap(rule)
		q.tapRequest()
	}
}

func (g *Gateway) tap(rule *capture.Rule) *tap.Tap {
	return g.bodies.Tap(rule.MaxBytes, rule.Headers)
}

// answers is the rule, if answers are captured; else nil.
func (k *kept) answers() *capture.Rule {
	if k.rule == nil || !k.rule.Response {
		return nil
	}
	return k.rule
}

// isCaptured reports whether the request is in the sample.
func (q *request) isCaptured() bool {
	e := q.e
	if e.Capture.Percent >= 100 {
		return true
	}
	if subject, keyed := e.Sampling.Subject(q.r, q.keyed(), q.claims()); keyed {
		return e.Captured(subject)
	}
	return e.CapturedRandom()
}

// tapRequest has the body kept, or keeps it if it is in memory.
func (q *request) tapRequest() {
	t := q.kept.request
	t.Begin(q.r.Header)
	switch {
	case q.r.ContentLength == 0 || q.r.Body == nil || q.r.Body == http.NoBody:
		t.End()
	case q.read != nil:
		_, _ = t.Write(q.read)
		t.End()
	default:
		q.kept.body = &tapped{from: q.live(), length: q.r.ContentLength, tap: t}
		q.body = q.kept.body
	}
}

// tapped is a body that is kept as it is read.
type tapped struct {
	from   io.Reader
	length int64 // as announced; -1 unknown

	mu  sync.Mutex
	tap *tap.Tap // nil when the request is over: a transport may read late
}

// Read implements io.Reader.
func (b *tapped) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tap != nil {
		_, _ = b.tap.Write(p[:n])
		if err == io.EOF || b.tap.Total() == b.length {
			b.tap.End()
		}
	}
	return n, err
}

func (b *tapped) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tap = nil
}

// writeLive writes the record of the live attempt, with what was captured. The
// answer may not be out yet, so that captured bodies are seen to elsewhere.
func (q *request) writeLive(rec *record.Record) {
	if q.kept.rule == nil {
		q.e.gateway.write(rec)
		return
	}
	if q.kept.body != nil {
		q.kept.body.end()
	}
	q.e.gateway.captures.Add(rec, q.kept.rule, q.kept.request, q.kept.answer)
}

// writeCopy writes the record of a copy, with its answer if that is captured. The
// tap's hold is the callee's.
func (g *Gateway) writeCopy(rec *record.Record, rule *capture.Rule, answer *tap.Tap) {
	g.watches.tell(rec, answer)
	if rule == nil || !answer.Begun() {
		g.write(rec)
		answer.Release()
		return
	}
	g.captures.Add(rec, rule, nil, answer)
}
