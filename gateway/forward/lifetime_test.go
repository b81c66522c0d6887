package forward

import (
	"context"
	"errors"
	"testing"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestLifetimeIsAContext(t *testing.T) {
	parent, leave := context.WithCancel(context.WithValue(t.Context(), "key", "value")) //nolint:revive,staticcheck // any key will do
	defer leave()
	var l lifetime
	l.begin(parent)
	defer l.finish()
	derived, cancel := context.WithCancel(&l)
	defer cancel()
	if l.Err() != nil || derived.Err() != nil || l.Value("key") != "value" {
		t.Fatal("it is over before it began, or has lost its values")
	}
	called := make(chan string, 4)
	stopFirst := l.AfterFunc(func() { called <- "first" })
	l.AfterFunc(func() { called <- "second" })
	third := context.AfterFunc(&l, func() { called <- "third" })
	if !stopFirst() || stopFirst() || !third() || third() {
		t.Error("a function that waits can be withdrawn exactly once")
	}
	leave()
	if got := <-called; got != "second" {
		t.Errorf("%s was called", got)
	}
	<-derived.Done()
	<-l.Done()
	if !errors.Is(l.Err(), context.Canceled) || !errors.Is(context.Cause(&l), context.Canceled) {
		t.Errorf("the error is %v", l.Err())
	}
	l.AfterFunc(func() { called <- "late" })
	if got := <-called; got != "late" {
		t.Errorf("%s was called", got)
	}
}

func TestLifetimeKeepsItsFirstReason(t *testing.T) {
	var l lifetime
	l.begin(t.Context())
	l.end(context.DeadlineExceeded)
	l.finish()
	<-l.Done()
	if !errors.Is(l.Err(), context.DeadlineExceeded) {
		t.Errorf("the error is %v", l.Err())
	}
}

func TestLifetimeOfAReturnedAttemptIsNotItsParents(t *testing.T) {
	parent, leave := context.WithCancel(t.Context())
	var l lifetime
	l.begin(parent)
	stop := make(chan struct{})
	defer l.AfterFunc(func() { close(stop) })()
	l.finish()
	testbed.Receive(t, "the end of the attempt, for what watched it", stop)
	if parent.Err() != nil {
		t.Error("the parent ended with it")
	}
	leave()
}

func TestLifetimeOfWhichNobodyKnowsCostsNothing(t *testing.T) {
	parent := context.Background()
	var l lifetime
	if n := testbed.Allocs(100, func() {
		l.begin(parent)
		l.AfterFunc(func() {})()
		if !l.finish() {
			t.Error("somebody knows of it")
		}
		l.renew()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLifetimeIsKnownToWhoMayHoldOnToIt(t *testing.T) {
	parent, leave := context.WithCancel(t.Context())
	defer leave()
	for name, learn := range map[string]func(l *lifetime){
		"its channel":         func(l *lifetime) { l.Done() },
		"a function":          func(l *lifetime) { l.AfterFunc(func() {}) },
		"a second function":   func(l *lifetime) { l.AfterFunc(func() {})(); l.AfterFunc(func() {}) },
		"the end of its time": func(l *lifetime) { l.end(context.DeadlineExceeded) },
		"its parent's end":    func(l *lifetime) { l.leave() },
	} {
		var l lifetime
		l.begin(parent)
		if learn(&l); l.finish() {
			t.Errorf("%s: nobody knows of it", name)
		}
	}
}
