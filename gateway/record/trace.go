package record

// Trace is where an attempt stands in a trace of W3C Trace Context. It does not
// change once it is made, so that records may share it.
type Trace struct {
	ID      string // 32 hexadecimal digits
	Span    string // the attempt's, 16 hexadecimal digits; empty: it has none
	Parent  string // the span above it, likewise; empty: the trace begins here
	State   string // tracestate, which is passed on as it came
	Sampled bool   // its spans are exported
	Header  string // traceparent of what the attempt sends; empty: it sends nothing
}

// Sent is the traceparent of what the attempt sends; empty for nil.
func (t *Trace) Sent() string {
	if t == nil {
		return ""
	}
	return t.Header
}

// Unsent is the trace of an attempt that was not made after all; nil for nil.
func (t *Trace) Unsent() *Trace {
	if t == nil {
		return nil
	}
	return &Trace{ID: t.ID, Parent: t.Parent, State: t.State, Sampled: t.Sampled}
}

func appendTrace(dst []byte, t *Trace) []byte {
	dst = append(dst, `,"`+FieldTraceID+`":`...)
	dst = AppendString(dst, t.ID)
	if t.Span != "" {
		dst = append(dst, `,"`+FieldSpanID+`":`...)
		dst = AppendString(dst, t.Span)
	}
	return dst
}
