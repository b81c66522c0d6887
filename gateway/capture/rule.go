package capture

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/gateway/pointer"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

// Rule is what is captured of the requests to one endpoint. It is immutable and
// safe for concurrent use.
type Rule struct {
	Request  bool     // the body of the request, in the live record
	Response bool     // the body of the answer, in the records of the live attempt and of copies
	MaxBytes int64    // of each body
	Headers  []string // fields that are captured with a body, in the form of the keys of http.Header

	redact *pointer.Set // nil: nothing
}

// Declared is a rule as it is declared.
type Declared struct {
	Request, Response bool
	MaxBytes          int64
	Redact            []string // patterns of package pointer, each of which is valid
	Headers           []string
}

// redaction is the mark of what is redacted.
const redaction pointer.Marks = 1

// NewRule makes a rule.
func NewRule(d Declared) *Rule {
	r := &Rule{Request: d.Request, Response: d.Response, MaxBytes: d.MaxBytes, Headers: d.Headers}
	if len(d.Redact) > 0 {
		r.redact = patterns(d.Redact)
	}
	return r
}

func patterns(all []string) *pointer.Set {
	set := new(pointer.Set)
	for _, text := range all {
		p, err := pointer.Parse(text)
		if err != nil {
			panic("capture: a pointer was not checked: " + err.Error())
		}
		set.Add(p, redaction)
	}
	return set
}

// Reasons why a body is not in a record, the values of the member omitted.
const (
	OmittedMemory    = "memory"     // the budget for captured bodies is used up
	OmittedQueue     = "queue_full" // more was captured than could be written
	OmittedRedaction = "redaction"  // it cannot be read, so it is not known what is to be redacted
	OmittedTooLarge  = "too_large"  // redacted it is larger than a record may be
)

// Describe sets what the record says about the bodies: Request, Response, and
// ResultCount where it was not counted as the answer passed. They lie in memory that grows from room, whose extended form is
// returned for the next record. A tap that is nil, or that no message came to, is
// left out. Nothing is released.
func (r *Rule) Describe(rec *record.Record, request, answer *tap.Tap, room []byte) []byte {
	b := room[:0]
	if request != nil && request.Begun() {
		b, _ = r.object(b, request, rec.HasQuery)
	}
	cut := len(b)
	if answer != nil && answer.Begun() {
		var rows int
		b, rows = r.object(b, answer, false)
		rec.ResultCount = cmp.Or(rec.ResultCount, rows)
	}
	if cut > 0 {
		rec.Request = b[:cut:cut]
	}
	if cut < len(b) {
		rec.Response = b[cut:]
	}
	return b
}

// Omit is Describe for a record whose bodies are not written, for one of the
// reasons.
func (r *Rule) Omit(rec *record.Record, request, answer *tap.Tap, reason string) {
	if request != nil && request.Begun() {
		rec.Request = append(omit(head(nil, request), request, reason), '}')
	}
	if answer != nil && answer.Begun() {
		rec.Response = append(omit(head(nil, answer), answer, reason), '}')
	}
}

// object appends a captured object.
func (r *Rule) object(b []byte, t *tap.Tap, hasQuery bool) (_ []byte, rows int) {
	b = head(b, t)
	if hasQuery {
		b = append(b, `,"`+record.FieldHasQuery+`":true`...)
	}
	b, rows = r.body(b, t)
	b = fields(b, t.Fields())
	return append(b, '}'), rows
}

func head(b []byte, t *tap.Tap) []byte {
	b = append(b, `{"`+record.FieldContentType+`":`...)
	if kind := t.ContentType(); kind != "" {
		b = record.AppendString(b, kind)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"`+record.FieldBytes+`":`...)
	return strconv.AppendInt(b, t.Total(), 10)
}

// maxObject bounds one captured object, so that a record with two of them is
// within what a log takes.
const maxObject = 384 << 10

// body appends the members about the body.
func (r *Rule) body(b []byte, t *tap.Tap) (_ []byte, rows int) {
	plain, whole, decoded := t.Plain(r.MaxBytes)
	begin := len(b)
	if decoded && whole && len(plain) > 0 {
		b = append(b, `,"`+record.FieldTruncated+`":false,"`+record.FieldBody+`":`...)
		value := len(b)
		written, ok := rewrite(b, plain, r.redact)
		switch {
		case ok && len(written)-begin > maxObject:
			return omit(written[:begin], t, OmittedTooLarge), 0
		case ok:
			return written, Rows(written[value:])
		}
		b = written[:begin]
	}
	switch {
	case len(t.Body()) == 0 && t.Starved():
		return omit(b, t, OmittedMemory), 0
	case len(t.Body()) == 0: // there is none, or it broke off before its first byte
		b = append(b, `,"`+record.FieldTruncated+`":`...)
		return strconv.AppendBool(b, !t.Whole()), 0
	case r.redact != nil:
		return omit(b, t, OmittedRedaction), 0
	}
	if !decoded {
		plain, whole = t.Body(), t.Whole()
	}
	b = append(b, `,"`+record.FieldTruncated+`":`...)
	b = strconv.AppendBool(b, !whole)
	if !decoded {
		b = append(b, `,"`+record.FieldContentEncoding+`":`...)
		b = record.AppendString(b, t.ContentEncoding())
	}
	b = append(b, `,"`+record.FieldBodyBase64+`":"`...)
	b = base64.StdEncoding.AppendEncode(b, plain)
	return append(b, '"'), 0
}

// omit appends the members about a body that is not written.
func omit(b []byte, t *tap.Tap, reason string) []byte {
	if t.Starved() {
		reason = OmittedMemory
	}
	b = append(b, `,"`+record.FieldTruncated+`":true,"`+record.FieldOmitted+`":"`...)
	return append(append(b, reason...), '"')
}

// fields appends the captured fields of a header: a text each, with commas
// between the values of one that was repeated, as RFC 9110 5.3 joins them, and API
// keys starred out.
func fields(b []byte, all []tap.Field) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(b, `,"`+record.FieldHeaders+`":{`...)
	for i, f := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = record.AppendString(b, f.Name)
		b = append(b, ':')
		text, _ := access.Redact(strings.Join(f.Values, ", "))
		b = record.AppendString(b, text)
	}
	return append(b, '}')
}
