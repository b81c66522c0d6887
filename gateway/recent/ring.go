package recent

import (
	"slices"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/records"
)

// Options sets a Ring up. What is zero gets its default.
type Options struct {
	Records int   // lines kept at most; 10000
	Bytes   int64 // of these lines at most; 8 MiB, which become real memory as they are used
}

func (o Options) withDefaults() Options {
	if o.Records <= 0 {
		o.Records = 10_000
	}
	if o.Bytes <= 0 {
		o.Bytes = 8 << 20
	}
	return o
}

// maxScratch bounds the memory that is kept for encoding a coming record.
const maxScratch = 64 << 10

// What a reader copies at once, while live requests may wait for the lock.
const (
	batchLines = 128
	batchBytes = 64 << 10
)

// Ring keeps the newest lines. It is safe for concurrent use.
type Ring struct {
	scratch sync.Pool // *[]byte
	ready   chan struct{}
	began   time.Time

	mu    sync.Mutex
	arena []byte        // lines in the order of their numbers, going round, each in one piece
	spans []span        // of the lines kept, by their number modulo its length
	first uint64        // the number of the oldest line kept
	next  uint64        // the number of the coming line
	head  int           // where in the arena the coming line goes if there is room
	more  chan struct{} // closed when a line comes; nil when nobody waits for one
}

// span is where in the arena a line lies.
type span struct{ at, size int }

// New makes an empty ring.
func New(o Options) *Ring {
	o = o.withDefaults()
	r := &Ring{
		scratch: sync.Pool{New: func() any { return new([]byte) }},
		ready:   make(chan struct{}),
		began:   time.Now(),
		arena:   make([]byte, o.Bytes),
		spans:   make([]span, o.Records),
	}
	close(r.ready)
	return r
}

// Observe keeps the line of one record, unless it is larger than all of
// Options.Bytes. It keeps no part of rec.
func (r *Ring) Observe(rec *record.Record) {
	scratch := r.scratch.Get().(*[]byte)
	line := record.AppendJSON((*scratch)[:0], rec)
	r.add(line)
	if cap(line) <= maxScratch {
		*scratch = line
		r.scratch.Put(scratch)
	}
}

func (r *Ring) add(line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(line) > len(r.arena) {
		return
	}
	at := r.room(len(line))
	copy(r.arena[at:], line)
	*r.span(r.next) = span{at, len(line)}
	r.next++
	r.head = at + len(line)
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
}

// room finds where a line of so many bytes goes, and lets go of the oldest lines
// that are in its way: always those that come next behind the head.
func (r *Ring) room(size int) (at int) {
	if r.next-r.first == uint64(len(r.spans)) {
		r.first++
	}
	at = r.head
	if at+size > len(r.arena) {
		r.release(at, len(r.arena))
		at = 0
	}
	r.release(at, at+size)
	return at
}

// release lets go of the oldest lines as long as they begin between two places.
func (r *Ring) release(from, to int) {
	for r.first < r.next {
		if at := r.span(r.first).at; at < from || at >= to {
			return
		}
		r.first++
	}
}

func (r *Ring) span(number uint64) *span { return &r.spans[number%uint64(len(r.spans))] }

// line is a copy of a line that is kept.
func (r *Ring) line(number uint64) []byte {
	s := r.span(number)
	return slices.Clone(r.arena[s.at : s.at+s.size])
}

// Batch is lines in the order in which they came.
type Batch struct {
	Lines  [][]byte // each with its newline; they are the reader's own
	Next   uint64   // the number of the line to go on with
	Missed uint64   // lines that were asked for and are not kept any more
}

// Next is the number of the coming line.
func (r *Ring) Next() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// Since is how far back the lines go: all that were written after it are kept. It is when
// the ring was made, until lines have been pushed out.
func (r *Ring) Since() time.Time {
	line := r.oldest()
	var decoder records.Decoder
	var rec records.Record
	if line == nil || decoder.Decode(line, &rec) != nil {
		return r.began
	}
	return rec.Time
}

// PushedOut is how many lines had to make room for newer ones.
func (r *Ring) PushedOut() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first
}

// oldest is the oldest line kept; nil if none before it was let go.
func (r *Ring) oldest() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == 0 || r.first == r.next {
		return nil
	}
	return r.line(r.first)
}

// Read gives lines from a number on, some of them if there are many, none if there
// are none yet. The last of them is number Next - 1.
func (r *Ring) Read(from uint64) Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	from = min(from, r.next)
	b := Batch{Next: max(from, r.first)}
	b.Missed = b.Next - from
	for size := 0; b.Next < r.next && len(b.Lines) < batchLines && size < batchBytes; b.Next++ {
		line := r.line(b.Next)
		b.Lines = append(b.Lines, line)
		size += len(line)
	}
	return b
}

// readBack gives lines before a number, newest first, and the number of the last.
func (r *Ring) readBack(end uint64) (lines [][]byte, first uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first = end
	for size := 0; first > r.first && len(lines) < batchLines && size < batchBytes; {
		first--
		line := r.line(first)
		lines = append(lines, line)
		size += len(line)
	}
	return lines, first
}

// Newest gives the newest lines that are meant, n at most. The lines that come
// after it was called begin with number Next.
func (r *Ring) Newest(n int, f records.Filter) Batch {
	b := Batch{Next: r.Next()}
	match := matcher(f)
	for end := b.Next; len(b.Lines) < n; {
		lines, first := r.readBack(end)
		if len(lines) == 0 {
			break
		}
		for _, line := range lines {
			if len(b.Lines) < n && match(line) {
				b.Lines = append(b.Lines, line)
			}
		}
		end = first
	}
	slices.Reverse(b.Lines)
	return b
}

// matcher reports for line after line whether it is meant.
func matcher(f records.Filter) func(line []byte) bool {
	if f == (records.Filter{}) {
		return func([]byte) bool { return true }
	}
	var decoder records.Decoder
	var rec records.Record
	return func(line []byte) bool { return decoder.Decode(line, &rec) == nil && f.Match(&rec) }
}

// After is closed as soon as the line with this number has come.
func (r *Ring) After(number uint64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next > number {
		return r.ready
	}
	if r.more == nil {
		r.more = make(chan struct{})
	}
	return r.more
}
