package capture

import (
	"context"
	"fmt"
	"sync"

	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gateway/tap"
)

// Options set a Writer up. What is zero gets its default.
type Options struct {
	Queue int // records that wait; 1024
	// Done gets each record, complete. It must not keep it.
	Done func(*record.Record)
}

// Writer completes records with captured bodies, one after the other, in a
// goroutine that runs while there are any. It is safe for concurrent use.
type Writer struct {
	opts Options

	mu      sync.Mutex
	waiting []job // at most Options.Queue
	running bool
	hurry   bool // the bodies of what waits are left out
	omitted int64
	worker  sync.WaitGroup
	room    []byte // the worker's, of which there is one at a time
}

// job is a record that waits, with the holds of its taps.
type job struct {
	record          record.Record
	rule            *Rule
	request, answer *tap.Tap // nil: none
}

// NewWriter makes a Writer. It runs nothing until there is a record.
func NewWriter(o Options) *Writer {
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	return &Writer{opts: o}
}

// Add takes a record and the holds of its taps, either of which may be nil. It
// never blocks; the record may be changed when it returns.
func (w *Writer) Add(rec *record.Record, rule *Rule, request, answer *tap.Tap) {
	j := job{record: *rec, rule: rule, request: request, answer: answer}
	if !w.accept(j) {
		w.omit(&j)
	}
}

// accept queues a job, unless the queue is full, and sees to it that there is who
// works on it.
func (w *Writer) accept(j job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) >= w.opts.Queue {
		return false
	}
	w.waiting = append(w.waiting, j)
	if !w.running {
		w.running = true
		w.worker.Go(w.work)
	}
	return true
}

// work completes records until there are none.
func (w *Writer) work() {
	var jobs []job
	for {
		if jobs = w.take(jobs); len(jobs) == 0 {
			return
		}
		for i := range jobs {
			w.complete(&jobs[i])
			if cap(w.room) > maxObject {
				w.room = nil // a rare one must not be held for ever
			}
		}
		clear(jobs)
	}
}

// take returns all that wait, and keeps the memory of those that are done.
func (w *Writer) take(done []job) []job {
	w.mu.Lock()
	defer w.mu.Unlock()
	jobs := w.waiting
	w.waiting = done[:0]
	w.running = len(jobs) > 0
	return jobs
}

func (w *Writer) complete(j *job) {
	if w.hurried() {
		w.omit(j)
		return
	}
	w.room = j.rule.Describe(&j.record, j.request, j.answer, w.room)
	w.finish(j)
}

func (w *Writer) omit(j *job) {
	w.mu.Lock()
	w.omitted++
	w.mu.Unlock()
	j.rule.Omit(&j.record, j.request, j.answer, OmittedQueue)
	w.finish(j)
}

// finish passes a record on. It comes before the release: the record may lie in
// what a tap keeps.
func (w *Writer) finish(j *job) {
	w.opts.Done(&j.record)
	j.request.Release()
	j.answer.Release()
}

func (w *Writer) hurried() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hurry
}

// Omitted is how many records were passed on without their bodies because more
// were captured than could be written.
func (w *Writer) Omitted() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.omitted
}

// Drain waits until all records are passed on. When ctx ends first, the rest goes
// without bodies, and an error says so. Nothing may be added any more.
func (w *Writer) Drain(ctx context.Context) error {
	before := w.Omitted()
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hurry = true
	})
	defer stop()
	w.worker.Wait()
	if n := w.Omitted() - before; n > 0 {
		return fmt.Errorf("drain captured bodies: %d records were written without them: %w", n, context.Cause(ctx))
	}
	return nil
}
