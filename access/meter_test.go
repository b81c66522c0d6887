package access_test

import (
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/schema"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func meter(l schema.Allowance) *access.Meter { return new(access.Meters).Meter("m", l) }

func TestRateIsABurstAndThenItsShare(t *testing.T) {
	m := meter(schema.Allowance{Rate: schema.RateLimit{Requests: 10, Per: time.Second, Burst: 5}})
	for i := range 5 {
		if r, ok := m.Admit(start, 0); !ok {
			t.Fatalf("request %d of the burst is refused: %+v", i, r)
		}
	}
	r, ok := m.Admit(start, 0)
	if ok || r.Limit != access.LimitRate || r.Most != 10 || r.Remaining != 0 || r.After != 100*time.Millisecond {
		t.Fatalf("after the burst: %+v", r)
	}
	for range 1000 { // refusals take nothing
		if _, ok := m.Admit(start.Add(50*time.Millisecond), 0); ok {
			t.Fatal("let in before its time")
		}
	}
	admitted := 0
	for ms := 100; ms <= 10_000; ms += 10 {
		if _, ok := m.Admit(start.Add(time.Duration(ms)*time.Millisecond), 0); ok {
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
		if r, ok := m.Admit(start, bytes); !ok {
			t.Fatalf("%+v", r)
		}
	}
	if r, ok := m.Admit(start, 0); ok || r.Limit != access.LimitInFlight || r.Most != 2 || r.After != time.Second {
		t.Errorf("a third: %+v", r)
	}
	m.Release(60)
	if r, ok := m.Admit(start, 61); ok || r.Limit != access.LimitBytes || r.Remaining != 60 {
		t.Errorf("too many bytes: %+v", r)
	}
	if r, ok := m.Grow(61); ok || r.Limit != access.LimitBytes {
		t.Errorf("a body that grows: %+v", r)
	}
	m.Release(101)
	if n, bytes := m.Used(); n != 0 || bytes != 0 {
		t.Errorf("%d requests and %d bytes are left", n, bytes)
	}
	if r, ok := m.Admit(start, 1<<62); ok {
		t.Errorf("let in: %+v", r)
	}
}

func TestSwapsNeitherForgetNorForgive(t *testing.T) {
	var all access.Meters
	slow := schema.Allowance{Rate: schema.RateLimit{Requests: 1, Per: time.Hour, Burst: 2}, InFlight: 10}
	m := all.Meter("m", slow)
	m.Admit(start, 0)
	m.Admit(start, 0)
	raised := slow
	raised.Rate.Burst, raised.InFlight = 100, 2
	if again := all.Meter("m", raised); again != m {
		t.Fatal("a swap makes another meter")
	}
	if r, ok := m.Admit(start, 0); ok || r.Limit != access.LimitRate {
		t.Errorf("limits hold before they serve: %+v", r)
	}
	all.Retain(start, map[string]schema.Allowance{"m": raised})
	if r, ok := m.Admit(start, 0); ok || r.Limit != access.LimitInFlight {
		t.Errorf("what is in flight is forgotten: %+v", r)
	}
	m.Release(0)
	if r, ok := m.Admit(start, 0); ok || r.Limit != access.LimitRate {
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
				if _, ok := m.Admit(start, 3); ok {
					if n, _ := m.Used(); n > 8 {
						t.Errorf("%d in flight", n)
					}
					m.Release(3)
				}
			}
		})
	}
	workers.Wait()
	if n, bytes := m.Used(); n != 0 || bytes != 0 {
		t.Errorf("%d requests and %d bytes are left", n, bytes)
	}
}
