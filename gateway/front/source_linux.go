package front

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// source reads from a connection as the connection itself does, and notes when a read had to wait.
type source struct {
	tcp    *net.TCPConn
	raw    syscall.RawConn // nil where there is none; then waited is always set
	try    func(fd uintptr) bool
	waited bool

	p   []byte // of the read in progress
	n   int
	err error
}

func newSource(tcp *net.TCPConn) *source {
	s := &source{tcp: tcp}
	if tcp == nil {
		return s
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		s.raw, s.try = raw, s.tryRead
	}
	return s
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.raw == nil || len(p) == 0 {
		s.waited = true
		return s.tcp.Read(p)
	}
	s.p, s.n, s.err = p, 0, nil
	err := s.raw.Read(s.try)
	s.p = nil
	switch {
	case err != nil: // closed, or a deadline passed
		return 0, err
	case s.err != nil:
		return 0, s.err
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// tryRead reports false when there is nothing to read yet.
func (s *source) tryRead(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), s.p)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			s.waited = true
			return false
		default:
			s.n, s.err = max(n, 0), err
			return true
		}
	}
}
