package pace_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/pace"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// heap is pieces that wait, and how often somebody came to take them.
type heap struct {
	pieces, done, visits atomic.Int64
}

func (h *heap) work() {
	h.visits.Add(1)
	h.done.Add(h.pieces.Swap(0))
}

func (h *heap) put(c *pace.Crew) {
	h.pieces.Add(1)
	c.Call()
}

func TestTheFirstPieceWaitsForNothingAndOthersForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h heap
		c := pace.NewCrew(pace.Options{Work: h.work, Rest: time.Second, Batch: 10})
		for _, step := range []struct {
			name   string
			pieces int
			wait   time.Duration
			done   int64 // in all, afterwards
			visits int64
		}{
			{"the first", 1, 0, 1, 1},
			{"soon after it", 5, 0, 1, 1},
			{"not yet", 0, 999 * time.Millisecond, 1, 1},
			{"in time", 0, time.Millisecond, 6, 2},
			{"fewer than a batch", 9, 0, 6, 2},
			{"a batch", 1, 0, 16, 3},
			{"after a rest", 0, time.Second, 16, 3},
			{"at once again", 1, 0, 17, 4},
		} {
			for range step.pieces {
				h.put(c)
			}
			time.Sleep(step.wait) //nolint:forbidigo // the bubble's clock
			synctest.Wait()
			if h.done.Load() != step.done || h.visits.Load() != step.visits {
				t.Errorf("%s: %d done, %d visits; want %d, %d", step.name, h.done.Load(), h.visits.Load(), step.done, step.visits)
			}
		}
		c.Wait()
	})
}

// A piece that takes long holds the others up for a rest at most.
func TestASecondWorkerComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h heap
		hold := make(chan struct{})
		c := pace.NewCrew(pace.Options{Workers: 2, Rest: time.Second, Work: func() {
			if h.visits.Load() == 0 {
				h.work()
				<-hold
				return
			}
			h.work()
		}})
		h.put(c)
		synctest.Wait()
		h.put(c)
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		if h.done.Load() != 2 {
			t.Errorf("%d of 2 pieces are done", h.done.Load())
		}
		close(hold)
		c.Wait()
	})
}

func TestNoPieceIsForgotten(t *testing.T) {
	for _, workers := range []int{1, 3} {
		var h heap
		c := pace.NewCrew(pace.Options{Work: h.work, Workers: workers, Rest: time.Microsecond, Batch: 3})
		var callers sync.WaitGroup
		const many, each = 8, 2000
		for range many {
			callers.Go(func() {
				for range each {
					h.put(c)
				}
			})
		}
		callers.Wait()
		c.Wait()
		if h.done.Load() != many*each {
			t.Errorf("%d workers: %d of %d pieces are done", workers, h.done.Load(), many*each)
		}
	}
}

func TestCallsTakeNoMemory(t *testing.T) {
	var h heap
	c := pace.NewCrew(pace.Options{Work: h.work, Rest: time.Second, Batch: 100})
	h.put(c)
	if n := testbed.Allocs(1000, func() { h.put(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	c.Wait()
}

func BenchmarkCall(b *testing.B) {
	var h heap
	c := pace.NewCrew(pace.Options{Work: h.work})
	b.ReportAllocs()
	for b.Loop() {
		h.put(c)
	}
	c.Wait()
}
