package pair_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/compare"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// desk is a matcher that keeps what it is done with.
type desk struct {
	*pair.Matcher
	mu   sync.Mutex
	done map[string]record.Comparison // by request id
	all  int
}

func newDesk(o pair.Options) *desk {
	d := &desk{done: map[string]record.Comparison{}}
	inner := o.Done
	o.Done = func(c *pair.Copy) {
		d.mu.Lock()
		d.done[c.Record.RequestID] = *c.Record.Comparison
		d.all++
		d.mu.Unlock()
		c.Tap.Release()
		if inner != nil {
			inner(c)
		}
	}
	d.Matcher = pair.NewMatcher(o)
	return d
}

// answer is a tap that an answer has passed.
func (d *desk) answer(body string) *tap.Tap {
	t := d.Tap(nil)
	t.Begin(http.Header{"Content-Type": {"application/json"}})
	_, _ = t.Write([]byte(body))
	t.End()
	return t
}

func (d *desk) live(body string) pair.Live {
	return pair.Live{Outcome: record.OK, Status: 200, Duration: 3 * time.Millisecond, TTFB: time.Millisecond, Tap: d.answer(body)}
}

func (d *desk) copied(m *pair.Meeting, id, body string) *pair.Copy {
	c := m.Expect()
	c.Record = record.Record{RequestID: id, Outcome: record.OK, Status: 200}
	c.Tap, c.Rules = d.answer(body), compare.NewRules(schema.DefaultCompare(), nil)
	return c
}

// of is what came of a copy, if it is done.
func (d *desk) of(id string) (record.Comparison, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, done := d.done[id]
	return c, done
}

// drain waits for what was added.
func (d *desk) drain(t *testing.T) map[string]record.Comparison {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := d.Drain(ctx); err != nil {
		t.Error(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

func TestWhoeverComesFirstWaits(t *testing.T) {
	d := newDesk(pair.Options{})
	first, second := d.Meet(), d.Meet()
	before, after, left := d.copied(first, "before", `{"a": 1}`), d.copied(first, "after", `{"a": 2}`), first.Expect()
	before.Add()
	first.Live(d.live(`{"a": 1}`))
	after.Add()
	left.Leave()
	failed := d.copied(second, "failed", "")
	failed.Record.Outcome, failed.Record.Status = record.Error, 503
	second.Live(pair.Live{Outcome: record.OK, Status: 200, Static: []byte("1")})
	failed.Add()
	known := record.Comparison{LiveStatus: 200, LiveOutcome: record.OK, LiveDuration: 3 * time.Millisecond, LiveTTFB: time.Millisecond}
	agrees, differs := known, known
	agrees.Agree = record.Agrees
	differs.Agree, differs.Diff = record.Differs, []record.Difference{{
		Path: "/a", Live: record.Value{Kind: record.JSON, Text: "1"}, Mirror: record.Value{Kind: record.JSON, Text: "2"},
	}}
	want := map[string]record.Comparison{
		"before": agrees, "after": differs, "failed": {LiveStatus: 200, LiveOutcome: record.OK, Unpaired: record.MirrorFailed},
	}
	if diff := cmp.Diff(want, d.drain(t)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeComparedSaysWhy(t *testing.T) {
	d := newDesk(pair.Options{Budget: 64 << 10})
	for id, c := range map[record.Unpaired]struct {
		live  func() pair.Live
		spoil func(*pair.Copy)
	}{
		record.LiveFailed:   {live: func() pair.Live { return pair.Live{Outcome: record.Error, Status: 502} }},
		record.LiveCanceled: {live: func() pair.Live { return pair.Live{Outcome: record.Canceled, Status: 499, Tap: d.Tap(nil)} }},
		record.NoMemory:     {live: func() pair.Live { l := d.live("{"); _, _ = l.Tap.Write(make([]byte, 1<<20)); return l }},
		record.Truncated:    {spoil: func(c *pair.Copy) { c.Record.Outcome, c.Record.ErrorKind = record.Error, record.TooLarge }},
		record.Encoding: {spoil: func(c *pair.Copy) {
			c.Tap.Begin(http.Header{"Content-Encoding": {"br"}})
			_, _ = c.Tap.Write([]byte("x"))
			c.Tap.End()
		}},
		record.Failed: {spoil: func(c *pair.Copy) { c.Rules = nil }},
	} {
		m := d.Meet()
		copied := d.copied(m, string(id), "{}")
		if c.spoil != nil {
			c.spoil(copied)
		}
		if c.live == nil {
			c.live = func() pair.Live { return d.live("{} ") }
		}
		m.Live(c.live())
		copied.Add()
	}
	for id, c := range d.drain(t) {
		if c.Agree != record.Unknown || string(c.Unpaired) != id {
			t.Errorf("%s: %+v", id, c)
		}
	}
}

func TestACopyDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(pair.Options{Wait: time.Minute})
		m := d.Meet()
		second := d.copied(m, "in time", "1")
		d.copied(m, "late", "1").Add()
		time.Sleep(59 * time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		if _, done := d.of("late"); done {
			t.Error("it did not wait")
		}
		time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		if got, _ := d.of("late"); got.Unpaired != record.Late || got.LiveOutcome != "" {
			t.Errorf("%+v", got)
		}
		m.Live(d.live("1"))
		second.Add()
		if got := d.drain(t)["in time"]; got.Agree != record.Agrees {
			t.Errorf("%+v", got)
		}
	})
}

func TestAFullQueueCostsTheComparison(t *testing.T) {
	held, hold := make(chan struct{}), make(chan struct{})
	d := newDesk(pair.Options{Queue: 1, Workers: 1, Done: func(c *pair.Copy) {
		if c.Record.RequestID == "0" {
			close(held)
			<-hold
		}
	}})
	const n = 4
	for i := range n {
		m := d.Meet()
		copied := d.copied(m, fmt.Sprint(i), "1")
		m.Live(d.live("1"))
		copied.Add()
		if i == 0 {
			<-held // the worker is at the first, and stays there
		}
	}
	close(hold)
	got := map[string]record.Unpaired{}
	for id, c := range d.drain(t) {
		got[id] = c.Unpaired
	}
	if diff := cmp.Diff(map[string]record.Unpaired{"0": "", "1": "", "2": record.TooMany, "3": record.TooMany}, got); diff != "" {
		t.Error(diff)
	}
}

func TestShutdownEndsTheWaiting(t *testing.T) {
	d := newDesk(pair.Options{})
	m := d.Meet()
	comes := d.copied(m, "comes", "1")
	d.copied(m, "waits", "1").Add()
	waits := d.drain(t)["waits"]
	comes.Add()
	m.Live(d.live("1"))
	if came, _ := d.of("comes"); waits.Unpaired != record.Stopped || came.Unpaired != record.Stopped || d.Held() != 0 {
		t.Errorf("%+v, %+v, %d bytes held", waits, came, d.Held())
	}
}

// TestM15EachCopyIsDoneOnce has live attempts and copies of many requests end in
// any order.
func TestM15EachCopyIsDoneOnce(t *testing.T) {
	d := newDesk(pair.Options{Queue: 64})
	const requests, each = 500, 3
	var wg sync.WaitGroup
	left := 0
	for i := range requests {
		m := d.Meet()
		var steps []func()
		for k := range each {
			if i%7 == 0 && k == 0 {
				left++
				steps = append(steps, m.Expect().Leave)
				continue
			}
			steps = append(steps, d.copied(m, fmt.Sprintf("%d/%d", i, k), `{"a": 1}`).Add)
		}
		steps = append(steps, func() { m.Live(d.live(`{"a": 1.0}`)) })
		rand.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		for _, step := range steps {
			wg.Go(step)
		}
	}
	wg.Wait()
	done := d.drain(t)
	if n := d.Held(); n != 0 {
		t.Errorf("%d bytes are held by nobody", n)
	}
	if d.all != requests*each-left || len(done) != d.all {
		t.Errorf("%d done, of which %d are different; want %d", d.all, len(done), requests*each-left)
	}
	for id, c := range done {
		if c.Agree != record.Agrees && c.Unpaired != record.TooMany {
			t.Errorf("%s: %+v", id, c)
		}
	}
}
