package forward

import (
	"net/http"
	"strings"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Places in a traceparent of version 00.
const (
	traceStart, traceEnd = 3, 35
	spanStart, spanEnd   = 36, 52
	flagsStart           = 53
)

// Trace tells where a request stands in its trace, once Of has seen its header h:
// its span is the parent-id that Of made, below that of the caller if there is one.
// Whether a caller's trace is sampled is the caller's decision. Of one that begins
// here sample decides, by the trace-id.
func (i *Identity) Trace(h http.Header, sample func(id string) bool) *record.Trace {
	made := i.values[1]
	t := &record.Trace{
		ID: made[traceStart:traceEnd], Span: made[spanStart:spanEnd],
		State: strings.Join(h[fieldTraceState], ","), Header: made,
	}
	if i.caller != "" {
		t.Parent = i.caller[spanStart:spanEnd]
		t.Sampled = unhex(made[flagsStart+1])&1 == 1
		return t
	}
	if t.Sampled = sample(t.ID); !t.Sampled {
		t.Header = made[:flagsStart] + "00"
	}
	return t
}

// Child is the place of something that a request of this place does: a span of its
// own below the request's, with the traceparent that tells of it.
func Child(of *record.Trace) *record.Trace {
	header := []byte(of.Header)
	putRandom(header[spanStart:spanEnd])
	made := string(header)
	return &record.Trace{
		ID: made[traceStart:traceEnd], Span: made[spanStart:spanEnd], Parent: of.Span,
		State: of.State, Sampled: of.Sampled, Header: made,
	}
}
