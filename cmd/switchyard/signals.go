package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signals are what the operating system asks of a process that serves.
type signals struct {
	hangup chan struct{} // capacity 1: while one is waiting, another adds nothing
	abort  chan struct{} // closed by the second signal to end
	ended  chan struct{}
	got    chan os.Signal // capacity 2: both signals to end, should they come at once
	cancel context.CancelFunc
}

// watchSignals gives a context that the first SIGTERM or SIGINT ends. stop must
// be called.
func watchSignals(parent context.Context) (context.Context, *signals) {
	ctx, cancel := context.WithCancel(parent)
	s := &signals{
		hangup: make(chan struct{}, 1),
		abort:  make(chan struct{}),
		ended:  make(chan struct{}),
		got:    make(chan os.Signal, 2),
		cancel: cancel,
	}
	signal.Notify(s.got, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go s.watch()
	return ctx, s
}

func (s *signals) watch() {
	defer close(s.ended)
	ends := 0
	for got := range s.got {
		if got == syscall.SIGHUP {
			select {
			case s.hangup <- struct{}{}:
			default:
			}
			continue
		}
		s.cancel()
		if ends++; ends == 2 {
			close(s.abort)
		}
	}
}

// stop gives the signals back to the operating system's defaults.
func (s *signals) stop() {
	signal.Stop(s.got)
	close(s.got)
	<-s.ended
	s.cancel()
}
