package record

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"
)

// maxLine bounds one line, in bytes, so that a sink with a limit of its own (a
// file of at least 1 MiB) can take every batch. Longer lines count as lost; package
// capture sees to it that captured bodies make none.
const maxLine = 832 << 10

// maxFree bounds the memory that is kept after a burst, in batches.
const maxFree = 4

// Options sets a Log up. What is zero gets its default.
type Options struct {
	Writer      io.Writer     // the sink; only one call of Write is made at a time
	MaxBuffered int           // bytes of lines held while the sink is behind; 8 MiB
	FlushEvery  time.Duration // at most so long a line waits for others to share a write with; 100 ms
	FlushSize   int           // bytes after which a batch waits no longer; 64 KiB
	// Grace says how long the last lines have; it is asked at the end of Run's
	// context. Nil: DefaultGrace.
	Grace func() time.Duration
}

// DefaultGrace is how long what is left at the end has where nobody says otherwise.
func DefaultGrace() time.Duration { return 2 * time.Second }

func (o Options) withDefaults() Options {
	if o.MaxBuffered <= 0 {
		o.MaxBuffered = 8 << 20
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = 100 * time.Millisecond
	}
	if o.FlushSize <= 0 {
		o.FlushSize = 64 << 10
	}
	if o.Grace == nil {
		o.Grace = DefaultGrace
	}
	return o
}

// Log takes lines from any number of producers and brings them to its sink, in
// the order in which they came. Producers never wait for the sink: lines beyond
// MaxBuffered are lost, counted, and told in one line once the sink takes lines
// again. An eighth of MaxBuffered is kept for process events, so that the burst
// of records that filled the rest does not hide what happens to the process.
//
// It is safe for concurrent use. Nothing is written until Run runs.
type Log struct {
	opts Options
	wake chan struct{} // capacity 1; full means that the writer is to look already

	mu       sync.Mutex
	batch    []byte        // the lines that came last
	full     [][]byte      // batches of FlushSize that wait, oldest first
	free     [][]byte      // memory of written batches, for coming ones; at most maxFree
	inflight []byte        // what the writer is at
	buffered int           // bytes accepted and not yet written, of all of these
	accepted int64         // bytes ever accepted
	written  int64         // bytes ever written
	urgent   int64         // the value of accepted up to which somebody waits in Flush
	progress chan struct{} // closed at the next write; nil when nobody waits for it
	last     time.Time     // when the last write ended
	err      error         // of the last write

	lost   Lost
	untold Lost      // the part of lost that no line tells yet
	since  time.Time // when the first of untold was lost
	back   time.Time // when the sink first took lines after that; zero before
}

// Lost counts lines that could not be kept for the sink.
type Lost struct {
	Live    int64 // records of live attempts
	Mirror  int64 // records of copies
	Process int64 // process events
}

// Total is the sum of all lines lost.
func (l Lost) Total() int64 { return l.Live + l.Mirror + l.Process }

// NewLog returns a log whose lines wait for Run.
func NewLog(opts Options) *Log {
	return &Log{opts: opts.withDefaults(), wake: make(chan struct{}, 1)}
}

// Append takes the line of one record. It never blocks and keeps no part of r.
func (l *Log) Append(r *Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buffered >= l.recordLimit() {
		l.lose(r.Role)
		return
	}
	start := len(l.batch)
	l.batch = AppendJSON(l.room(), r)
	if !l.accept(start, l.recordLimit()) {
		l.lose(r.Role)
	}
}

// Write takes one process event, a whole line, as zerolog writes it. It never
// blocks and never fails: an event that finds no room is counted as lost.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := len(l.batch)
	l.batch = append(l.room(), line...)
	if !bytes.HasSuffix(line, []byte{'\n'}) {
		l.batch = append(l.batch, '\n')
	}
	if !l.accept(start, l.opts.MaxBuffered) {
		l.lose("")
	}
	return len(line), nil
}

// Lost returns how many lines were lost since the beginning.
func (l *Log) Lost() Lost {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Flush waits until every line that was taken before has been written.
func (l *Log) Flush(ctx context.Context) error {
	l.mu.Lock()
	until := l.accepted
	l.urgent = until
	l.mu.Unlock()
	l.signal()
	for {
		progress, ok := l.reached(until)
		if ok {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *Log) recordLimit() int { return l.opts.MaxBuffered - l.opts.MaxBuffered/8 }

// room returns the batch with memory for it.
func (l *Log) room() []byte {
	if l.batch != nil {
		return l.batch
	}
	if n := len(l.free); n > 0 {
		free := l.free[n-1]
		l.free = l.free[:n-1]
		return free
	}
	return make([]byte, 0, l.opts.FlushSize+l.opts.FlushSize/8)
}

// accept keeps the line that was put into the batch at start, or takes it out
// again when there is no room for it.
func (l *Log) accept(start, limit int) bool {
	n := len(l.batch) - start
	if n > maxLine || l.buffered+n > limit {
		l.batch = l.batch[:start]
		return false
	}
	l.accepted += int64(n)
	l.buffered += n
	if len(l.batch) >= l.opts.FlushSize {
		l.full = append(l.full, l.batch)
		l.batch = nil
		l.signal()
	} else if l.buffered == n {
		l.signal()
	}
	return true
}

// lose counts a line that is not kept; no role stands for a process event.
func (l *Log) lose(role Role) {
	if l.untold == (Lost{}) {
		l.since = time.Now()
	}
	for _, count := range []*Lost{&l.untold, &l.lost} {
		switch role {
		case Live:
			count.Live++
		case Mirror:
			count.Mirror++
		default:
			count.Process++
		}
	}
	l.signal()
}

// CountLost adds lines that were written and lost behind the sink, to be counted
// and told as the others.
func (l *Log) CountLost(n Lost) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.untold == (Lost{}) {
		l.since = time.Now()
	}
	for _, count := range []*Lost{&l.untold, &l.lost} {
		count.Live += n.Live
		count.Mirror += n.Mirror
		count.Process += n.Process
	}
	l.signal()
}

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// reached reports whether all of the first n bytes are written, or else what
// will be closed when more is.
func (l *Log) reached(n int64) (<-chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written >= n {
		return nil, true
	}
	if l.progress == nil {
		l.progress = make(chan struct{})
	}
	return l.progress, false
}
