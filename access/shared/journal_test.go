package shared_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// TestAServerThatIsSlowNowAndThenDoesNotFillTheLog has a server fail again and again for
// a moment.
func TestAServerThatIsSlowNowAndThenDoesNotFillTheLog(t *testing.T) {
	const absences = 20
	m := miniredis.RunT(t)
	for _, quiet := range []time.Duration{time.Hour, time.Nanosecond} {
		log := &testbed.Log{}
		l := limiter(t, m.Addr(), func(o *shared.Options) { o.Logger, o.Quiet, o.Retry = zerolog.New(log), quiet, time.Millisecond })
		up(t, l)
		for n := range absences {
			m.SetError("LOADING")
			if a := l.Take(t.Context(), []shared.Claim{claim("k", 1, 1, time.Hour)}); a.Known {
				t.Fatalf("a server that fails has answered %+v", a)
			}
			if quiet < time.Hour {
				testbed.Eventually(t, "its absence is told", func() bool { return strings.Count(log.String(), "is away") == n+1 })
			}
			m.SetError("")
			up(t, l)
		}
		lines := testbed.Lines[map[string]any](t, log)
		var away, back, times int
		for _, line := range lines {
			if n, ok := line["times"].(float64); ok {
				away, times = away+1, times+int(n)
				continue
			}
			back++
		}
		want := 1
		if quiet < time.Hour {
			want = absences
		}
		if away != want || back != away+1 || times != want {
			t.Errorf("quiet for %v: %d times away is told in %d lines as %d, and back in %d:\n%s", quiet, absences, away, times, back, log)
		}
	}
}

// TestAnAbsenceThatLastsIsTold has a server go for good soon after it was told to be away.
func TestAnAbsenceThatLastsIsTold(t *testing.T) {
	m := miniredis.RunT(t)
	log := &testbed.Log{}
	l := limiter(t, m.Addr(), func(o *shared.Options) {
		o.Logger, o.Quiet, o.Retry = zerolog.New(log), 200*time.Millisecond, time.Millisecond
	})
	up(t, l)
	fails := func() {
		m.SetError("LOADING")
		l.Take(t.Context(), []shared.Claim{claim("k", 1, 1, time.Hour)})
	}
	fails()
	testbed.Eventually(t, "it is told", func() bool { return strings.Contains(log.String(), "is away") })
	m.SetError("")
	up(t, l)
	fails()
	testbed.Eventually(t, "it is told again", func() bool { return strings.Count(log.String(), "is away") == 2 })
	m.SetError("")
	testbed.Eventually(t, "that it is back is told", func() bool { return strings.HasSuffix(strings.TrimSpace(log.String()), `answers"}`) })
}
