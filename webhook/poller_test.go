package webhook_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/webhook"
)

// looking is a poller in a bubble, and when it looked.
type looking struct {
	*webhook.Poller
	began time.Time
	looks []time.Duration
	moved func(look int) bool
	takes time.Duration
}

func inBubble(t *testing.T, l *looking, test func()) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l.began = time.Now()
		l.Poller = webhook.NewPoller(func(context.Context) bool {
			l.looks = append(l.looks, time.Since(l.began))
			moved := l.moved != nil && l.moved(len(l.looks))
			<-time.After(l.takes)
			return moved
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { l.Run(ctx); close(ended) }()
		test()
		synctest.Wait()
		cancel()
		<-ended
	})
}

func wait(d time.Duration) { <-time.After(d) }

func (l *looking) expect(t *testing.T, want ...time.Duration) {
	t.Helper()
	if diff := cmp.Diff(want, l.looks); diff != "" {
		t.Errorf("looks (-want +got):\n%s", diff)
	}
}

func TestPokeLooksAtOnceAndOnceIfSomethingMoved(t *testing.T) {
	l := &looking{moved: func(int) bool { return true }}
	inBubble(t, l, func() {
		wait(time.Minute)
		l.Poke()
		wait(time.Minute)
	})
	l.expect(t, time.Minute)
}

func TestNothingMovedIsLookedAtAgainTwice(t *testing.T) {
	l := &looking{}
	inBubble(t, l, func() {
		l.Poke()
		wait(time.Hour)
	})
	l.expect(t, 0, time.Second, 5*time.Second)
}

func TestLooksEndWhenSomethingMoved(t *testing.T) {
	l := &looking{moved: func(look int) bool { return look == 2 }}
	inBubble(t, l, func() {
		l.Poke()
		wait(time.Hour)
	})
	l.expect(t, 0, time.Second)
}

func TestPokesOfASecondShareALook(t *testing.T) {
	l := &looking{moved: func(int) bool { return true }}
	inBubble(t, l, func() {
		for range 300 { // 3 s
			l.Poke()
			wait(10 * time.Millisecond)
		}
		wait(time.Hour)
	})
	l.expect(t, 0, time.Second, 2*time.Second, 3*time.Second)
}

// A poke while a look is under way may be of something that the look missed.
func TestPokeDuringALookIsNotLost(t *testing.T) {
	l := &looking{moved: func(int) bool { return true }, takes: 10 * time.Second}
	inBubble(t, l, func() {
		l.Poke()
		wait(5 * time.Second)
		l.Poke()
		l.Poke()
		wait(time.Hour)
	})
	l.expect(t, 0, 10*time.Second)
}

func TestPokeBeginsAnew(t *testing.T) {
	l := &looking{}
	inBubble(t, l, func() {
		l.Poke()
		wait(3 * time.Second)
		l.Poke()
		wait(time.Hour)
	})
	l.expect(t, 0, time.Second, 3*time.Second, 4*time.Second, 8*time.Second)
}
