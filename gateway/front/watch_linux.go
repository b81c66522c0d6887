package front

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// watch is one epoll set that reports hang-ups of all connections. It asks for nothing but EPOLLRDHUP (EPOLLHUP and
// EPOLLERR come unasked), edge-triggered, so a connection costs one system call in its life and a request none.
//
// Events carry a connection's id, never its file descriptor. Ids are not reused, so an event that is still in flight when
// its descriptor has been closed and given to another connection finds nobody.
type watch struct {
	set *os.File
}

// edgeTriggered is EPOLLET; package syscall has it as a negative int.
const edgeTriggered = 1 << 31

func newWatch() (*watch, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll set: %w", err)
	}
	// Non-blocking, so that os.NewFile lends the set to the runtime's poller: run then parks a goroutine, not a thread,
	// and ends when the set is closed.
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("create epoll set: %w", err)
	}
	return &watch{set: os.NewFile(uintptr(fd), "epoll")}, nil
}

// add reports hang-ups of c as id from now on, and one that has already happened. Closing c ends it.
func (w *watch) add(c *net.TCPConn, id uint64) error {
	return w.control(c, syscall.EPOLL_CTL_ADD, &syscall.EpollEvent{
		Events: syscall.EPOLLRDHUP | edgeTriggered,
		Fd:     int32(uint32(id)),
		Pad:    int32(uint32(id >> 32)),
	})
}

// remove ends the reports for a connection that lives on in other hands.
func (w *watch) remove(c *net.TCPConn) error {
	return w.control(c, syscall.EPOLL_CTL_DEL, nil)
}

// control holds both descriptors, so neither can be closed and reused meanwhile.
func (w *watch) control(c *net.TCPConn, op int, event *syscall.EpollEvent) error {
	set, err := w.set.SyscallConn()
	if err != nil {
		return err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = set.Control(func(setFD uintptr) {
		err := raw.Control(func(fd uintptr) {
			failed = syscall.EpollCtl(int(setFD), op, int(fd), event)
		})
		if failed == nil {
			failed = err
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// run calls hangup with the id of each connection whose client has gone away, until the set is closed.
func (w *watch) run(hangup func(id uint64)) {
	set, err := w.set.SyscallConn()
	if err != nil {
		return // closed
	}
	events := make([]syscall.EpollEvent, 64)
	// The only error is the one that says the set was closed.
	_ = set.Read(func(fd uintptr) bool {
		for {
			n, err := syscall.EpollWait(int(fd), events, 0)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if n <= 0 {
				return false // wait until the set is readable again
			}
			for _, e := range events[:n] {
				hangup(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32)
			}
		}
	})
}

func (w *watch) close() { w.set.Close() }
