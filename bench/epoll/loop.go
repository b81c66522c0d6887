//go:build linux

package epoll

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const batch = 512 // events taken at once

// Loop waits for events of many file descriptors. It is for one goroutine, which
// is locked to its thread.
type Loop struct {
	fd     int
	events []unix.EpollEvent
}

// New makes a loop that watches nothing. Close frees it.
func New() (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	// Timeouts come as late as the thread's slack, 50 us if it is not set.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("set the timer slack: %w", err)
	}
	return &Loop{fd: fd, events: make([]unix.EpollEvent, batch)}, nil
}

// Close ends the watching; descriptors stay open.
func (l *Loop) Close() error { return unix.Close(l.fd) }

// Add watches fd for events, EPOLLIN and so on, until it is closed. Each event
// carries the tag in its field Fd.
func (l *Loop) Add(fd int, events uint32, tag int) error {
	e := unix.EpollEvent{Events: events, Fd: int32(tag)}
	if err := unix.EpollCtl(l.fd, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("watch a descriptor: %w", err)
	}
	return nil
}

// Wait returns the events that there are, or those of the first moment that has
// any, or none after the timeout or a signal. They are valid until the next call.
func (l *Loop) Wait(timeout time.Duration) ([]unix.EpollEvent, error) {
	until := unix.NsecToTimespec(max(0, timeout.Nanoseconds()))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.fd), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), uintptr(unsafe.Pointer(&until)), 0, 0)
	switch errno {
	case 0:
		return l.events[:n], nil
	case unix.EINTR:
		return nil, nil
	}
	return nil, fmt.Errorf("wait for events: %w", errno)
}
