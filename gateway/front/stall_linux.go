package front

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// limitStall has the system end connections that l accepts when nothing that was sent is taken for d: not acknowledged, or
// kept waiting by a window of zero bytes. Connections inherit it from the listener, but for those that wait on it already.
//
// A deadline for writes would not do: a client that reads slowly takes longer than any for an answer that is long, and one
// whose requests are pipelined and whose answers are short is at no place where a handler could set it.
func limitStall(l net.Listener, d time.Duration) error {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	}); err != nil {
		return err
	}
	if errors.Is(set, unix.ENOPROTOOPT) {
		return nil // Multipath TCP
	}
	return set
}
