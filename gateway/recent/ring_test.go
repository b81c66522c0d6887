package recent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/records"
)

var at = time.Date(2026, 3, 9, 7, 5, 3, 0, time.UTC)

// numbered is a record with a number for its ID, a second after the one before.
func numbered(n int) *record.Record {
	return &record.Record{
		RequestID: fmt.Sprint(n), Endpoint: "e", Backend: "b", Role: record.Live, Commit: "c", Outcome: record.OK, Status: 200,
		Start: at.Add(time.Duration(n) * time.Second), End: at.Add(time.Duration(n) * time.Second), Method: "POST", Path: "/v1/e",
	}
}

func ids(t *testing.T, lines [][]byte) string {
	t.Helper()
	var all []string
	for _, line := range lines {
		var r struct{ RequestID string }
		if err := json.Unmarshal(line, &r); err != nil || line[len(line)-1] != '\n' {
			t.Fatalf("line %q: %v", line, err)
		}
		all = append(all, r.RequestID)
	}
	return strings.Join(all, " ")
}

// Until something is pushed out, nothing is missing since the ring was made.
func TestWhatIsKeptGoesBackToTheBeginning(t *testing.T) {
	before := time.Now()
	ring := recent.New(recent.Options{Records: 3})
	after := time.Now()
	for n := range 3 {
		if since := ring.Since(); since.Before(before) || since.After(after) {
			t.Errorf("with %d records: since %v", n, since)
		}
		ring.Observe(numbered(n))
	}
}

func TestTheNewestRecordsAreKept(t *testing.T) {
	ring := recent.New(recent.Options{Records: 3})
	for n := range 5 {
		ring.Observe(numbered(n))
	}
	b := ring.Read(0)
	if got := ids(t, b.Lines); got != "2 3 4" || b.Missed != 2 || b.Next != 5 {
		t.Errorf("kept %q, missed %d, next %d", got, b.Missed, b.Next)
	}
	if since := ring.Since(); !since.Equal(at.Add(2 * time.Second)) {
		t.Errorf("they go back to %v", since)
	}
	if got := ids(t, ring.Newest(2, records.Filter{}).Lines); got != "3 4" {
		t.Errorf("the newest two are %q", got)
	}
	if got := ids(t, ring.Newest(9, records.Filter{Since: at.Add(3 * time.Second)}).Lines); got != "3 4" {
		t.Errorf("since the fourth there are %q", got)
	}
	if b := ring.Read(7); len(b.Lines) != 0 || b.Missed != 0 || b.Next != 5 {
		t.Errorf("of the future there is %+v", b)
	}
}

func TestALineLargerThanAllIsNotKept(t *testing.T) {
	ring := recent.New(recent.Options{Bytes: 1024})
	ring.Observe(numbered(1))
	big := numbered(2)
	big.Error = strings.Repeat("x", 2000)
	ring.Observe(big)
	if got := ids(t, ring.Newest(9, records.Filter{}).Lines); got != "1" {
		t.Errorf("kept %q", got)
	}
}

// FuzzRingKeepsExactlyTheNewestThatFit compares a ring with a list, for lines of any
// sizes: what is kept is the newest lines as they came, never more than fit, and
// never fewer than fit beside the gap that a line leaves at the end of the arena.
func FuzzRingKeepsExactlyTheNewestThatFit(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 0, 0, 255, 9}, uint8(4), uint16(2000))
	f.Add([]byte{255, 255, 255, 255, 255, 255}, uint8(3), uint16(1500))
	f.Fuzz(func(t *testing.T, sizes []byte, count uint8, bytes uint16) {
		o := recent.Options{Records: int(count) + 1, Bytes: int64(bytes) + 1}
		ring := recent.New(o)
		var all []string
		largest := 0
		for n, size := range sizes {
			r := numbered(n)
			r.Error = strings.Repeat("x", 4*int(size))
			line := string(record.AppendJSON(nil, r))
			ring.Observe(r)
			if len(line) <= int(o.Bytes) {
				all, largest = append(all, line), max(largest, len(line))
			}
			kept := everything(ring)
			if len(kept) > o.Records || len(kept) > len(all) {
				t.Fatalf("%d lines are kept of %d, with room for %d", len(kept), len(all), o.Records)
			}
			if diff := cmp.Diff(all[len(all)-len(kept):], kept, cmp.Transformer("", func(s []string) string { return strings.Join(s, "") })); diff != "" {
				t.Fatalf("kept (-want +got):\n%s", diff)
			}
			total := len(strings.Join(kept, ""))
			if total > int(o.Bytes) {
				t.Fatalf("%d bytes are kept with room for %d", total, o.Bytes)
			}
			if len(kept) < min(len(all), o.Records) && total+2*largest < int(o.Bytes)-largest {
				t.Fatalf("%d bytes are kept with room for %d, and no line is larger than %d", total, o.Bytes, largest)
			}
		}
	})
}

func everything(ring *recent.Ring) []string {
	var all []string
	for b := ring.Read(0); len(b.Lines) > 0; b = ring.Read(b.Next) {
		for _, line := range b.Lines {
			all = append(all, string(line))
		}
	}
	return all
}

// Whatever producers do and however slow a reader is: what it gets is in order, and
// with what it is told to have missed it is all there was.
func TestReadersGetAllOrKnowHowManyTheyMissed(t *testing.T) {
	const producers, each = 4, 2000
	ring := recent.New(recent.Options{Records: 100})
	ctx, cancel := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			var got, missed, next uint64
			for next < producers*each {
				select {
				case <-ring.After(next):
				case <-ctx.Done():
					t.Error("a reader waited for a line that had come")
					return
				}
				b := ring.Read(next)
				if b.Next != next+b.Missed+uint64(len(b.Lines)) {
					t.Errorf("from %d: %d lines, %d missed, next is %d", next, len(b.Lines), b.Missed, b.Next)
				}
				got, missed, next = got+uint64(len(b.Lines)), missed+b.Missed, b.Next
			}
			if got+missed != producers*each {
				t.Errorf("%d lines came and %d were missed of %d", got, missed, producers*each)
			}
		})
	}
	for p := range producers {
		writers.Go(func() {
			for n := range each {
				ring.Observe(numbered(p*each + n))
			}
		})
	}
	writers.Wait()
	stop := time.AfterFunc(30*time.Second, cancel)
	readers.Wait()
	stop.Stop()
	cancel()
}

func BenchmarkObserve(b *testing.B) {
	ring := recent.New(recent.Options{})
	r := numbered(1)
	b.ReportAllocs()
	for b.Loop() {
		ring.Observe(r)
	}
}
