package record_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// start runs a log until stop, which returns Run's error.
// start runs a log whose last lines have as long as a busy machine may need, where
// the options do not say otherwise.
func start(opts record.Options) (l *record.Log, stop func() error) {
	if opts.Grace == nil {
		opts.Grace = func() time.Duration { return testbed.Patience }
	}
	l = record.NewLog(opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return l, func() error {
		cancel()
		return <-done
	}
}

func numbered(i int, role record.Role) *record.Record {
	r := full()
	r.RequestID, r.Role = strconv.Itoa(i), role
	return &r
}

func TestM16LiveGoesOnWhileTheSinkBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{gate: make(chan struct{})}
		l, stop := start(record.Options{Writer: s, MaxBuffered: 256 << 10})
		synctest.Wait()
		events := zerolog.New(l)
		begin := time.Now()

		const each = 1000 // of live records, of mirror records; some 1.3 MB
		for i := range each {
			l.Append(numbered(i, record.Live))
			l.Append(numbered(i, record.Mirror))
		}
		events.Info().Str("event", "swap").Send() // finds its reserve
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("producers waited %v for a blocked sink", waited)
		}
		<-time.After(30 * time.Second)
		lost := l.Lost()
		close(s.gate)
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.Append(numbered(each, record.Live))
		if err := stop(); err != nil {
			t.Fatal(err)
		}

		lines := s.lines(t)
		count := map[string]int64{}
		for _, line := range ofEvent(lines, "inference") {
			count[line["role"].(string)]++
		}
		want := record.Lost{Live: each + 1 - count["live"], Mirror: each - count["mirror"]}
		if diff := cmp.Diff(want, l.Lost()); diff != "" || lost != want {
			t.Errorf("lost (-missing from the sink +counted):\n%s", diff)
		}
		if want.Live == 0 || count["live"] < 100 {
			t.Errorf("%d live records kept, %d lost: the test decides nothing", count["live"], want.Live)
		}
		if n := len(ofEvent(lines, "swap")); n != 1 {
			t.Errorf("%d process events, want 1", n)
		}
		wantLine := []map[string]any{{
			"time": "2000-01-01T00:00:30.000Z", "level": "warn", "event": "lost", "count": float64(want.Total()),
			"live": float64(want.Live), "mirror": float64(want.Mirror), "process": 0., "since": "2000-01-01T00:00:00.000Z",
		}}
		if diff := cmp.Diff(wantLine, ofEvent(lines, "lost")); diff != "" {
			t.Errorf("lines about lost lines (-want +got):\n%s", diff)
		}
	})
}

func TestASinkThatNeverCatchesUpStillHearsOfLostLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{write: func(p []byte) (int, error) {
			<-time.After(time.Second) // for each batch
			return len(p), nil
		}}
		l, stop := start(record.Options{Writer: s, MaxBuffered: 64 << 10, FlushSize: 4 << 10, Grace: func() time.Duration { return time.Minute }})
		for i := range 60 {
			for range 100 {
				l.Append(numbered(i, record.Live))
			}
			<-time.After(time.Second)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		var told float64
		lost := ofEvent(s.lines(t), "lost")
		for _, line := range lost {
			told += line["count"].(float64)
		}
		if told != float64(l.Lost().Total()) || told == 0 {
			t.Errorf("%v lost lines told, %d lost", told, l.Lost().Total())
		}
		if len(lost) < 4 || len(lost) > 8 {
			t.Errorf("%d lines about lost lines in a minute, want one in about 10 s", len(lost))
		}
	})
}

func TestALineIsWholeHoweverTheSinkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := 0
		s := &sink{write: func(p []byte) (int, error) {
			call++
			switch call % 4 {
			case 0:
				return len(p), nil
			case 1:
				return 0, errFull
			case 2:
				return min(len(p), 13), errFull
			}
			return min(len(p), 700), nil // short without an error, against io.Writer's contract
		}}
		l, stop := start(record.Options{Writer: s, FlushSize: 4 << 10})
		for i := range 200 {
			l.Append(numbered(i, record.Live))
		}
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for i, line := range s.lines(t) {
			if line["requestId"] != strconv.Itoa(i) {
				t.Fatalf("line %d is of request %v", i, line["requestId"])
			}
		}
		if n := len(s.lines(t)); n != 200 {
			t.Errorf("%d lines, want 200", n)
		}
	})
}

func TestASingleLineIsWrittenAtOnceAndManyShareAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		l, stop := start(record.Options{Writer: s})
		<-time.After(time.Second)
		l.Append(numbered(0, record.Live))
		synctest.Wait()
		if n := len(s.lines(t)); n != 1 {
			t.Errorf("%d lines written at once, want 1", n)
		}
		for i := range 1000 { // 10 in a millisecond: 61 KB in each 100 ms
			if l.Append(numbered(i, record.Live)); i%10 == 9 {
				<-time.After(time.Millisecond)
			}
		}
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		if n := len(s.lines(t)); n != 1001 {
			t.Errorf("%d lines are written after FlushEvery, want 1001", n)
		}
		if n := s.calls(); n > 12+1 { // by time, by size, and the first
			t.Errorf("%d writes for 1001 lines", n)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheEndFlushesWithinItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		l, stop := start(record.Options{Writer: s})
		for i := range 500 {
			l.Append(numbered(i, record.Live))
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if n := len(s.lines(t)); n != 500 {
			t.Errorf("%d lines after the end, want 500", n)
		}
	})
}

func TestTheEndIsBoundedAndSaysWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{write: func([]byte) (int, error) { return 0, errFull }}
		l, stop := start(record.Options{Writer: s, Grace: func() time.Duration { return 3 * time.Second }})
		for i := range 5 {
			l.Append(numbered(i, record.Live))
		}
		begin := time.Now()
		err := stop()
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("the end took %v, want the grace of 3s", took)
		}
		if !errors.Is(err, errFull) || !strings.Contains(err.Error(), "5 lines") {
			t.Errorf("error %v, want 5 lines and the sink's error", err)
		}
	})
}

func TestTheEndDoesNotWaitForASinkThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{gate: make(chan struct{})}
		l, stop := start(record.Options{Writer: s, Grace: record.DefaultGrace})
		l.Append(numbered(1, record.Live))
		if err := stop(); err == nil || !strings.Contains(err.Error(), "1 lines") {
			t.Errorf("error %v, want 1 line left behind", err)
		}
		close(s.gate) // lets the writer go
	})
}

func TestFlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{gate: make(chan struct{})}
		l, stop := start(record.Options{Writer: s})
		l.Append(numbered(1, record.Live))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush: %v, want the deadline", err)
		}
		close(s.gate)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAnOverlongEventIsLostNotKept(t *testing.T) {
	s := &sink{}
	l, stop := start(record.Options{Writer: s})
	if n, err := io.WriteString(l, strings.Repeat("x", 1<<20)); n != 1<<20 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	if _, err := io.WriteString(l, `{"event":"swap"}`); err != nil { // without a newline
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	lines := s.lines(t)
	if len(lines) != 2 || len(ofEvent(lines, "swap")) != 1 || ofEvent(lines, "lost")[0]["process"] != 1. {
		t.Errorf("lines: %v", lines)
	}
}

func TestManyProducersKeepTheirOrder(t *testing.T) {
	s := &sink{}
	l, stop := start(record.Options{Writer: s, FlushSize: 8 << 10})
	const producers, each = 8, 300
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				if i%2 == 0 {
					l.Append(numbered(p*each+i, record.Live))
				} else {
					fmt.Fprintf(l, `{"event":"inference","requestId":"%d"}`+"\n", p*each+i)
				}
			}
		})
	}
	wg.Wait()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	next := [producers]int{}
	for _, line := range s.lines(t) {
		n, err := strconv.Atoi(line["requestId"].(string))
		if err != nil {
			t.Fatal(err)
		}
		if p := n / each; n != p*each+next[p] {
			t.Fatalf("producer %d: line %d where %d was due", p, n%each, next[p])
		}
		next[n/each]++
	}
	for p, n := range next {
		if n != each {
			t.Errorf("producer %d: %d lines, want %d", p, n, each)
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	l, stop := start(record.Options{Writer: io.Discard})
	r := full()
	for range 1000 {
		l.Append(&r)
	}
	if n := testbed.Allocs(2000, func() { l.Append(&r) }); n > 0.5 { // a batch's memory now and then
		t.Errorf("Append allocates %v times", n)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	l, stop := start(record.Options{Writer: io.Discard, MaxBuffered: 64 << 20})
	r := full()
	b.ReportAllocs()
	for b.Loop() {
		l.Append(&r)
	}
	if err := stop(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(l.Lost().Total())/float64(b.N), "lost/op")
}
