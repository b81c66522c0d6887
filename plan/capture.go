package plan

import (
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/endpoints"
)

// Capture is which bodies stand in the records of an endpoint's requests.
type Capture struct {
	Request  bool     `json:"request"`
	Response bool     `json:"response"`
	Percent  float64  `json:"percent"`
	MaxBytes int64    `json:"maxBytes"`
	Redact   []string `json:"redact"`
	Headers  []string `json:"headers"`
}

// captureOf is nil where nothing is captured.
func captureOf(e *endpoints.Endpoint) *Capture {
	c := e.Capture
	if c == nil {
		return nil
	}
	return &Capture{
		Request: c.Request, Response: c.Response, Percent: c.Percent, MaxBytes: c.MaxBytes,
		Redact: append([]string{}, c.Redact...), Headers: append([]string{}, c.Headers...),
	}
}

// compareCapture is nil where the same is captured before and after.
func compareCapture(from, to *endpoints.Endpoint) *Change[*Capture] {
	was, is := captureOf(from), captureOf(to)
	if was == nil && is == nil || was != nil && is != nil && was.equal(is) {
		return nil
	}
	return &Change[*Capture]{was, is}
}

func (c *Capture) equal(d *Capture) bool {
	return c.Request == d.Request && c.Response == d.Response && c.Percent == d.Percent && c.MaxBytes == d.MaxBytes &&
		slices.Equal(c.Redact, d.Redact) && slices.Equal(c.Headers, d.Headers)
}

// captureLine says how it changes. It alarms when something is written to the
// records from then on that was redacted before.
func captureLine(e *Endpoint) line {
	from, to := e.Capture.From, e.Capture.To
	bare := from != nil && to != nil && slices.ContainsFunc(from.Redact, func(p string) bool { return !slices.Contains(to.Redact, p) })
	text := fromTo(e, from.text(), to.text())
	if bare {
		text = say(text, "; what is no longer redacted will stand in the records")
	}
	return line{alarmIf(bare), say("capture"), text}
}

func (c *Capture) text() phrase {
	if c == nil {
		return say("nothing")
	}
	var parts []string
	if c.Request {
		parts = append(parts, "requests")
	}
	if c.Response {
		parts = append(parts, "answers")
	}
	text := say(strings.Join(parts, " and "), " of "+percent(c.Percent/100)+" of subjects, up to ", number(float64(c.MaxBytes)), " bytes")
	if len(c.Headers) > 0 {
		text = say(text, ", with header ", values(c.Headers, ""))
	}
	if len(c.Redact) > 0 {
		return say(text, ", without ", values(c.Redact, ""))
	}
	return say(text, ", nothing redacted")
}
