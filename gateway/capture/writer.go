package capture

import (
	"context"
	"fmt"
	"sync"

	"github.com/switchyard-gateway/switchyard/gateway/pace"
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
	opts   Options
	worker *pace.Crew // of one

	mu      sync.Mutex
	waiting []job // at most Options.Queue
	hurry   bool  // the bodies of what waits are left out
	omitted int64

	// The worker's memory.
	jobs []job
	room []byte
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
	w := &Writer{opts: o}
	w.worker = pace.NewCrew(pace.Options{Work: w.work})
	return w
}

// Add takes a record and the holds of its taps, either of which may be nil. It
// never blocks; the record may be changed when it returns.
func (w *Writer) Add(rec *record.Record, rule *Rule, request, answer *tap.Tap) {
	if w.accept(rec, rule, request, answer) {
		w.worker.Call()
		return
	}
	w.omit(&job{record: *rec, rule: rule, request: request, answer: answer})
}

// accept queues a record, unless the queue is full.
func (w *Writer) accept(rec *record.Record, rule *Rule, request, answer *tap.Tap) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) >= w.opts.Queue {
		return false
	}
	w.waiting = append(w.waiting, job{record: *rec, rule: rule, request: request, answer: answer})
	return true
}

// work completes records until there are none.
func (w *Writer) work() {
	for w.take() {
		for i := range w.jobs {
			w.complete(&w.jobs[i])
			if cap(w.room) > maxObject {
				w.room = nil // a rare one must not be held for ever
			}
		}
		clear(w.jobs)
	}
}

// take takes all that wait, and leaves the memory of those that are done.
func (w *Writer) take() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs, w.waiting = w.waiting, w.jobs[:0]
	return len(w.jobs) > 0
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
