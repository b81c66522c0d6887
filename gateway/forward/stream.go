package forward

import (
	"io"
	"sync"
	"time"
)

// stream is the body of a call of gRPC as one transport of HTTP/2 reads it. Such a transport
// tells that a request has failed only when nobody reads its body any more, and a caller who
// waits for an answer before it sends more would wait with it. So closing the body, which the
// transport does when it gives the request up, ends the reading after a while in which
// the rest of a message may come.
type stream struct {
	*body

	state   sync.Mutex
	reading bool
	givenUp bool
	limit   time.Time // of the Read in progress; zero: none
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if !s.begin() {
		return 0, io.ErrClosedPipe
	}
	n, err := s.body.Read(p)
	s.end()
	return n, err
}

func (s *stream) begin() bool {
	s.state.Lock()
	defer s.state.Unlock()
	s.reading = !s.givenUp
	return s.reading
}

// end notes that a Read has ended. If that was in time another attempt may go on reading.
func (s *stream) end() {
	s.state.Lock()
	defer s.state.Unlock()
	s.reading = false
	if s.limit.IsZero() {
		return
	}
	if time.Until(s.limit) > shortLinger/2 && s.attempt.limitRead(time.Time{}) {
		return
	}
	s.body.mu.Lock()
	s.body.cut, s.body.err = true, nil // it is not the caller's doing
	s.body.mu.Unlock()
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.state.Lock()
	s.givenUp = true
	if s.reading && !s.whole.Load() {
		s.limit = time.Now().Add(shortLinger)
		s.attempt.limitRead(s.limit)
	}
	s.state.Unlock()
	return s.body.Close()
}

// limitRead sets the time by which what is read from the caller has to come, while the
// attempt lasts and has time, and reports whether it could.
func (t *attempt) limitRead(limit time.Time) bool {
	t.guard.Lock()
	defer t.guard.Unlock()
	return !t.over && !t.expired && t.control().SetReadDeadline(limit) == nil
}
