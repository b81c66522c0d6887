package gateway

import (
	"io"
	"net/http"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// offer decides about the copies of a request, before the first byte of its body
// is read by the attempt: sampling first, then the mirror's own admission. What
// the attempt is to read comes back in q.body.
func (q *request) offer() {
	e := q.e
	if len(e.mirrors) == 0 {
		return
	}
	q.capture = e.gateway.mirrors.NewCapture(q.r.ContentLength)
	most := q.most()
	q.capture.Limit(most)
	reason := q.uncopied(most)
	q.eachSampled(func(m *mirrored) {
		template := q.mirrorRecord(m)
		switch {
		case reason != record.None:
			m.queue.Drop(&template, reason)
		case !allows(m.Deployment.Methods, q.r.Method):
			m.queue.Drop(&template, record.Method)
		default:
			q.fill(m, q.capture.Offer(m.queue, &template))
		}
	})
	q.wrap()
}

// fill says what a copy consists of, unless it was not admitted.
func (q *request) fill(m *mirrored, c *mirror.Copy) {
	if c == nil {
		return
	}
	if !q.deadline.IsZero() {
		c.Allotted = q.deadline.Sub(q.tried)
	}
	c.Group = m.group
	m.changes.Fill(c, q.e.gateway.live, q.r, q.rest)
	switch rule := q.kept.answers(); {
	case m.compared != nil:
		q.expect(m, c, rule)
	case rule != nil:
		c.Tap, c.Note = q.e.gateway.tap(rule), rule
	}
}

// wrap has the body captured on its way to the attempt, or handed over if it is
// in memory already.
func (q *request) wrap() {
	if q.read != nil {
		q.capture.Share(q.read)
		return
	}
	live := q.r.Body
	if q.body != nil {
		live = io.NopCloser(q.body)
	}
	if body := q.capture.Wrap(live); body != live {
		q.body, q.captured = body, true
	}
}

// most is how many bytes the body may have before the attempt refuses it; 0: any number.
func (q *request) most() int64 {
	if q.backend.group == nil {
		return 0
	}
	return q.e.gateway.live.MaxRequest(q.backend.Deployment.Serving.Limits.MaxRequestBytes)
}

// length is that of the body as the attempt judges it, -1 if it is not known.
func (q *request) length() int64 {
	switch {
	case q.edited != nil:
		return max(q.r.ContentLength, q.edited.length)
	case q.read != nil:
		return int64(len(q.read))
	}
	return q.r.ContentLength
}

// uncopied says why a request is not copied at all, or nothing. Its body may have so
// many bytes as most says.
func (q *request) uncopied(most int64) record.ErrorKind {
	switch {
	case most > 0 && q.length() > most:
		return record.Refused
	case q.r.Header[forward.MirrorMark] != nil:
		return record.Loop
	case q.r.Header["Upgrade"] != nil:
		return record.Upgrade
	case q.e.gateway.overload.spares():
		return record.Overload
	}
	return record.None
}

// eachSampled calls f for the mirrors that are to get a copy, and tells the
// others' ledgers that they are not.
func (q *request) eachSampled(f func(*mirrored)) {
	e := q.e
	var subject string
	var keyed bool
	if e.sampled {
		subject, keyed = e.Sampling.Subject(q.r, q.keyed(), q.claims())
	}
	for i := range e.mirrors {
		m := &e.mirrors[i]
		switch {
		case m.Percent >= 100, keyed && e.Sampled(i, subject), !keyed && e.SampledRandom(i):
			f(m)
		default:
			m.queue.SampledOut()
		}
	}
}

// mirrorRecord is what is known of a copy's record before it is sent.
func (q *request) mirrorRecord(m *mirrored) record.Record {
	rec := m.template
	rec.RequestID, rec.Subject, rec.Method, rec.Path = q.id, q.subjectID, q.r.Method, q.path
	rec.Commit, rec.KeyName = q.s.commit, q.caller.name()
	if q.spans.request != nil {
		rec.Trace = forward.Child(q.spans.request)
	}
	return rec
}

// static answers with the backend's own value. Mirrors and records want the body
// all the same: it is read once the answer is out, as far as mirrors take it.
func (q *request) static() forward.Result {
	answer := q.backend.Static
	result := forward.Result{Status: http.StatusOK, Outcome: record.OK, Committed: true, ResponseBytes: int64(len(answer)), Rows: q.backend.rows}
	control := http.NewResponseController(q.w)
	if q.captured || q.kept.body != nil {
		_ = control.EnableFullDuplex() // where it is not supported, it is not needed
	}
	h := q.w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = q.backend.length
	q.w.WriteHeader(http.StatusOK)
	if q.r.Method == http.MethodHead {
		result.ResponseBytes, result.Rows = 0, 0
	} else if _, err := q.w.Write(answer); err != nil {
		result.Rows, result.Outcome, result.Kind, result.Err = 0, record.Canceled, record.CallerLeft, err
	}
	if t := q.kept.answer; t != nil {
		t.Begin(h)
		_, _ = t.Write(answer[:result.ResponseBytes])
		t.End()
	}
	if (q.captured || q.kept.body != nil) && control.Flush() == nil {
		result.RequestBytes, _ = io.CopyN(io.Discard, q.body, q.e.gateway.mirrors.MaxBody()+1)
	}
	return result
}
