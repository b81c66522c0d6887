package forward

import (
	"io"
	"sync"
	"sync/atomic"
)

const (
	// maxReplayed is how much of one body a Replay keeps, and maxReplays how much all
	// of a Forwarder keep together beyond what each has anyway (maxReplay).
	maxReplayed = 1 << 20
	maxReplays  = 64 << 20
)

// Replay is a request's body that is kept as it is read, so that another attempt
// can read it from its beginning: up to 1 MiB, and up to 64 MiB of all bodies
// together. It is for one attempt after the other; see Attempt.Body. Forget and Free
// may be called while somebody reads.
type Replay struct {
	f    *Forwarder
	from io.Reader

	mu     sync.Mutex // of what follows; not held while from is read
	kept   *[]byte    // nil: not all of what was read is kept
	at     int        // of what is kept, how much has been given again
	over   int64      // bytes taken from the forwarder's room
	passes bool       // nothing more is kept
	err    error      // that reading ended with
}

// NewReplay keeps what is read of a body. Free must be called at the end.
func (f *Forwarder) NewReplay(body io.Reader) *Replay {
	return &Replay{f: f, from: body, kept: f.replays.Get().(*[]byte)}
}

// Read implements io.Reader.
func (p *Replay) Read(b []byte) (int, error) {
	if n, err := p.again(b); n > 0 || err != nil {
		return n, err
	}
	n, err := p.from.Read(b)
	p.keep(b[:n], err)
	return n, err
}

// again reads what is kept and has not been given again; nothing where there is none.
func (p *Replay) again(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil || p.at == len(*p.kept) {
		return 0, p.err
	}
	n := copy(b, (*p.kept)[p.at:])
	p.at += n
	if p.at < len(*p.kept) {
		return n, nil
	}
	if p.passes {
		p.free()
	}
	if p.err == io.EOF { //nolint:errorlint // io.Reader's contract
		return n, io.EOF
	}
	return n, nil
}

// keep keeps what was read, or gives up on the body.
func (p *Replay) keep(b []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	if p.kept == nil {
		return
	}
	switch length := len(*p.kept) + len(b); {
	case length > maxReplayed:
		p.f.unkept.large.Add(1)
	case !p.reserve(length):
		p.f.unkept.noRoom.Add(1)
	default:
		*p.kept = append(*p.kept, b...)
		p.at = len(*p.kept)
		return
	}
	p.free()
}

// reserve takes room for a buffer of that length.
func (p *Replay) reserve(length int) bool {
	for length > maxReplay+int(p.over) {
		more := max(p.over, maxReplay) // twice as much each time
		if p.f.replayed.Add(more) > maxReplays {
			p.f.replayed.Add(-more)
			return false
		}
		p.over += more
	}
	return true
}

// Rewind makes the next Read begin from the beginning, and reports whether it can:
// all that was read is kept, and reading has not failed.
func (p *Replay) Rewind() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.whole() {
		return false
	}
	p.at = 0
	return true
}

// Whole reports whether Rewind is possible.
func (p *Replay) Whole() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.whole()
}

func (p *Replay) whole() bool {
	return p.kept != nil && (p.err == nil || p.err == io.EOF) //nolint:errorlint // io.Reader's contract
}

// Forget says that no other attempt will read the body. What is kept is given back as
// soon as it has been read, and nothing more is kept: an answer may go on for hours.
func (p *Replay) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passes = true
	if p.kept != nil && p.at == len(*p.kept) {
		p.free()
	}
}

// Free gives back what is kept. What has not been read can still be.
func (p *Replay) Free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free()
}

func (p *Replay) free() {
	if p.kept == nil {
		return
	}
	if p.over == 0 {
		p.f.putReplay(p.kept)
	}
	p.f.replayed.Add(-p.over)
	p.kept, p.over = nil, 0
}

// unkept counts the bodies that Replays gave up on.
type unkept struct{ large, noRoom atomic.Uint64 }

// NotKept is how many bodies could not have been sent again, as they were above 1 MiB or
// there was no room for them.
func (f *Forwarder) NotKept() (large, noRoom uint64) {
	return f.unkept.large.Load(), f.unkept.noRoom.Load()
}
