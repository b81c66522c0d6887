package forward

import "io"

const (
	// maxReplayed is how much of one body a Replay keeps, and maxReplays how much all
	// of a Forwarder keep together beyond what each has anyway (maxReplay).
	maxReplayed = 1 << 20
	maxReplays  = 64 << 20
)

// Replay is a request's body that is kept as it is read, so that another attempt
// can read it from its beginning: up to 1 MiB, and up to 64 MiB of all bodies
// together. It is for one attempt after the other; see Attempt.Body.
type Replay struct {
	f    *Forwarder
	from io.Reader
	kept *[]byte // nil: not all of what was read is kept
	at   int     // of what is kept, how much has been given again
	over int64   // bytes taken from the forwarder's room
	err  error   // that reading ended with
}

// NewReplay keeps what is read of a body. Free must be called at the end.
func (f *Forwarder) NewReplay(body io.Reader) *Replay {
	return &Replay{f: f, from: body, kept: f.replays.Get().(*[]byte)}
}

// Read implements io.Reader.
func (p *Replay) Read(b []byte) (int, error) {
	if p.kept != nil && p.at < len(*p.kept) {
		n := copy(b, (*p.kept)[p.at:])
		p.at += n
		if p.at == len(*p.kept) && p.err == io.EOF { //nolint:errorlint // io.Reader's contract
			return n, io.EOF
		}
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.from.Read(b)
	p.err = err
	p.keep(b[:n])
	return n, err
}

func (p *Replay) keep(b []byte) {
	if p.kept == nil {
		return
	}
	length := len(*p.kept) + len(b)
	if length > maxReplayed || !p.reserve(length) {
		p.Free()
		return
	}
	*p.kept = append(*p.kept, b...)
	p.at = len(*p.kept)
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
	if !p.Whole() {
		return false
	}
	p.at = 0
	return true
}

// Whole reports whether Rewind is possible.
func (p *Replay) Whole() bool {
	return p.kept != nil && (p.err == nil || p.err == io.EOF) //nolint:errorlint // io.Reader's contract
}

// Free gives back what is kept. What has not been read can still be.
func (p *Replay) Free() {
	if p.kept == nil {
		return
	}
	if p.over == 0 {
		p.f.putReplay(p.kept)
	}
	p.f.replayed.Add(-p.over)
	p.kept, p.over = nil, 0
}
