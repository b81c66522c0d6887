package series_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

var now = time.Date(2026, 11, 28, 12, 0, 2, 0, time.UTC)

func attempt(endpoint string, role record.Role, ended time.Time, took time.Duration, o record.Outcome) *record.Record {
	return &record.Record{Endpoint: endpoint, Backend: "b", Role: role, Start: ended.Add(-took), End: ended, Outcome: o}
}

func TestAttemptsCountWhereTheyEnded(t *testing.T) {
	s := series.New(series.Options{})
	for i := range 10 {
		s.Add(attempt("e", record.Live, now.Add(time.Duration(i-9)*5*time.Second), 10*time.Millisecond, record.OK))
	}
	s.Add(attempt("e", record.Live, now.Add(-5*time.Second), time.Second, record.Error))
	s.Add(attempt("e", record.Mirror, now.Add(-10*time.Second), time.Second, record.Dropped))
	live, mirror := series.Key{Endpoint: "e", Name: "b"}, series.Key{Endpoint: "e", Name: "b", Mirror: true}

	points := s.Points(live, now, 12, 1)
	for i, p := range points {
		want := uint64(1)
		switch {
		case i < 3:
			want = 0
		case i == 11:
			want = 2
		}
		if p.Requests != want || p.Span != 5*time.Second {
			t.Errorf("point %d at %v: %d requests instead of %d", i, p.Start, p.Requests, want)
		}
	}
	if last := points[11]; !last.Start.Add(last.Span).Equal(now.Truncate(5 * time.Second)) {
		t.Errorf("the last point ends at %v", last.Start.Add(last.Span))
	}
	total := s.Total(live, now, time.Minute)
	if total.Requests != 11 || total.Errors != 1 {
		t.Errorf("%d requests, %d errors in total", total.Requests, total.Errors)
	}
	if rate, ok := total.ErrorRate(); !ok || rate < 0.09 || rate > 0.1 {
		t.Errorf("error rate %v", rate)
	}
	if m := s.Total(mirror, now, time.Minute); m.Requests != 0 || m.Dropped != 1 {
		t.Errorf("the mirror: %d requests, %d dropped", m.Requests, m.Dropped)
	}
	if sum := s.Points(live, now, 1, 12)[0]; sum.Requests != 10 {
		t.Errorf("a point of a minute has %d requests", sum.Requests)
	}
}

func TestAgreementIsOfWhatWasCompared(t *testing.T) {
	s := series.New(series.Options{})
	for verdict, n := range map[record.Verdict]int{record.Agrees: 3, record.Differs: 1, record.Unknown: 6} {
		for range n {
			r := attempt("e", record.Mirror, now, time.Millisecond, record.OK)
			r.Comparison = &record.Comparison{Agree: verdict}
			s.Add(r)
		}
	}
	p := s.Total(series.Key{Endpoint: "e", Name: "b", Mirror: true}, now, time.Minute)
	if share, ok := p.Agreement(); !ok || share != 0.75 || p.Requests != 10 {
		t.Errorf("%v of %d agree", share, p.Compared)
	}
}

func TestQuantilesAreNearTheTruth(t *testing.T) {
	s := series.New(series.Options{})
	for i := range 1000 {
		s.Add(attempt("e", record.Live, now, time.Duration(i+1)*time.Millisecond, record.OK))
	}
	p := s.Total(series.Key{Endpoint: "e", Name: "b"}, now, time.Minute)
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.9: 900 * time.Millisecond, 0.99: 990 * time.Millisecond} {
		got, ok := p.Quantile(q)
		if !ok || got < want*2/3 || got > want*3/2 {
			t.Errorf("quantile %v is %v instead of about %v", q, got, want)
		}
	}
	if _, ok := (&series.Point{}).Quantile(0.5); ok {
		t.Error("nothing has a quantile")
	}
}

func TestWhatIsTooOldIsForgotten(t *testing.T) {
	end := now.Add(9 * time.Minute)
	s := series.New(series.Options{Span: 2 * time.Minute, Now: func() time.Time { return end }})
	key := series.Key{Endpoint: "e", Name: "b"}
	for minute := range 10 {
		s.Add(attempt("e", record.Live, now.Add(time.Duration(minute)*time.Minute), time.Millisecond, record.OK))
	}
	if got := s.Total(key, end, time.Hour); got.Requests < 2 || got.Requests > 4 {
		t.Errorf("%d of 10 minutes are remembered", got.Requests)
	}
	s.Add(attempt("e", record.Live, now, time.Millisecond, record.OK)) // late by a lap
	if got := s.Total(key, end, time.Minute); got.Requests != 1 {
		t.Errorf("what is late counts as new: %d", got.Requests)
	}
}

func TestWhatComesLateIsCounted(t *testing.T) {
	s := series.New(series.Options{Now: func() time.Time { return now }})
	key := series.Key{Endpoint: "e", Name: "b"}
	s.Add(attempt("e", record.Live, now, time.Millisecond, record.OK))
	s.Add(attempt("e", record.Live, now.Add(-5*time.Second), time.Millisecond, record.OK))
	s.Add(attempt("e", record.Live, now.Add(-time.Minute), time.Millisecond, record.OK)) // after it waited to be compared
	if points := s.Points(key, now.Add(5*time.Second), 2, 1); points[0].Requests != 2 || points[1].Requests != 1 {
		t.Errorf("%d and %d requests instead of 2 and 1", points[0].Requests, points[1].Requests)
	}
}

// Ten requests a second are ten at any time of a step, the one that has begun among them.
func TestARateIsOfTheTimeThatHasPassed(t *testing.T) {
	s := series.New(series.Options{})
	key := series.Key{Endpoint: "e", Name: "b"}
	const every = 100 * time.Millisecond
	for i := range int(2 * time.Minute / every) {
		at := now.Add(time.Duration(i) * every)
		s.Add(attempt("e", record.Live, at, time.Millisecond, record.OK))
		if at.Sub(now) < time.Minute {
			continue
		}
		if total := s.Total(key, at, time.Minute); total.Rate() < 9.9 || total.Rate() > 10.1 {
			t.Fatalf("%v after the first request: %v a second, %d in %v", at.Sub(now), total.Rate(), total.Requests, total.Span)
		}
	}
}

// A clock that was ahead, and is set right, costs what was counted before.
func TestAClockThatWasAheadSilencesNothing(t *testing.T) {
	for _, ahead := range []time.Duration{2 * time.Minute, 50 * time.Minute, 100 * time.Hour} {
		at := now.Add(ahead)
		s := series.New(series.Options{Now: func() time.Time { return at }})
		key := series.Key{Endpoint: "e", Name: "b"}
		for range 3 {
			s.Add(attempt("e", record.Live, at, time.Millisecond, record.OK))
			at = at.Add(5 * time.Second)
		}
		at = now
		for range 24 {
			s.Add(attempt("e", record.Live, at, time.Millisecond, record.OK))
			at = at.Add(5 * time.Second)
		}
		if got := s.Total(key, at, 10*time.Minute); got.Requests != 24 {
			t.Errorf("%v ahead: %d of 24 requests are counted", ahead, got.Requests)
		}
	}
}

// One that is set right by seconds costs nothing.
func TestAClockMayBeSetRight(t *testing.T) {
	at := now
	s := series.New(series.Options{Now: func() time.Time { return at }})
	for range 24 {
		s.Add(attempt("e", record.Live, at, time.Millisecond, record.OK))
		at = at.Add(5 * time.Second)
	}
	at = at.Add(-30 * time.Second)
	s.Add(attempt("e", record.Live, at, time.Millisecond, record.OK))
	if got := s.Total(series.Key{Endpoint: "e", Name: "b"}, now.Add(2*time.Minute), time.Hour); got.Requests != 25 {
		t.Errorf("%d of 25 requests are counted", got.Requests)
	}
}

// Whatever a series counts, it gives back, packed or not.
func TestStepsArePackedWithoutLoss(t *testing.T) {
	s := series.New(series.Options{})
	key := series.Key{Endpoint: "e", Name: "b", Mirror: true}
	random := rand.New(rand.NewPCG(1, 2))
	at, naive := now.Add(-50*time.Minute), series.New(series.Options{Step: time.Hour})
	minutes := map[int64]uint64{}
	for !at.After(now) {
		for range random.IntN(300) {
			r := attempt("e", record.Mirror, at, time.Duration(random.ExpFloat64()*float64(time.Second)), record.Outcome("ok"))
			switch random.IntN(8) {
			case 0:
				r.Outcome = record.Error
			case 1:
				r.Outcome = record.Canceled
			case 2:
				r.Outcome = record.Dropped
			case 3:
				r.Comparison = &record.Comparison{Agree: record.Agrees}
			case 4:
				r.Comparison = &record.Comparison{Agree: record.Differs}
			}
			s.Add(r)
			naive.Add(r)
			if r.Outcome != record.Dropped {
				minutes[at.Unix()/60]++
			}
		}
		at = at.Add(5 * time.Second * time.Duration(1+random.IntN(3)*random.IntN(20)))
	}
	got, want := s.Total(key, now, time.Hour), naive.Total(key, now, 2*time.Hour)
	got.Start, got.Span = want.Start, want.Span
	if got != want || got.Requests == 0 || got.Dropped == 0 || got.Agreed == 0 {
		t.Errorf("in total\n%+v instead of\n%+v", got, want)
	}
	for _, p := range s.Points(key, now.Add(time.Minute), 60, 12) {
		if want := minutes[p.Start.Unix()/60]; p.Requests != want {
			t.Errorf("%d requests in the minute of %v instead of %d", p.Requests, p.Start, want)
		}
	}
}

// All series are of one endpoint, and so in one of the store's 16 parts: by chance another
// part may have so few of them that it remembers all.
func TestMemoryIsBoundedAndTheOldestGoFirst(t *testing.T) {
	const backends, steps = 300, 720
	before := testbed.HeldBytes()
	s := series.New(series.Options{Budget: 16 << 20})
	add := func(backend int, ended time.Time) {
		r := attempt("e", record.Live, ended, time.Millisecond, record.OK)
		r.Backend = fmt.Sprint("b", backend)
		s.Add(r)
	}
	end := now
	for step := range steps {
		end = now.Add(time.Duration(step) * 5 * time.Second)
		for b := range backends {
			add(b, end)
		}
	}
	if held := testbed.HeldBytes() - before; held > 2<<20 {
		t.Errorf("%d bytes are held", held)
	}
	for b := range backends {
		key := series.Key{Endpoint: "e", Name: fmt.Sprint("b", b)}
		if got := s.Total(key, end, time.Hour); got.Requests < steps/5 || got.Requests == steps {
			t.Fatalf("%d of %d steps of each are remembered within a MiB", got.Requests, steps)
		}
		if got := s.Total(key, end, 10*time.Minute); got.Requests != 120 {
			t.Errorf("%d of the last 120 steps are remembered", got.Requests)
		}
	}
	r := attempt("e", record.Live, end, time.Millisecond, record.OK)
	r.Backend = "b1"
	if n := testing.AllocsPerRun(100, func() { s.Add(r) }); n > 0 {
		t.Errorf("%v allocations for a record", n)
	}
}

func TestSeriesThatFellSilentGo(t *testing.T) {
	before := testbed.HeldBytes()
	s := series.New(series.Options{Budget: 1 << 20, Span: time.Minute})
	for i := range 100_000 { // endpoints that come and go
		s.Add(attempt(fmt.Sprint("e", i), record.Live, now.Add(time.Duration(i)*time.Second), time.Millisecond, record.OK))
	}
	if held := testbed.HeldBytes() - before; held > 2<<20 {
		t.Errorf("%d bytes are held", held)
	}
	runtime.KeepAlive(s)
}

func BenchmarkAdd(b *testing.B) {
	s := series.New(series.Options{})
	r := attempt("e", record.Live, now, 10*time.Millisecond, record.OK)
	b.ReportAllocs()
	for b.Loop() {
		s.Add(r)
	}
}

func BenchmarkAddAmongTenThousand(b *testing.B) {
	s := series.New(series.Options{})
	var records []*record.Record
	for i := range 10_000 {
		records = append(records, attempt(fmt.Sprint("endpoint", i), record.Live, now, 10*time.Millisecond, record.OK))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r := records[i%len(records)]
		r.End = r.End.Add(time.Second)
		s.Add(r)
		i++
	}
}
