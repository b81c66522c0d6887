package tap

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// MaxBody is the most bytes of one body that a tap keeps.
const MaxBody = 1 << classBits

// Memory comes in powers of two: from 1 KiB to MaxBody.
const (
	leastBits = 10
	classBits = 20
	classes   = classBits - leastBits + 1
)

// Budget is the memory that taps share. It is safe for concurrent use.
type Budget struct {
	limit   int64
	held    atomic.Int64
	refused atomic.Int64
	unused  [classes]sync.Pool // of *[]byte
	taps    sync.Pool          // of *Tap
}

// NewBudget is a budget of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Held is how many bytes are taken of the budget.
func (b *Budget) Held() int64 { return b.held.Load() }

// Refused is how many bodies could not be kept as far as they should have been,
// because the budget was used up.
func (b *Budget) Refused() int64 { return b.refused.Load() }

// Tap returns a tap that keeps up to most bytes of a body, MaxBody at most, and
// of the header the fields with these names, which are in the form of the keys of
// http.Header. It has one hold, the caller's.
func (b *Budget) Tap(most int64, names []string) *Tap {
	t, ok := b.taps.Get().(*Tap)
	if !ok {
		t = new(Tap)
	}
	t.budget, t.most, t.names = b, int(min(max(most, 0), MaxBody)), names
	t.holds.Store(1)
	return t
}

// classOf is the smallest class of memory for n bytes, which are at most MaxBody.
func classOf(n int) int { return max(bits.Len(uint(max(n, 1)-1))-leastBits, 0) }

// take gives memory of a class; nil if the budget does not allow it.
func (b *Budget) take(class int) *[]byte {
	size := int64(1) << (class + leastBits)
	for {
		held := b.held.Load()
		if held+size > b.limit {
			return nil
		}
		if b.held.CompareAndSwap(held, held+size) {
			break
		}
	}
	if memory, ok := b.unused[class].Get().(*[]byte); ok {
		return memory
	}
	return new(make([]byte, 0, size))
}

// give takes memory back.
func (b *Budget) give(memory *[]byte) {
	size := cap(*memory)
	*memory = (*memory)[:0]
	b.unused[classOf(size)].Put(memory)
	if b.held.Add(-int64(size)) < 0 {
		panic("tap: more of the budget was given back than taken")
	}
}
