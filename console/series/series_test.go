package series_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/console/series"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

var now = time.Date(2026, 11, 28, 12, 0, 2, 0, time.UTC)

func attempt(endpoint string, role record.Role, ended time.Time, took time.Duration, o record.Outcome) *record.Record {
	return &record.Record{Endpoint: endpoint, Backend: "b", Role: role, Start: ended.Add(-took), End: ended, Outcome: o}
}

func TestAttemptsCountWhereTheyEnded(t *testing.T) {
	s := series.New(series.Options{})
	for i := range 10 {
		s.Add(attempt("e", record.Live, now.Add(-time.Duration(i)*5*time.Second), 10*time.Millisecond, record.OK))
	}
	s.Add(attempt("e", record.Live, now.Add(-10*time.Second), time.Second, record.Error))
	s.Add(attempt("e", record.Mirror, now.Add(-10*time.Second), time.Second, record.Dropped))
	live, mirror := series.Key{Endpoint: "e", Name: "b"}, series.Key{Endpoint: "e", Name: "b", Mirror: true}

	points := s.Points(live, now, 12, 1)
	for i, p := range points {
		want := uint64(1)
		switch {
		case i < 3:
			want = 0
		case i == 10:
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
	s := series.New(series.Options{Span: 2 * time.Minute})
	key := series.Key{Endpoint: "e", Name: "b"}
	for minute := range 10 {
		s.Add(attempt("e", record.Live, now.Add(time.Duration(minute)*time.Minute), time.Millisecond, record.OK))
	}
	end := now.Add(9 * time.Minute)
	if got := s.Total(key, end, time.Hour); got.Requests < 2 || got.Requests > 4 {
		t.Errorf("%d of 10 minutes are remembered", got.Requests)
	}
	s.Add(attempt("e", record.Live, now, time.Millisecond, record.OK)) // late by a lap
	if got := s.Total(key, end, time.Minute); got.Requests != 1 {
		t.Errorf("what is late counts as new: %d", got.Requests)
	}
}

func TestMemoryIsBoundedAndTheOldestGoFirst(t *testing.T) {
	s := series.New(series.Options{Budget: 1 << 20})
	for minute := range 60 {
		for e := range 300 {
			s.Add(attempt(fmt.Sprint("e", e), record.Live, now.Add(time.Duration(minute)*time.Minute), time.Millisecond, record.OK))
		}
	}
	end, some := now.Add(59*time.Minute), uint64(0)
	for e := range 300 {
		key := series.Key{Endpoint: fmt.Sprint("e", e), Name: "b"}
		if got := s.Total(key, end, time.Hour); got.Requests > 10 {
			t.Fatalf("%d minutes of each are remembered within a MiB", got.Requests)
		}
		some += s.Total(key, end, 3*time.Minute).Requests
	}
	if some < 300 {
		t.Errorf("of 300 series only %d minutes of the last are remembered", some)
	}
	if n := testing.AllocsPerRun(100, func() {
		s.Add(attempt("e1", record.Live, end, time.Millisecond, record.OK))
	}); n > 1 { // the record
		t.Errorf("%v allocations for a record", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	s := series.New(series.Options{})
	r := attempt("e", record.Live, now, 10*time.Millisecond, record.OK)
	b.ReportAllocs()
	for b.Loop() {
		s.Add(r)
	}
}
