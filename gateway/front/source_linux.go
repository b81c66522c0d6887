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
	tryNow func(fd uintptr) bool
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
		s.raw, s.try, s.tryNow = raw, s.tryRead, s.readNow
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
	return s.outcome(err)
}

// more is Read, but never waits: it returns 0 and no error when there is nothing to read yet.
func (s *source) more(p []byte) (int, error) {
	if s.raw == nil || len(p) == 0 {
		return 0, nil
	}
	s.p, s.n, s.err = p, 0, nil
	err := s.raw.Read(s.tryNow)
	if errors.Is(s.err, syscall.EAGAIN) {
		s.err, s.p = nil, nil
		return 0, nil
	}
	return s.outcome(err)
}

// outcome is what came of a read.
func (s *source) outcome(err error) (int, error) {
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
	s.readNow(fd)
	if errors.Is(s.err, syscall.EAGAIN) {
		s.waited, s.err = true, nil
		return false
	}
	return true
}

// readNow reports true whatever comes of it.
func (s *source) readNow(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), s.p)
		if !errors.Is(err, syscall.EINTR) {
			s.n, s.err = max(n, 0), err
			return true
		}
	}
}
