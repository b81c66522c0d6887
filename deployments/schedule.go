package deployments

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// job is something to be done at an interval.
type job struct {
	run   func(ctx context.Context)
	every atomic.Int64 // nanoseconds between two runs
	gone  atomic.Bool  // it need not run any more
	due   time.Time    // of the schedule, once it runs
}

// schedule runs jobs, each at its own interval, a bounded number at a time.
type schedule struct {
	room int           // how many run at a time
	wake chan struct{} // capacity 1; full: it wakes anyway

	mu    sync.Mutex
	fresh []*job // added and not yet known to run
}

func newSchedule(room int) *schedule {
	return &schedule{room: room, wake: make(chan struct{}, 1)}
}

// add has a job run as soon as may be.
func (s *schedule) add(j *job) {
	s.mu.Lock()
	if len(s.fresh) == cap(s.fresh) { // nobody runs them, for now
		s.fresh = slices.DeleteFunc(s.fresh, func(j *job) bool { return j.gone.Load() })
	}
	s.fresh = append(s.fresh, j)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run does the jobs until ctx ends, and returns when none is in progress.
func (s *schedule) run(ctx context.Context) {
	var running sync.WaitGroup
	done := make(chan *job, s.room) // never full: each one that runs sends once
	var waiting queue
	defer func() {
		running.Wait()
		for len(done) > 0 {
			waiting = append(waiting, <-done)
		}
		s.leave(waiting)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for free := s.room; ; {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		case j := <-done:
			free++
			j.due = time.Now().Add(jittered(time.Duration(j.every.Load())))
			heap.Push(&waiting, j)
		}
		s.take(&waiting)
		for ; free > 0 && waiting.due(time.Now()); free-- {
			j := heap.Pop(&waiting).(*job)
			running.Go(func() {
				j.run(ctx)
				done <- j
			})
		}
		if len(waiting) > 0 && free > 0 {
			timer.Reset(time.Until(waiting[0].due))
		}
	}
}

// take moves what was added to the queue. What comes in one go is spread over a
// moment, for it may all be on one machine.
func (s *schedule) take(waiting *queue) {
	s.mu.Lock()
	fresh := s.fresh
	s.fresh = nil
	s.mu.Unlock()
	spread := min(time.Duration(len(fresh)-1)*time.Millisecond, time.Second)
	now := time.Now()
	for _, j := range fresh {
		j.due = now.Add(rand.N(spread + 1))
		heap.Push(waiting, j)
	}
}

// leave keeps what waits, for who runs the schedule again.
func (s *schedule) leave(waiting queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = append(s.fresh, waiting...)
}

// jittered is d, give or take a tenth, so that what began at once spreads.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// queue is jobs, the first one due in front; a container/heap.
type queue []*job

// due reports whether there is a job in front that is to run. What is gone is
// dropped.
func (q *queue) due(now time.Time) bool {
	for len(*q) > 0 {
		first := (*q)[0]
		if !first.gone.Load() {
			return !now.Before(first.due)
		}
		heap.Pop(q)
	}
	return false
}

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(j any)        { *q = append(*q, j.(*job)) }

func (q *queue) Pop() any {
	last := len(*q) - 1
	j := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return j
}
