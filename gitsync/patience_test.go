package gitsync

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// refusing is a source that never answers with anything but its error, and
// remembers when it was asked.
type refusing struct {
	err   error
	mu    sync.Mutex
	asked []time.Time
	made  []time.Time
}

func (r *refusing) open(context.Context, []string) (session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, time.Now())
	return nil, r.err
}

func (r *refusing) close()          {}
func (r *refusing) received() int64 { return 0 }

func (r *refusing) renew() (source, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made = append(r.made, time.Now())
	return r, nil
}

// suffer lets a follower with the default poll ask a source for so long.
func suffer(t *testing.T, r *refusing, long time.Duration) (status Status, log string) {
	t.Helper()
	var written strings.Builder
	f, err := New(Options{
		URL: t.TempDir(), Logger: zerolog.New(&written),
		Take: func(context.Context, *Revision) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.repo.source, f.repo.renew, f.repo.again = r, r.renew, nil
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	if err := f.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run: %v", err)
	}
	return f.Status(), written.String()
}

func TestRetryAfterIsObeyed(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		10 * time.Minute: 10 * time.Minute, // although the first retry would come within 5 s
		90 * time.Second: 90 * time.Second,
		24 * time.Hour:   time.Hour, // that is as long as a server is believed
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &refusing{err: &problem{kind: ErrUnreachable, detail: "429", after: asked}}
			suffer(t, r, 5*want)
			if len(r.asked) < 4 {
				t.Fatalf("asked to wait %s: only %d requests in %s", asked, len(r.asked), 5*want)
			}
			for i, at := range r.asked[1:] {
				if gap := at.Sub(r.asked[i]); gap < want || gap > want*11/10 {
					t.Errorf("asked to wait %s: waited %s", asked, gap)
				}
			}
		})
	}
}

func TestFailuresBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &refusing{err: &problem{kind: ErrUnreachable}}
		suffer(t, r, 24*time.Hour)
		for i, at := range r.asked[1:] {
			gap := at.Sub(r.asked[i])
			if gap < firstRetry/10 || gap > lastRetry {
				t.Errorf("waited %s after failure %d", gap, i+1)
			}
			if i < 3 && gap > firstRetry<<i {
				t.Errorf("waited %s after failure %d", gap, i+1)
			}
		}
		// On the average every 2.75 minutes.
		if n := len(r.asked); n < 400 || n > 700 {
			t.Errorf("%d requests in a day", n)
		}
	})
}

// After ten intervals without a success whatever was made since the start is
// made anew, and again after ten more.
func TestLongFailureMakesTheClientAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &refusing{err: &problem{kind: ErrUnreachable}}
		begin := time.Now()
		status, log := suffer(t, r, 2*time.Hour)
		const ten = 10 * DefaultPoll
		last := begin
		for _, at := range r.made {
			if gap := at.Sub(last); gap < ten || gap > ten+lastRetry {
				t.Errorf("made anew after %s", gap)
			}
			last = at
		}
		if n := len(r.made); n < 11 || n > 24 || status.Totals.Rebuilt != int64(n) || strings.Count(log, "made anew") != n {
			t.Errorf("made anew %d times in two hours, %d counted", n, status.Totals.Rebuilt)
		}
	})
}

// What a repository lost is asked for at the usual pace.
func TestLossesAreAskedForAtTheUsualPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &refusing{err: &problem{kind: ErrNoBranch}}
		suffer(t, r, 10*time.Minute)
		for i, at := range r.asked[1:] {
			if gap := at.Sub(r.asked[i]); gap < DefaultPoll*8/10 || gap > DefaultPoll*12/10 {
				t.Errorf("waited %s", gap)
			}
		}
	})
}
