package compare

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/switchyard-gateway/switchyard/gateway/pointer"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Answer is one of the two answers.
type Answer struct {
	Status      int // 0: there was none
	ContentType string
	Body        []byte // whole, without its content encoding; it is only read
}

// Comparer compares one pair after the other, and uses its memory again. The
// zero value is ready. It is for one goroutine at a time.
type Comparer struct {
	rules *Rules
	out   *record.Comparison
	stop  bool // nothing that is found any more changes the outcome
	steps int  // that are left before it takes too long
	quiet int  // above 0: it is only asked whether two values agree

	hidden bool // no value is told
	spoken bool // the answers are what a language model said

	live, mirror tree
	walk, said   pointer.Walk
	path         []place // to where values are being compared

	// Memory, of the live answer and of the mirror's.
	room   [2][]byte
	pairs  [2][]uint64
	joined [2]stream
	order  []int32
	shown  []byte
}

// mostSteps bounds the pairs of values that are looked at.
const mostSteps = 4 << 20

// Compare compares two answers, and notes in out what it finds: the fields from
// Agree on, but Noise. It keeps nothing of the answers.
func (c *Comparer) Compare(rules *Rules, live, mirror Answer, out *record.Comparison) {
	c.rules, c.out = rules, out
	c.stop, c.steps, c.quiet, c.hidden, c.spoken = false, mostSteps, 0, false, false
	defer c.release()
	if !c.statuses(live.Status, mirror.Status) {
		return
	}
	out.Agree = record.Agrees
	if !rules.notes && bytes.Equal(live.Body, mirror.Body) {
		return
	}
	c.bodies(live, mirror)
	if c.steps < 0 && out.Agree == record.Agrees {
		c.unknown(record.TooComplex)
	}
}

// release lets go of the answers, and of much memory.
func (c *Comparer) release() {
	c.rules, c.out = nil, nil
	c.live.shrink()
	c.mirror.shrink()
	for i := range c.joined {
		c.joined[i].shrink()
	}
}

// unknown says that nothing was compared after all.
func (c *Comparer) unknown(why record.Unpaired) {
	*c.out = record.Comparison{
		LiveStatus: c.out.LiveStatus, LiveOutcome: c.out.LiveOutcome, LiveDuration: c.out.LiveDuration, LiveTTFB: c.out.LiveTTFB,
		Noise: c.out.Noise, Unpaired: why,
	}
}

// statuses compares the statuses, and reports whether the bodies matter.
func (c *Comparer) statuses(live, mirror int) bool {
	switch {
	case live == 0 || live >= http.StatusInternalServerError:
		c.unknown(record.LiveFailed)
	case mirror == 0 || mirror >= http.StatusInternalServerError:
		c.unknown(record.MirrorFailed)
	case live/100 == 2 && mirror/100 == 2:
		return true
	case live == mirror:
		c.out.Agree = record.Agrees
	default:
		c.out.Agree = record.Differs
		c.out.Diff = append(c.out.Diff, record.Difference{
			Path: "status", Live: record.Value{Kind: record.JSON, Text: strconv.Itoa(live)}, Mirror: record.Value{Kind: record.JSON, Text: strconv.Itoa(mirror)},
		})
	}
	return false
}

// bodies compares two bodies that are not compressed any more.
func (c *Comparer) bodies(live, mirror Answer) {
	x, isX := c.document(live, &c.live, &c.joined[0])
	y, isY := c.document(mirror, &c.mirror, &c.joined[1])
	switch {
	case isX && isY:
		c.documents()
	case isText(x) && isText(y):
		c.plainTexts(x, y)
	case !bytes.Equal(x, y):
		c.differ(digest(x), digest(y))
	}
}

// document reads a body as JSON if it is such; an event stream is what it was
// joined to. It returns the body as a text as well.
func (c *Comparer) document(a Answer, t *tree, s *stream) ([]byte, bool) {
	body := a.Body
	if isEventStream(a.ContentType) {
		joined, ok := s.join(body)
		c.hidden = c.hidden || c.rules.hides
		if !ok {
			return joined, false
		}
		body = joined
	}
	return body, t.parse(body)
}

// documents compares two JSON documents.
func (c *Comparer) documents() {
	c.spoken = c.live.isSpoken() && c.mirror.isSpoken()
	c.walk.Begin(&c.rules.patterns)
	at := state{counts: !c.spoken, follow: c.walk.Below()}
	if c.spoken {
		c.said.Begin(said)
		at.spoken = true
	}
	c.path = c.path[:0]
	c.values(0, 0, at)
}

// isSpoken reports whether the document is an answer of OpenAI's form.
func (t *tree) isSpoken() bool {
	at := t.find(0, "object")
	return t.is(at, objectChat) || t.is(at, objectCompletion) || t.is(at, objectResponse)
}

// plainTexts compares two bodies that are texts.
func (c *Comparer) plainTexts(x, y []byte) {
	c.hidden = c.hidden || c.rules.hides
	if c.textsAgree(x, y) {
		return
	}
	x, y = c.window(x, y)
	c.differ(record.Value{Kind: record.Text, Text: string(x)}, record.Value{Kind: record.Text, Text: string(y)})
}

// differ notes that the bodies as such differ.
func (c *Comparer) differ(live, mirror record.Value) {
	c.out.Agree = record.Differs
	if c.rules.hides {
		live, mirror = redacted, redacted
	}
	c.out.Diff = append(c.out.Diff, record.Difference{Live: live, Mirror: mirror})
}

// isText reports whether a body can be read as a text.
func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// digest stands for a body that is no text.
func digest(b []byte) record.Value {
	sum := sha256.Sum256(b)
	return record.Value{Kind: record.Text, Text: strconv.Itoa(len(b)) + " bytes, sha256 " + hex.EncodeToString(sum[:8])}
}
