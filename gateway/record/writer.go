package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second

	// tellAfter is how long a sink may take lines, and yet not catch up, before
	// the lines lost so far are told.
	tellAfter = 10 * time.Second
)

// Run brings lines to the sink until ctx ends, and then what is left within
// Options.Grace; the error says what was not written. A write that fails is
// tried again until it succeeds, continued at the byte where it failed, so that
// a line is whole however often the sink fails.
//
// A sink whose Write never returns cannot be waited for: Run then leaves its
// one goroutine behind in that call. Run must be called once.
func (l *Log) Run(ctx context.Context) error {
	giveUp, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.writeAll(ctx, giveUp)
	}()

	<-ctx.Done()
	grace := time.NewTimer(l.opts.Grace())
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
	}
	return l.unwritten()
}

// writeAll is the one writer.
func (l *Log) writeAll(ctx, giveUp context.Context) {
	for {
		batch := l.next(ctx)
		if batch == nil || !l.deliver(giveUp, batch) {
			return
		}
	}
}

// next waits for lines that are due. It returns nil when ctx has ended and there
// are no more.
func (l *Log) next(ctx context.Context) []byte {
	for {
		ended := ctx.Err() != nil
		batch, wait := l.take(ended)
		if batch != nil || ended {
			return batch
		}
		l.sleep(ctx, wait)
	}
}

// sleep waits for producers to signal, for at most wait, or without end when it is 0.
func (l *Log) sleep(ctx context.Context, wait time.Duration) {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-l.wake:
	case <-due:
	case <-ctx.Done():
	}
}

// take returns the oldest lines if they are due, or how long they may wait for
// others. A single line on a quiet gateway is due at once; under load lines wait
// until a batch is full or FlushEvery has passed since the last one.
func (l *Log) take(hurry bool) (batch []byte, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	switch {
	case l.mayTell(now):
		l.inflight = l.tell(now)
	case len(l.full) > 0:
		l.inflight = l.full[0]
		l.full = slices.Delete(l.full, 0, 1)
	case len(l.batch) == 0:
		return nil, 0
	default:
		wait = l.opts.FlushEvery - now.Sub(l.last)
		if wait > 0 && !hurry && l.urgent <= l.written {
			return nil, wait
		}
		l.inflight, l.batch = l.batch, nil
	}
	return l.inflight, 0
}

// deliver writes one batch, however often that takes. It reports false when it
// gave up.
func (l *Log) deliver(giveUp context.Context, batch []byte) bool {
	memory := batch[:0]
	backoff := minBackoff
	for len(batch) > 0 {
		n, err := l.opts.Writer.Write(batch)
		n = min(max(n, 0), len(batch))
		batch = batch[n:]
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		l.wrote(batch, n, err)
		if err == nil {
			continue
		}
		if !pause(giveUp, backoff) {
			return false
		}
		backoff = min(2*backoff, maxBackoff)
	}
	l.recycle(memory)
	return true
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// wrote notes that n bytes are in the sink, and that rest is still to be written.
func (l *Log) wrote(rest []byte, n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inflight, l.err = rest, err
	l.last = time.Now()
	l.buffered -= n
	l.written += int64(n)
	if n > 0 && l.untold != (Lost{}) && l.back.IsZero() {
		l.back = l.last
	}
	if l.progress != nil {
		close(l.progress)
		l.progress = nil
	}
}

// recycle keeps the memory of a written batch for a coming one, unless there is
// enough or a very long line made it large.
func (l *Log) recycle(memory []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inflight = nil
	if c := cap(memory); c >= l.opts.FlushSize && c <= 2*l.opts.FlushSize && len(l.free) < maxFree {
		l.free = append(l.free, memory)
	}
}

// mayTell reports whether it is time for the line about lost lines: when the
// sink has caught up, so that one line tells all, or if it never does, after
// it has been taking lines for a while.
func (l *Log) mayTell(now time.Time) bool {
	if l.untold == (Lost{}) {
		return false
	}
	if l.buffered <= l.opts.MaxBuffered/2 {
		return true
	}
	return !l.back.IsZero() && now.Sub(l.back) >= tellAfter
}

// tell returns the line about lost lines. There is always room for it.
func (l *Log) tell(now time.Time) []byte {
	line := []byte(`{"` + FieldTime + `":"`)
	line = appendTime(line, now)
	line = append(line, `","`+FieldLevel+`":"warn","`+FieldEvent+`":"`+EventLost+`","`+FieldCount+`":`...)
	line = strconv.AppendInt(line, l.untold.Total(), 10)
	line = append(line, `,"`+FieldLive+`":`...)
	line = strconv.AppendInt(line, l.untold.Live, 10)
	line = append(line, `,"`+FieldMirror+`":`...)
	line = strconv.AppendInt(line, l.untold.Mirror, 10)
	line = append(line, `,"`+FieldProcess+`":`...)
	line = strconv.AppendInt(line, l.untold.Process, 10)
	line = append(line, `,"`+FieldSince+`":"`...)
	line = appendTime(line, l.since)
	line = append(line, '"', '}', '\n')

	l.untold, l.since, l.back = Lost{}, time.Time{}, time.Time{}
	l.accepted += int64(len(line))
	l.buffered += len(line)
	return line
}

// unwritten says what is left when Run ends.
func (l *Log) unwritten() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := bytes.Count(l.inflight, []byte{'\n'}) + bytes.Count(l.batch, []byte{'\n'})
	for _, batch := range l.full {
		lines += bytes.Count(batch, []byte{'\n'})
	}
	if lines == 0 {
		return nil
	}
	if l.err == nil {
		return fmt.Errorf("write log: %d lines left behind: the sink blocks", lines)
	}
	return fmt.Errorf("write log: %d lines left behind: %w", lines, l.err)
}
