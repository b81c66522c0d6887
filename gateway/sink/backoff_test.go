package sink_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/sink"
)

// TestAReceiverThatIsDownIsCalledLessAndLess watches when it is called: after 250 ms,
// then twice as late each time, up to 30 s, each time up to half of it earlier by
// chance, so that gateways do not call together. What the log adds, when there is no
// spool, is up to a second.
func TestAReceiverThatIsDownIsCalledLessAndLess(t *testing.T) {
	for name, withSpool := range map[string]bool{"memory only": false, "with a spool": true} {
		t.Run(name, func(t *testing.T) {
			var spool *sink.Spool
			if withSpool {
				spool = &sink.Spool{Dir: t.TempDir()}
			}
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				var mu sync.Mutex
				var calls []time.Time
				taken := func() []time.Time {
					mu.Lock()
					defer mu.Unlock()
					all := calls
					calls = nil
					return all
				}
				s, stop := start(t, sink.Options{Spool: spool, Send: func(context.Context, sink.Batch) error {
					mu.Lock()
					defer mu.Unlock()
					calls = append(calls, time.Now())
					if down.Load() {
						return errDown
					}
					return nil
				}})
				for round := range 2 { // a receiver that was back is called soon again
					taken()
					down.Store(true)
					s.Append(attempt(round))
					<-time.After(10 * time.Minute)
					synctest.Wait()
					grows(t, taken(), withSpool)
					down.Store(false)
					<-time.After(time.Minute)
					synctest.Wait()
					if c := s.Counts(); c.Sent != int64(round+1) || c.Spooled != 0 {
						t.Errorf("it is back for a minute: %+v", c)
					}
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// grows checks the times between calls.
func grows(t *testing.T, calls []time.Time, withSpool bool) {
	t.Helper()
	if withSpool {
		calls = calls[1:] // the first is followed by that for what was spooled
	}
	if len(calls) < 20 {
		t.Errorf("it is called %d times in 10 minutes", len(calls))
	}
	for i := 1; i < len(calls); i++ {
		gap, most := calls[i].Sub(calls[i-1]), min(250*time.Millisecond<<min(i-1, 10), 30*time.Second)
		if gap < most/2 || gap > most+time.Second {
			t.Errorf("call %d comes %s after the one before, want %s to %s", i, gap, most/2, most)
		}
	}
}
