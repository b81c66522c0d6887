package gateway

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gateway/capture"
	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// newRules is how a mirror's answers are compared, nil if they are not. What is
// redacted where bodies are captured is told nowhere else either.
func newRules(e *endpoints.Endpoint, m *endpoints.Mirror) *compare.Rules {
	switch {
	case m.Compare == nil:
		return nil
	case e.Capture == nil:
		return compare.NewRules(m.Compare, nil)
	}
	return compare.NewRules(m.Compare, e.Capture.Redact)
}

// expect has the answer of a copy kept, to be compared with the live one. The rule
// says what is captured of answers; nil: nothing.
func (q *request) expect(m *mirrored, c *mirror.Copy, rule *capture.Rule) {
	pairs := q.e.gateway.pairs
	var names []string
	if rule != nil {
		names = rule.Headers
	}
	if q.meeting == nil {
		q.meeting = pairs.Meet()
		q.share(names)
	}
	expected := q.meeting.Expect()
	expected.Rules, expected.Noise, expected.Count = m.compared, m.Noise, m.tally
	if rule != nil {
		expected.Note = rule
	}
	c.Tap, c.Note = pairs.Tap(names), expected
}

// share taps the live answer for the meeting. If it is captured as well, one tap
// serves both.
func (q *request) share(names []string) {
	if q.backend.group == nil {
		return // it is known
	}
	q.answer = q.e.gateway.pairs.Tap(names)
	if q.kept.answer != nil {
		q.kept.answer.Release()
		q.answer.Retain()
		q.kept.answer = q.answer
	}
}

// meet gives the live answer to the copies.
func (q *request) meet(rec *record.Record) {
	live := pair.Live{Outcome: rec.Outcome, Status: rec.Status, Duration: rec.End.Sub(rec.Start), TTFB: rec.TTFB, Tap: q.answer}
	if q.backend.group == nil {
		live.Static = q.backend.Static
		if q.r.Method == http.MethodHead {
			live.Static = []byte{}
		}
	}
	q.meeting.Live(live)
}

// paired reports whether a copy that has ended has gone to meet the live answer,
// with its record and its tap.
func paired(c *mirror.Copy) bool {
	expected, ok := c.Note.(*pair.Copy)
	return ok && expected.End(&c.Record, c.Tap)
}

// pairDone writes the record of a copy that has been compared.
func (g *Gateway) pairDone(c *pair.Copy) {
	rule, _ := c.Note.(*capture.Rule)
	g.writeCopy(&c.Record, rule, c.Tap)
}

// comparisons are what may come of a comparison, in the order in which series
// count them: that of record.Unpaired behind agree and differ.
var comparisons = [...]string{
	"agree", "differ",
	string(record.LiveFailed), string(record.LiveCanceled), string(record.MirrorFailed), string(record.Late), string(record.NoMemory),
	string(record.Truncated), string(record.Encoding), string(record.TooComplex), string(record.TooMany), string(record.Stopped), string(record.Failed),
}

func (s *series) countComparison(c *record.Comparison) {
	switch c.Agree {
	case record.Agrees:
		s.compared[0].Add(1)
	case record.Differs:
		s.compared[1].Add(1)
	case record.Unknown:
		for i, result := range comparisons {
			if result == string(c.Unpaired) {
				s.compared[i].Add(1)
			}
		}
	}
}

func (s *series) collectComparisons(ch chan<- prometheus.Metric, key seriesKey) {
	for i := range s.compared {
		if n := s.compared[i].Load(); n > 0 {
			ch <- counter(descCompared, n, key.endpoint, key.backend, comparisons[i])
		}
	}
}
