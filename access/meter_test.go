package access_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/schema"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func meter(l schema.Allowance) *access.Meter { return new(access.Meters).Meter("m", l) }

// admit has a request pass one meter.
func admit(m *access.Meter, now time.Time, bytes int64) (access.Refusal, bool) {
	_, r, ok := (&access.Metered{access.OfEndpoint: m}).Admit(now, bytes)
	return r, ok
}

func release(m *access.Meter, bytes int64) { (&access.Metered{access.OfKey: m}).Release(bytes) }

func TestRateIsABurstAndThenItsShare(t *testing.T) {
	m := meter(schema.Allowance{Rate: schema.RateLimit{Requests: 10, Per: time.Second, Burst: 5}})
	for i := range 5 {
		if r, ok := admit(m, start, 0); !ok {
			t.Fatalf("request %d of the burst is refused: %+v", i, r)
		}
	}
	r, ok := admit(m, start, 0)
	if ok || r.Limit != access.LimitRate || r.Most != 10 || r.Remaining != 0 || r.After != 100*time.Millisecond {
		t.Fatalf("after the burst: %+v", r)
	}
	for range 1000 { // refusals take nothing
		if _, ok := admit(m, start.Add(50*time.Millisecond), 0); ok {
			t.Fatal("let in before its time")
		}
	}
	admitted := 0
	for ms := 100; ms <= 10_000; ms += 10 {
		if _, ok := admit(m, start.Add(time.Duration(ms)*time.Millisecond), 0); ok {
			admitted++
		}
	}
	if admitted < 99 || admitted > 100 {
		t.Errorf("%d in ten seconds", admitted)
	}
}

func TestInFlightIsGivenBack(t *testing.T) {
	m := meter(schema.Allowance{InFlight: 2, InFlightBytes: 100})
	for _, bytes := range []int64{60, 40} {
		if r, ok := admit(m, start, bytes); !ok {
			t.Fatalf("%+v", r)
		}
	}
	if r, ok := admit(m, start, 0); ok || r.Limit != access.LimitInFlight || r.Most != 2 || r.After != time.Second {
		t.Errorf("a third: %+v", r)
	}
	release(m, 60)
	if r, ok := admit(m, start, 61); ok || r.Limit != access.LimitBytes || r.Remaining != 60 {
		t.Errorf("too many bytes: %+v", r)
	}
	if _, r, ok := (&access.Metered{m}).Grow(61, 61); ok || r.Limit != access.LimitBytes || r.After != time.Second {
		t.Errorf("a body that grows: %+v", r)
	}
	release(m, 101)
	if n, bytes := m.Used(); n != 0 || bytes != 0 {
		t.Errorf("%d requests and %d bytes are left", n, bytes)
	}
	if r, ok := admit(m, start, 1<<62); ok {
		t.Errorf("let in: %+v", r)
	}
}

// TestABodyAboveTheLimitNeverFits has bodies come that are above a limit by themselves, at
// once and bit by bit: it is of no use to come again.
func TestABodyAboveTheLimitNeverFits(t *testing.T) {
	m := meter(schema.Allowance{InFlightBytes: 100})
	if r, ok := admit(m, start, 101); ok || r.Limit != access.LimitBytes || r.Most != 100 || r.After != 0 {
		t.Errorf("101 bytes: %+v", r)
	}
	if r, ok := admit(m, start, 100); !ok {
		t.Errorf("100 bytes: %+v", r)
	}
	if r, ok := admit(m, start, 100); ok || r.After != time.Second {
		t.Errorf("100 more: %+v", r)
	}
	one := access.Metered{m}
	if _, r, ok := one.Grow(1, 101); ok || r.After != 0 {
		t.Errorf("another byte of a hundred: %+v", r)
	}
	if _, r, ok := one.Grow(-1, 100); !ok {
		t.Errorf("it has gone again: %+v", r)
	}
	release(m, 100)
	if n, bytes := m.Used(); n != 0 || bytes != 0 {
		t.Errorf("%d requests and %d bytes are left", n, bytes)
	}
}

// TestTimesInAnotherOrderGiveNothing has requests pass that came before others, as those
// do whose token took its time to be checked.
func TestTimesInAnotherOrderGiveNothing(t *testing.T) {
	var all access.Meters
	tenASecond := schema.Allowance{Rate: schema.RateLimit{Requests: 10, Per: time.Second, Burst: 10}}
	m := all.Meter("m", tenASecond)
	now := start.Add(10 * time.Second)
	for range 9 {
		if r, ok := admit(m, now, 0); !ok {
			t.Fatalf("%+v", r)
		}
	}
	if r, ok := admit(m, now.Add(-time.Second), 0); !ok {
		t.Fatalf("the last of the burst, which came a second before: %+v", r)
	}
	if r, ok := admit(m, now, 0); ok || r.After != 100*time.Millisecond {
		t.Errorf("an eleventh: %v %+v", ok, r)
	}
	if r, ok := admit(m, now.Add(-time.Second), 0); ok || r.After != 100*time.Millisecond {
		t.Errorf("another one that came a second before: %v %+v", ok, r)
	}
	narrower := tenASecond
	narrower.Rate.Requests = 5
	all.Retain(now.Add(-time.Second), map[string]schema.Allowance{"m": narrower})
	if r, ok := admit(m, now, 0); ok || r.After != 200*time.Millisecond {
		t.Errorf("after a swap: %v %+v", ok, r)
	}
}

func TestSwapsNeitherForgetNorForgive(t *testing.T) {
	var all access.Meters
	slow := schema.Allowance{Rate: schema.RateLimit{Requests: 1, Per: time.Hour, Burst: 2}, InFlight: 10}
	m := all.Meter("m", slow)
	admit(m, start, 0)
	admit(m, start, 0)
	raised := slow
	raised.Rate.Burst, raised.InFlight = 100, 2
	if again := all.Meter("m", raised); again != m {
		t.Fatal("a swap makes another meter")
	}
	if r, ok := admit(m, start, 0); ok || r.Limit != access.LimitRate {
		t.Errorf("limits hold before they serve: %+v", r)
	}
	all.Retain(start, map[string]schema.Allowance{"m": raised})
	if r, ok := admit(m, start, 0); ok || r.Limit != access.LimitInFlight {
		t.Errorf("what is in flight is forgotten: %+v", r)
	}
	release(m, 0)
	if r, ok := admit(m, start, 0); ok || r.Limit != access.LimitRate {
		t.Errorf("a raised burst is given at once: %+v", r)
	}
	all.Retain(start, nil)
	if again := all.Meter("m", raised); again == m {
		t.Error("the meter of what does not serve is kept")
	}
	if m := all.Meter("none", schema.Allowance{}); m != nil {
		t.Error("there is a meter without limits")
	}
}

func TestMetersBoundWhateverComesAtOnce(t *testing.T) {
	m := meter(schema.Allowance{InFlight: 8})
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for range 200 {
				if _, ok := admit(m, start, 3); ok {
					if n, _ := m.Used(); n > 8 {
						t.Errorf("%d in flight", n)
					}
					release(m, 3)
				}
			}
		})
	}
	workers.Wait()
	if n, bytes := m.Used(); n != 0 || bytes != 0 {
		t.Errorf("%d requests and %d bytes are left", n, bytes)
	}
}

// TestARefusedRequestTakesNothingOfEither has requests refused by one of two meters, in
// each way, and sees what the other one lets in afterwards.
func TestARefusedRequestTakesNothingOfEither(t *testing.T) {
	slow := schema.Allowance{Rate: schema.RateLimit{Requests: 1, Per: time.Hour, Burst: 3}}
	for name, narrow := range map[string]schema.Allowance{
		"rate": {Rate: schema.RateLimit{Requests: 1, Per: 2 * time.Hour, Burst: 1}}, "in flight": {InFlight: 1}, "bytes": {InFlightBytes: 10},
	} {
		for _, order := range [][2]int{{access.OfKey, access.OfEndpoint}, {access.OfEndpoint, access.OfKey}} {
			wide, tight := meter(slow), meter(narrow)
			both := access.Metered{}
			both[order[0]], both[order[1]] = wide, tight
			if by, r, ok := both.Admit(start, 10); !ok {
				t.Fatalf("%s: the first is refused by %d: %+v", name, by, r)
			}
			for range 100 {
				if by, r, ok := both.Admit(start, 10); ok || by != order[1] || r.After <= 0 {
					t.Fatalf("%s: %v by %d: %+v", name, ok, by, r)
				}
			}
			if n, bytes := wide.Used(); n != 1 || bytes != 10 {
				t.Errorf("%s: %d requests and %d bytes are in flight", name, n, bytes)
			}
			for n := range 2 {
				if r, ok := admit(wide, start, 0); !ok {
					t.Errorf("%s: what was refused took of the rate: request %d, %+v", name, n, r)
				}
			}
			if _, ok := admit(wide, start, 0); ok {
				t.Errorf("%s: there is no rate", name)
			}
		}
	}
}

// TestTwoMetersAreTakenTogether has many requests pass two meters at once.
func TestTwoMetersAreTakenTogether(t *testing.T) {
	rate := schema.RateLimit{Requests: 1, Per: time.Hour, Burst: 50}
	key, other, endpoint := meter(schema.Allowance{Rate: rate}), meter(schema.Allowance{Rate: rate}), meter(schema.Allowance{Rate: schema.RateLimit{Requests: 1, Per: time.Hour, Burst: 70}})
	var admitted [2]atomic.Int64
	var workers sync.WaitGroup
	for n := range 32 {
		workers.Go(func() {
			ms := access.Metered{[]*access.Meter{key, other}[n%2], endpoint}
			for range 20 {
				if _, _, ok := ms.Admit(start, 0); ok {
					admitted[n%2].Add(1)
				}
			}
		})
	}
	workers.Wait()
	a, b := admitted[0].Load(), admitted[1].Load()
	if a+b != 70 || a > 50 || b > 50 {
		t.Errorf("%d and %d were let in, of bursts of 50 each and of 70 together", a, b)
	}
}
