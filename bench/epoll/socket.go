//go:build linux

package epoll

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const backlog = 4096 // connections that wait to be accepted

var loopback = [4]byte{127, 0, 0, 1}

// Bind makes a socket bound to a free port of loopback and returns both. Nobody
// can connect to it before Listen, and nobody else gets the port.
func Bind() (fd, port int, err error) {
	if fd, err = stream(); err != nil {
		return 0, 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback}); err != nil {
		return 0, 0, fmt.Errorf("bind to loopback: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the port: %w", err)
	}
	return fd, name.(*unix.SockaddrInet4).Port, nil
}

// FreePort is a port of loopback that was free a moment ago.
func FreePort() (int, error) {
	fd, port, err := Bind()
	if err != nil {
		return 0, err
	}
	Close(fd)
	return port, nil
}

// Listen lets others connect to a bound socket.
func Listen(fd int) error {
	if err := unix.Listen(fd, backlog); err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	return nil
}

// Accept takes the next connection, or returns EAGAIN when none waits.
func Accept(listener int) (int, unix.Errno) {
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return int(fd), 0
}

// Dial begins to connect to a port of loopback. EPOLLOUT tells that it has
// ended, Failed how.
func Dial(port int) (int, error) {
	fd, err := stream()
	if err != nil {
		return 0, err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: loopback, Port: port})
	if err != nil && err != unix.EINPROGRESS { //nolint:errorlint // a system call's own number, never wrapped
		_ = unix.Close(fd)
		return 0, fmt.Errorf("connect to port %d: %w", port, err)
	}
	return fd, nil
}

// Failed tells whether the connection could not be made.
func Failed(fd int) bool {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	return err != nil || errno != 0
}

func stream() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("make a socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return fd, nil
}

// Send writes what fits, at least one byte, or returns EAGAIN or why the
// connection is over. With more, the kernel holds back a small packet because
// the next call follows at once. p is not empty.
func Send(fd int, p []byte, more bool) (int, unix.Errno) {
	flags := unix.MSG_NOSIGNAL
	if more {
		flags |= unix.MSG_MORE
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Receive reads what there is, or returns EAGAIN or why the connection is over;
// 0 and no error is its end. p is not empty.
func Receive(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Close closes a descriptor. Nothing can be done about an error.
func Close(fd int) { _ = unix.Close(fd) }
