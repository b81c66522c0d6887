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
	every atomic.Int64 // nanoseconds between two runs; see schedule.pace
	gone  atomic.Bool  // it need not run any more

	listed bool // among the fresh; guarded by the schedule's mu

	// Of the schedule while it runs.
	due   time.Time
	taken bool // it is known to run
	place int  // in the queue; -1: it runs
}

// schedule runs jobs, each at its own interval, a bounded number at a time.
type schedule struct {
	room int           // how many run at a time
	wake chan struct{} // capacity 1; full: it wakes anyway

	mu    sync.Mutex
	fresh []*job // those that run does not know yet, or whose interval is shorter since
}

func newSchedule(room int) *schedule {
	return &schedule{room: room, wake: make(chan struct{}, 1)}
}

// pace says how long is between two runs of a job. A shorter interval holds from now
// on, a longer one after the next run.
func (s *schedule) pace(j *job, every time.Duration) {
	if before := j.every.Swap(int64(every)); int64(every) < before {
		s.add(j)
	}
}

// add has a job run as soon as may be, or one that waits for its next run wait no
// longer than for its interval.
func (s *schedule) add(j *job) {
	s.mu.Lock()
	if len(s.fresh) == cap(s.fresh) { // nobody runs them, for now
		s.fresh = slices.DeleteFunc(s.fresh, func(j *job) bool { return j.gone.Load() })
	}
	s.list(j)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// list puts a job among the fresh ones, once. The schedule is locked.
func (s *schedule) list(j *job) {
	if !j.listed {
		j.listed = true
		s.fresh = append(s.fresh, j)
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
			j.due = j.next(time.Now())
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
	fresh := s.news()
	spread := min(time.Duration(len(fresh)-1)*time.Millisecond, time.Second)
	now := time.Now()
	for _, j := range fresh {
		switch {
		case !j.taken:
			j.taken, j.due = true, now.Add(rand.N(spread+1))
			heap.Push(waiting, j)
		case j.place >= 0:
			if sooner := j.next(now); sooner.Before(j.due) {
				j.due = sooner
				heap.Fix(waiting, j.place)
			}
		}
	}
}

// news empties the list of what was added.
func (s *schedule) news() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.fresh
	s.fresh = nil
	for _, j := range fresh {
		j.listed = false
	}
	return fresh
}

// next is when a job runs again whose interval begins.
func (j *job) next(now time.Time) time.Time {
	return now.Add(jittered(time.Duration(j.every.Load())))
}

// leave keeps what waits, for who runs the schedule again.
func (s *schedule) leave(waiting queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range waiting {
		j.taken = false
		s.list(j)
	}
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

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *queue) Push(j any) {
	added := j.(*job)
	added.place = len(*q)
	*q = append(*q, added)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	j := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	j.place = -1
	return j
}
