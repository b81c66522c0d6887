package testbed

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// Address is HoldAddress for a test, at whose end the port is free for all again.
func Address(tb testing.TB) string {
	tb.Helper()
	address, release, err := HoldAddress()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(release)
	return address
}

// HoldAddress gives an address of 127.0.0.1 at which nobody listens, and holds its port
// until release: no program is given it by chance, and whoever is told it may listen
// there, again and again. A port that was merely found free may be another's by then.
func HoldAddress() (address string, release func(), err error) {
	syscall.ForkLock.RLock() // or a process that starts right now inherits the socket
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(socket)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return "", nil, os.NewSyscallError("socket", err)
	}
	release = func() { _ = syscall.Close(socket) }
	port, err := bind(socket)
	if err != nil {
		release()
		return "", nil, err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), release, nil
}

// bind binds a socket to a port, at which others may listen that reuse addresses, as
// Go's listeners do.
func bind(socket int) (port int, err error) {
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	at, err := syscall.Getsockname(socket)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	return at.(*syscall.SockaddrInet4).Port, nil
}
