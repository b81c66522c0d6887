package shared_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/switchyard-gateway/switchyard/access/shared"
)

// spend takes all that a claim allows at once.
func spend(t *testing.T, l *shared.Limiter, c shared.Claim) {
	t.Helper()
	for n := range c.Rate.Burst {
		if a := l.Take(t.Context(), []shared.Claim{c}); !a.Known || a.Refused {
			t.Fatalf("request %d of the burst: %+v", n, a)
		}
	}
}

// TestAChangedRateHoldsAtOnce spends a limit and has a commit change it: what is used
// stays used, and what is waited for is the rate that holds now.
func TestAChangedRateHoldsAtOnce(t *testing.T) {
	servers(t, func(t *testing.T, s *server) {
		l := limiter(t, s.address, nil)
		up(t, l)
		for _, c := range []struct {
			name        string
			before, now shared.Claim
			each        time.Duration // of the rate that holds now
		}{
			{"raised", claim("raised", 10, 10, 24*time.Hour), claim("raised", 60, 120, time.Hour), time.Minute},
			{"lowered", claim("lowered", 20, 10, time.Hour), claim("lowered", 10, 10, 24*time.Hour), 144 * time.Minute},
			{"another burst", claim("burst", 1, 2, time.Hour), claim("burst", 1, 100, time.Hour), time.Hour},
		} {
			spend(t, l, c.before)
			a := l.Take(t.Context(), []shared.Claim{c.now})
			if !a.Refused || a.Refusal.Remaining != 0 || a.Refusal.After <= c.each/2 || a.Refusal.After > c.each {
				t.Errorf("%s: %+v, of a request each %v", c.name, a, c.each)
			}
		}
	})
}

// TestAClockThatGoesBackLocksNobodyOut has another server, whose clock is a day behind,
// take the place of one.
func TestAClockThatGoesBackLocksNobodyOut(t *testing.T) {
	m := miniredis.RunT(t)
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	m.SetTime(at)
	l := limiter(t, m.Addr(), nil)
	up(t, l)
	c := claim("k", 1, 2, time.Hour)
	spend(t, l, c)
	at = at.Add(-24 * time.Hour)
	m.SetTime(at)
	if a := l.Take(t.Context(), []shared.Claim{c}); !a.Refused || a.Refusal.After != time.Hour {
		t.Errorf("when the clock has gone back: %+v", a)
	}
	m.SetTime(at.Add(24*time.Hour + time.Hour))
	if a := l.Take(t.Context(), []shared.Claim{c}); !a.Known || a.Refused {
		t.Errorf("an hour after that was used: %+v", a)
	}
}
