package sink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/sink"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

var errDown = errors.New("the receiver is down")

// receiver is a receiver that heeds ids, and fails as a test says.
type receiver struct {
	down atomic.Bool
	fail func() error // asked at each call when it is up; nil: never

	mu      sync.Mutex
	batches map[string]string // by id
	order   []string          // of the requests
	lost    int64             // as told by lines
	calls   int
}

func (r *receiver) send(_ context.Context, b sink.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.down.Load() {
		return errDown
	}
	if r.fail != nil {
		if err := r.fail(); err != nil {
			return err
		}
	}
	r.take(b)
	return nil
}

// take keeps a batch unless it is there already.
func (r *receiver) take(b sink.Batch) {
	if r.batches == nil {
		r.batches = map[string]string{}
	}
	if _, ok := r.batches[b.ID]; ok {
		return
	}
	r.batches[b.ID] = string(b.Lines)
	for line := range strings.Lines(string(b.Lines)) {
		var f struct {
			Event     string
			RequestID string
			Count     int64
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			panic(fmt.Sprintf("a line is not whole: %q", line))
		}
		if f.Event == record.EventLost {
			r.lost += f.Count
			continue
		}
		r.order = append(r.order, f.RequestID)
	}
}

func (r *receiver) got() (requests []string, lost int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.order...), r.lost
}

// start runs a sink; stop ends it and gives what Run returned.
func start(t *testing.T, o sink.Options) (s *sink.Sink, stop func() error) {
	t.Helper()
	o.Name, o.Logger = "test", zerolog.Nop()
	if o.Every == 0 {
		o.Every = time.Millisecond
	}
	if o.Grace == nil { // what a busy machine may need
		o.Grace = func() time.Duration { return testbed.Patience }
	}
	s, err := sink.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return testbed.Receive(t, "the end of the sink", ended)
	})
	t.Cleanup(func() { _ = stop() })
	return s, stop
}

// attempt is a record of about 300 bytes.
func attempt(i int) *record.Record {
	role := record.Live
	if i%2 == 1 {
		role = record.Mirror
	}
	return &record.Record{
		RequestID: fmt.Sprintf("r%06d", i), Endpoint: `"role":"x`, Role: role, Outcome: record.OK, Start: time.Now(), End: time.Now(), Method: "POST", Path: "/",
	}
}

// whole waits until all n records have arrived or are told as lost, ends the sink, and
// checks that those which arrived did so once, in order.
func (r *receiver) whole(t *testing.T, n int, stop func() error) (lost int64) {
	t.Helper()
	testbed.Eventually(t, "all is accounted for", func() bool {
		got, lost := r.got()
		return len(got)+int(lost) >= n
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
	got, lost := r.got()
	if len(got)+int(lost) != n {
		t.Errorf("%d records arrived and %d are told as lost, of %d", len(got), lost, n)
	}
	for i := 1; i < len(got); i++ {
		if got[i-1] >= got[i] {
			t.Fatalf("%s comes after %s", got[i], got[i-1])
		}
	}
	return lost
}

func TestRecordsWaitOnDiskWhileTheReceiverIsDown(t *testing.T) {
	r := &receiver{}
	r.down.Store(true)
	s, stop := start(t, sink.Options{Send: r.send, Spool: &sink.Spool{Dir: t.TempDir()}, BatchSize: 4 << 10})
	const n = 500
	for i := range n / 2 {
		s.Append(attempt(i))
	}
	testbed.Eventually(t, "records are on disk", func() bool { return s.Counts().Spooled > 50_000 })
	r.down.Store(false)
	for i := n / 2; i < n; i++ {
		s.Append(attempt(i))
	}
	r.whole(t, n, stop)
	if c := s.Counts(); c.Spooled != 0 || c.Lost != 0 || c.Failed == 0 {
		t.Errorf("%+v", c)
	}
}

func TestRecordsOnDiskOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	r := &receiver{}
	// The answer to what was taken does not come: it is sent again, by its id.
	unanswered := func(_ context.Context, b sink.Batch) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.take(b)
		return errDown
	}
	s, stop := start(t, sink.Options{Send: unanswered, Spool: &sink.Spool{Dir: dir}, BatchSize: 4 << 10})
	const n = 200
	for i := range n {
		s.Append(attempt(i))
	}
	testbed.Eventually(t, "records are on disk", func() bool { return s.Counts().Spooled > 50_000 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".unfinished-x"), []byte("half a li"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, stop = start(t, sink.Options{Send: r.send, Spool: &sink.Spool{Dir: dir}})
	testbed.Eventually(t, "the spool is empty", func() bool { return s.Counts().Spooled == 0 })
	r.whole(t, n, stop)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left on disk: %v, %v", left, err)
	}
}

func TestWhatFindsNoRoomIsCountedAndToldOnce(t *testing.T) {
	for name, spool := range map[string]*sink.Spool{"memory only": nil, "a full spool": {Dir: t.TempDir(), MaxBytes: 40_000}} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{}
			r.down.Store(true)
			s, stop := start(t, sink.Options{Send: r.send, Spool: spool, Buffer: 64 << 10, BatchSize: 4 << 10})
			const n = 2000
			for i := range n {
				s.Append(attempt(i)) // never blocks
				if i == 20 {
					testbed.Eventually(t, "the receiver was called", func() bool { return s.Counts().Failed > 0 })
				}
			}
			if s.Counts().Lost == 0 {
				t.Fatal("nothing is lost: the test does not test")
			}
			r.down.Store(false)
			if lost := r.whole(t, n, stop); lost != s.Counts().Lost {
				t.Errorf("%d are told as lost, %d are counted", lost, s.Counts().Lost)
			}
		})
	}
}

func TestRefusedRecordsAreCountedAndDoNotBlockOthers(t *testing.T) {
	r := &receiver{}
	first := true
	r.fail = func() error {
		if first {
			first = false
			return &sink.RefusedError{Err: errors.New("no such table")}
		}
		return nil
	}
	s, stop := start(t, sink.Options{Send: r.send, Spool: &sink.Spool{Dir: t.TempDir()}})
	const n = 100
	s.Append(attempt(0))
	testbed.Eventually(t, "the first is refused", func() bool { return s.Counts().Lost == 1 })
	for i := 1; i < n; i++ {
		s.Append(attempt(i))
	}
	if lost := r.whole(t, n, stop); lost != 1 {
		t.Errorf("%d are told as lost, and the first was refused", lost)
	}
}

func TestABusyReceiverIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	r := &receiver{fail: func() error { return &sink.BusyError{Err: errors.New("later"), After: time.Hour} }}
	s, stop := start(t, sink.Options{Send: r.send, Grace: func() time.Duration { return 50 * time.Millisecond }})
	s.Append(attempt(0))
	testbed.Eventually(t, "it is called", func() bool { return s.Counts().Failed == 1 })
	if err := stop(); err == nil { // in spite of the hour
		t.Error("nobody is told of what was left behind")
	}
	if c := s.Counts(); c.Failed > 2 {
		t.Errorf("%+v", c)
	}
}

func TestAReceiverThatHangsHoldsNobodyUp(t *testing.T) {
	hang := func(ctx context.Context, _ sink.Batch) error {
		<-ctx.Done()
		return ctx.Err()
	}
	s, stop := start(t, sink.Options{Send: hang, Timeout: time.Hour, Grace: func() time.Duration { return 10 * time.Millisecond }})
	for i := range 100_000 {
		s.Append(attempt(i))
	}
	if err := stop(); err == nil {
		t.Error("nobody is told of what was left behind")
	}
}
