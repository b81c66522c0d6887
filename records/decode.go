package records

import (
	"errors"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// ErrLine is that a line is no JSON object.
var ErrLine = errors.New("the line is no JSON object")

// maxNames bounds the words that a decoder remembers.
const maxNames = 4096

// Decoder reads lines. Its zero value is ready. It must not be used by several
// goroutines at a time.
type Decoder struct {
	names map[string]string // words that come again and again, such as names of endpoints
}

// Decode reads one line into r, which loses what it had. Members that are not
// known and values of another type than the contract's are passed over, since
// other versions may write more. Of a member that is written twice the last counts.
func (d *Decoder) Decode(line []byte, r *Record) error {
	*r = Record{}
	if !gjson.ValidBytes(line) {
		return ErrLine
	}
	object := gjson.ParseBytes(line)
	if !object.IsObject() {
		return ErrLine
	}
	object.ForEach(func(key, value gjson.Result) bool {
		_ = d.identity(r, key.Str, value) || d.result(r, key.Str, value) || extra(r, key.Str, value) || comparison(r, key.Str, value)
		return true
	})
	return nil
}

// identity reads what is known before an attempt.
func (d *Decoder) identity(r *Record, key string, v gjson.Result) bool {
	switch key {
	case "time":
		r.Time = instant(v)
	case "event":
		r.Event = d.name(v)
	case "requestId":
		r.RequestID = text(v)
	case "endpoint":
		r.Endpoint = d.name(v)
	case "backend":
		r.Backend = d.name(v)
	case "role":
		r.Role = d.name(v)
	case "deploymentName":
		r.DeploymentName = d.name(v)
	case "deploymentVersion":
		r.DeploymentVersion = int(integer(v))
	case "alias":
		r.Alias = d.name(v)
	case "branch":
		r.Branch = d.name(v)
	case "subjectId":
		r.Subject = text(v)
	case "commit":
		r.Commit = d.name(v)
	default:
		return false
	}
	return true
}

// result reads how an attempt went.
func (d *Decoder) result(r *Record, key string, v gjson.Result) bool {
	switch key {
	case "outcome":
		r.Outcome = d.name(v)
	case "status":
		r.Status = int(integer(v))
	case "error":
		r.Error = text(v)
	case "errorKind":
		r.ErrorKind = d.name(v)
	case "startTs":
		r.Start = integer(v)
	case "endTs":
		r.End = integer(v)
	case "durationMs":
		r.Duration = number(v).Value
	case "ttfbMs":
		r.TTFB = number(v)
	case "requestBytes":
		r.RequestBytes = integer(v)
	case "responseBytes":
		r.ResponseBytes = integer(v)
	case "replica":
		r.Replica = d.name(v)
	case "method":
		r.Method = d.name(v)
	case "path":
		r.Path = text(v)
	default:
		return false
	}
	return true
}

// extra reads what only some records have.
func extra(r *Record, key string, v gjson.Result) bool {
	switch key {
	case "attempt":
		r.Attempt = int(integer(v))
	case "superseded":
		r.Superseded = v.Type == gjson.True
	case "fallbackFrom":
		r.FallbackFrom = text(v)
	case "keyName":
		r.KeyName = text(v)
	case "resultCount":
		r.ResultCount = int(integer(v))
	case "request":
		r.Request = captured(v)
	case "response":
		r.Response = captured(v)
	default:
		return false
	}
	return true
}

// comparison reads what a mirror's record says of the live answer.
func comparison(r *Record, key string, v gjson.Result) bool {
	switch key {
	case "liveStatus":
		r.LiveStatus = int(integer(v))
	case "liveOutcome":
		r.LiveOutcome = text(v)
	case "liveDurationMs":
		r.LiveDuration = number(v)
	case "liveTtfbMs":
		r.LiveTTFB = number(v)
	case "agree":
		r.Agree = agreement(v)
	case "diff":
		if v.IsArray() {
			r.Diff = v.Raw
		}
	case "labelLive":
		r.LabelLive = label(v)
	case "labelMirror":
		r.LabelMirror = label(v)
	case "scoreLive":
		r.ScoreLive = number(v)
	case "scoreMirror":
		r.ScoreMirror = number(v)
	case "scoreDelta":
		r.ScoreDelta = number(v)
	case "similarity":
		r.Similarity = number(v)
	case "noise":
		r.Noise = v.Type == gjson.True
	case "unpaired":
		r.Unpaired = text(v)
	default:
		return false
	}
	return true
}

// name is a word of which there are few: kept once, however many lines have it.
func (d *Decoder) name(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	if kept, ok := d.names[v.Str]; ok {
		return kept
	}
	if d.names == nil || len(d.names) >= maxNames {
		d.names = map[string]string{}
	}
	kept := strings.Clone(v.Str)
	d.names[kept] = kept
	return kept
}

func text(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	return v.Str
}

func integer(v gjson.Result) int64 {
	if v.Type != gjson.Number {
		return 0
	}
	return v.Int()
}

func number(v gjson.Result) Number {
	if v.Type != gjson.Number {
		return Number{}
	}
	return Number{Value: v.Num, Is: true}
}

func instant(v gjson.Result) time.Time {
	t, err := time.Parse(time.RFC3339, text(v))
	if err != nil {
		return time.Time{}
	}
	return t
}

func captured(v gjson.Result) string {
	if !v.IsObject() {
		return ""
	}
	return v.Raw
}

func label(v gjson.Result) Label {
	switch v.Type {
	case gjson.Null:
		return Label{}
	case gjson.String:
		return Label{Text: v.Str, Is: true}
	case gjson.False, gjson.True, gjson.Number, gjson.JSON:
		return Label{Text: v.Raw, Is: true}
	}
	return Label{}
}

func agreement(v gjson.Result) Agreement {
	switch v.Type {
	case gjson.True:
		return Agrees
	case gjson.False:
		return Differs
	case gjson.Null, gjson.Number, gjson.String, gjson.JSON:
		return NotCompared
	}
	return NotCompared
}

// Change is a place where both answers differ, and which of them has something there.
// Both texts are JSON; empty: that side has nothing.
type Change struct {
	Path         string // a JSON pointer
	Live, Mirror string
}

// Changes are the places at which both answers differ, as far as the record names
// them.
func (c *Comparison) Changes() []Change {
	if c.Diff == "" {
		return nil
	}
	var all []Change
	gjson.Parse(c.Diff).ForEach(func(_, difference gjson.Result) bool {
		if path := difference.Get("path"); path.Type == gjson.String {
			all = append(all, Change{Path: path.Str, Live: difference.Get("live").Raw, Mirror: difference.Get("mirror").Raw})
		}
		return true
	})
	return all
}

// RequestHeader is a header field of the request, if it was captured. Names are
// compared without regard to letter case; of several values it is the first.
func (r *Record) RequestHeader(name string) (value string) {
	if r.Request == "" {
		return ""
	}
	gjson.Get(r.Request, "headers").ForEach(func(key, v gjson.Result) bool {
		if !strings.EqualFold(key.Str, name) {
			return true
		}
		if v.IsArray() {
			v = v.Get("0")
		}
		value = text(v)
		return false
	})
	return value
}

// ResponseNumber is the number at a JSON pointer (RFC 6901) in the captured answer.
func (r *Record) ResponseNumber(pointer string) Number {
	if r.Response == "" {
		return Number{}
	}
	at := gjson.Get(r.Response, "body")
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer != "" {
			at = at.Get(gjson.Escape(unescape.Replace(token)))
		}
	}
	return number(at)
}
