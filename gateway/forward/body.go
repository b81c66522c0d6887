package forward

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// maxReplay is how much of a body is kept for another replica, should the first
// one not be connected to. Transports read more than that only when connected.
const maxReplay = 32 << 10

// body is the caller's body as a transport reads it: counted, bounded, and taken
// away when the attempt is over. Closing it has no effect, so that what a
// transport does late cannot hurt.
type body struct {
	attempt *attempt
	length  int64       // as announced, -1 unknown
	whole   atomic.Bool // the caller has sent all of it
	closed  atomic.Bool // the transport is done with it

	mu       sync.Mutex // held while reading
	from     io.Reader
	read     atomic.Int64 // bytes from the caller
	kept     *[]byte      // the first bytes, for another replica; nil if there is no other
	replayed int          // of kept, how much is given again
	retired  bool
	cut      bool  // reading was cut short, and nobody else can read it
	err      error // why it cannot be read, if that is the caller's doing
}

var errTooLarge = errors.New("the request body is above the limit")

// panicError is a panic of foreign code in a goroutine where nobody catches it.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// Read implements io.Reader for a transport.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.kept != nil && b.replayed < len(*b.kept) {
		n := copy(p, (*b.kept)[b.replayed:])
		b.replayed += n
		if b.replayed == len(*b.kept) && b.whole.Load() {
			return n, io.EOF
		}
		return n, nil
	}
	n, err := b.next(p)
	b.keep(p[:n])
	b.judge(err)
	return n, err
}

// lender is a body that reads into memory of its own, in which it may stay until the
// hold is closed. Without a hold nothing was read, and Read is to be called.
type lender interface {
	Lend(most int64) (p []byte, hold io.Closer, err error)
}

// Lend is Read for a transport that looks for it: see lender.
func (b *body) Lend(most int64) (p []byte, hold io.Closer, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from, ok := b.from.(lender)
	if !ok || b.retired || b.whole.Load() || b.kept != nil && b.replayed < len(*b.kept) {
		return nil, nil, nil
	}
	defer func() {
		if v := recover(); v != nil {
			p, hold, err = nil, nil, b.panicked(v)
			b.judge(err)
		}
	}()
	if p, hold, err = from.Lend(most); hold == nil {
		return nil, nil, err
	}
	err = b.count(len(p), err)
	b.keep(p)
	b.judge(err)
	return p, hold, err
}

// judge remembers an error that is the caller's doing.
func (b *body) judge(err error) {
	if err != nil && err != io.EOF && b.attempt.Err() == nil { //nolint:errorlint // io.Reader's contract
		b.err = err
	}
}

// panicked is the error that a panic of what reads the body becomes.
func (b *body) panicked(v any) error {
	b.attempt.f.errorLog.Printf("panic reading a request body: %v\n%s", v, debug.Stack())
	return &panicError{v}
}

// next reads from the caller.
func (b *body) next(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, b.panicked(v)
		}
	}()
	if b.whole.Load() {
		return 0, io.EOF
	}
	n, err = b.from.Read(p)
	return n, b.count(n, err)
}

// count counts what was read from the caller, and says whether that is the end.
func (b *body) count(n int, err error) error {
	read := b.read.Add(int64(n))
	switch most := b.attempt.maxRequest; {
	case most > 0 && read > most:
		return errTooLarge
	case err == io.EOF && b.length >= 0 && read < b.length: //nolint:errorlint // io.Reader's contract
		return io.ErrUnexpectedEOF
	case err == io.EOF, read == b.length: //nolint:errorlint // likewise
		b.attempt.passTrailers()
		b.whole.Store(true)
	}
	return err
}

// keep remembers what may have to be sent to another replica, or gives up on it.
func (b *body) keep(p []byte) {
	switch {
	case b.kept == nil:
	case len(*b.kept)+len(p) > maxReplay:
		b.attempt.f.putReplay(b.kept)
		b.kept = nil
	default:
		*b.kept = append(*b.kept, p...)
		b.replayed = len(*b.kept)
	}
}

// rewind makes the body read from its beginning again and reports whether that
// was possible.
func (b *body) rewind() bool {
	if b == nil {
		return true
	}
	if !b.mu.TryLock() {
		return false // somebody reads
	}
	defer b.mu.Unlock()
	read := b.read.Load()
	if b.err != nil || b.cut || read > 0 && (b.kept == nil || int64(len(*b.kept)) != read) {
		return false
	}
	b.replayed = 0
	b.closed.Store(false) // the next transport has yet to
	return true
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.closed.Store(true)
	return nil
}

// Whole reports whether the caller has sent all of it; a deployments.Replica asks.
func (b *body) Whole() bool { return b.whole.Load() }

// free reports whether the transport is done with the body, and it with the
// caller.
func (b *body) free() bool { return b.closed.Load() && b.whole.Load() && b.kept == nil }

// retire ends the transport's reading; it returns when no Read is in progress, and
// reports whether that is so. Such a Read is cut short at the deadline.
func (b *body) retire(deadline time.Time) bool {
	if b.mu.TryLock() {
		b.retired = true
		b.mu.Unlock()
		return true
	}
	// Where the body is whole, Read does not ask the caller.
	if !b.whole.Load() && b.attempt.control().SetReadDeadline(deadline) != nil {
		return false // not a connection: nothing that can be waited for
	}
	b.mu.Lock()
	b.retired = true
	b.mu.Unlock()
	return true
}

// letGo forgets where the body comes from if all of it has been read, and reports
// whether it has.
func (b *body) letGo() bool {
	if b == nil {
		return true
	}
	if !b.whole.Load() {
		return false
	}
	b.mu.Lock()
	b.from = nil
	b.mu.Unlock()
	return true
}

// drain reads what the caller still sends, and forgets it: until it ends, falls
// silent or goes on for too long.
func (b *body) drain(end time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.whole.Load() {
		return
	}
	left := int64(-1)
	if b.length >= 0 {
		left = b.length - b.read.Load()
	}
	if b.attempt.f.drain(b.attempt.control(), b.from, left, end) {
		b.whole.Store(true)
	}
}

// drain reads what a caller still sends, left bytes or an unknown number of them, and
// reports whether that was all.
func (f *Forwarder) drain(control *http.ResponseController, from io.Reader, left int64, end time.Time) bool {
	buf := f.buffers.Get().(*[]byte)
	defer f.buffers.Put(buf)
	for seen := int64(0); seen < lingerBytes; {
		now := time.Now()
		if now.After(end) || control.SetReadDeadline(now.Add(lingerSilence)) != nil {
			return false
		}
		n, err := from.Read(*buf)
		seen += int64(n)
		if err == io.EOF || seen == left {
			return true
		}
		if err != nil {
			return false
		}
	}
	return false
}

// Linger reads for a while what the caller of HTTP/1 still sends whose request has been
// answered before it came to its end, as Serve does after an answer. Body is that of
// the request, whose connection is not to be used again.
func (f *Forwarder) Linger(w http.ResponseWriter, body io.Reader) {
	control := http.NewResponseController(w)
	if control.Flush() == nil {
		f.drain(control, body, -1, time.Now().Add(lingerTime))
	}
}

// failure is the error that reading ended with, if that is the caller's doing.
func (b *body) failure() error {
	if b == nil || !b.mu.TryLock() {
		return nil // a Read in progress has not failed
	}
	defer b.mu.Unlock()
	return b.err
}

func (f *Forwarder) putReplay(buf *[]byte) {
	*buf = (*buf)[:0]
	f.replays.Put(buf)
}
