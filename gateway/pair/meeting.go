package pair

import (
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

// maxDecoded bounds an answer once its compression is undone, in bytes.
const maxDecoded = 4 << 20

// Live is what came of the live attempt.
type Live struct {
	Outcome  record.Outcome
	Status   int // 0: there was no answer
	Duration time.Duration
	TTFB     time.Duration
	// Tap has the answer, and its hold becomes the meeting's; or Static is the
	// answer, in JSON; or Missing is why there is no answer to compare with, although
	// the attempt was ok.
	Tap     *tap.Tap
	Static  []byte
	Missing record.Unpaired
}

// Copy is a copy that is expected at a meeting. It ends with Add or Leave.
type Copy struct {
	Record record.Record // set before Add, as Tap
	Tap    *tap.Tap      // of its answer, or nil; the hold becomes Options.Done's
	Rules  *compare.Rules
	Noise  bool
	Count  func(*record.Comparison) // is told what came of it, before Options.Done, and must not block; nil: nobody is
	Note   any                      // whatever Options.Done wants to know again

	meeting *Meeting
	live    Live // with a hold of its own
}

// comparison is that of the copy's record. It belongs to the record: what is made
// of that may keep it.
func (c *Copy) comparison() *record.Comparison {
	if c.Record.Comparison == nil {
		c.Record.Comparison = new(record.Comparison)
	}
	return c.Record.Comparison
}

// failure is why there is nothing to compare, as far as outcomes tell.
func (c *Copy) failure() record.Unpaired {
	switch {
	case c.live.Outcome == record.Canceled:
		return record.LiveCanceled
	case c.live.Outcome != record.OK:
		return record.LiveFailed
	case c.Record.ErrorKind == record.TooLarge:
		return record.Truncated
	case c.Record.Outcome != record.OK:
		return record.MirrorFailed
	}
	return c.live.Missing
}

// describe writes what is known of the live attempt.
func (l *Live) describe(to *record.Comparison) {
	to.LiveStatus, to.LiveOutcome, to.LiveDuration, to.LiveTTFB = l.Status, l.Outcome, l.Duration, l.TTFB
}

func (l *Live) answer() (compare.Answer, record.Unpaired) {
	if l.Static != nil {
		return compare.Answer{Status: l.Status, ContentType: "application/json", Body: l.Static}, ""
	}
	return answerOf(l.Status, l.Tap)
}

// answerOf is the answer that a tap has kept, without its compression.
func answerOf(status int, t *tap.Tap) (compare.Answer, record.Unpaired) {
	switch {
	case t == nil || !t.Begun():
		return compare.Answer{}, record.NoMemory
	case t.Starved():
		return compare.Answer{}, record.NoMemory
	case !t.Whole():
		return compare.Answer{}, record.Truncated
	}
	body, whole, ok := t.Plain(maxDecoded)
	switch {
	case !ok:
		return compare.Answer{}, record.Encoding
	case !whole:
		return compare.Answer{}, record.Truncated
	}
	return compare.Answer{Status: status, ContentType: t.ContentType(), Body: body}, ""
}

// Meeting is where the answers of one request meet. It is safe for concurrent use.
type Meeting struct {
	matcher *Matcher

	mu       sync.Mutex
	expected int // copies that have not come
	over     bool
	live     Live    // once over
	waiting  []*Copy // for the live attempt
	timer    *time.Timer
}

// Meet begins the meeting of one request.
func (m *Matcher) Meet() *Meeting { return &Meeting{matcher: m} }

// Expect says that a copy will come, and returns it to be filled in.
func (m *Meeting) Expect() *Copy {
	m.mu.Lock()
	m.expected++
	m.mu.Unlock()
	c, ok := m.matcher.copies.Get().(*Copy)
	if !ok {
		c = new(Copy)
	}
	c.meeting = m
	return c
}

// End says how the copy has ended, by its record and the tap of its answer, whose hold
// becomes the matcher's. It is false for a copy that was not sent: that has left, and
// record and tap are still the caller's.
func (c *Copy) End(rec *record.Record, answer *tap.Tap) bool {
	if rec.Outcome == record.Dropped {
		c.Leave()
		return false
	}
	c.Record, c.Tap = *rec, answer
	c.Add()
	return true
}

// Leave says that the copy will not come: it was not sent.
func (c *Copy) Leave() {
	m := c.meeting
	*c = Copy{}
	m.matcher.copies.Put(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.depart()
}

// depart counts a copy out. With the last one the live answer is let go.
func (m *Meeting) depart() {
	m.expected--
	if m.over && m.expected == 0 {
		m.live.Tap.Release()
		m.live = Live{}
	}
}

// Live says how the live attempt ended. It is called once, and does not wait.
func (m *Meeting) Live(l Live) {
	m.mu.Lock()
	m.over, m.live = true, l
	waiting := m.take()
	for _, c := range waiting {
		m.give(c)
	}
	if m.expected == 0 {
		m.live.Tap.Release()
		m.live = Live{}
	}
	m.mu.Unlock()
	for _, c := range waiting {
		m.matcher.enqueue(c)
	}
}

// take takes those that wait, and ends the waiting.
func (m *Meeting) take() []*Copy {
	waiting := m.waiting
	m.waiting = nil
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	if len(waiting) > 0 {
		m.matcher.forget(m)
	}
	return waiting
}

// give gives a copy the live answer, with a hold of its own.
func (m *Meeting) give(c *Copy) {
	c.live = m.live
	if c.live.Tap != nil {
		c.live.Tap.Retain()
	}
}

// Add says that the copy has ended; it belongs to the matcher from then on.
func (c *Copy) Add() {
	m := c.meeting
	m.matcher.open.Add(1)
	m.mu.Lock()
	if m.over {
		m.give(c)
		m.depart()
		m.mu.Unlock()
		m.matcher.meet(c)
		return
	}
	m.depart()
	if !m.matcher.remember(m) {
		m.mu.Unlock()
		m.matcher.finish(c, record.Stopped)
		return
	}
	m.waiting = append(m.waiting, c)
	if m.timer == nil {
		m.timer = time.AfterFunc(m.matcher.opts.Wait, func() { m.dismiss(record.Late) })
	}
	m.mu.Unlock()
}

// dismiss ends the waiting of those that wait.
func (m *Meeting) dismiss(why record.Unpaired) {
	m.mu.Lock()
	waiting := m.take()
	m.mu.Unlock()
	for _, c := range waiting {
		m.matcher.finish(c, why)
	}
}

// meet is enqueue for a copy that came after the live answer.
func (m *Matcher) meet(c *Copy) {
	m.mu.Lock()
	draining := m.draining
	m.mu.Unlock()
	if draining {
		m.finish(c, record.Stopped)
		return
	}
	m.enqueue(c)
}

// remember notes that copies wait at a meeting, unless nobody may wait any more.
func (m *Matcher) remember(meeting *Meeting) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.draining {
		return false
	}
	m.waiting[meeting] = struct{}{}
	return true
}

func (m *Matcher) forget(meeting *Meeting) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.waiting, meeting) // of a nil map too
}
