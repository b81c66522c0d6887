package mirror

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Captured bodies live in blocks of a few sizes, that are pooled. Blocks are made
// as bytes come, and the first one is no larger than midBlock, so that a caller who
// announces much and sends little holds little; the budget is reserved for the whole
// announced body beforehand, so that a capture that was admitted is not given up
// half-way. Blocks after the first are as large as what is announced, for the live
// attempt sends from them; see Capture.Lend.
const (
	minBlock = 1 << 10
	midBlock = 64 << 10
	maxBlock = 1 << 20
)

// The sizes of blocks are minBlock, 4 and 16 times that, and the multiples of
// midBlock up to maxBlock.
const (
	smallClasses = 3
	classes      = smallClasses + maxBlock/midBlock
)

// classOf is the smallest class of blocks that hold n bytes, or the largest.
func classOf(n int64) int {
	for class := range smallClasses {
		if n <= classSize(class) {
			return class
		}
	}
	return smallClasses + int((min(n, maxBlock)-1)/midBlock)
}

func classSize(class int) int64 {
	if class < smallClasses {
		return minBlock << (2 * class)
	}
	return int64(class-smallClasses+1) * midBlock
}

// blocksFor is the capacity of the blocks that a body of n bytes is captured in.
func blocksFor(n int64) int64 {
	if n <= midBlock {
		return classSize(classOf(n))
	}
	capacity := int64(midBlock)
	for n -= midBlock; n > maxBlock; n -= maxBlock {
		capacity += maxBlock
	}
	return capacity + classSize(classOf(n))
}

// memory is the budget for captured bodies, and the blocks that are not in use.
type memory struct {
	limit  int64
	held   atomic.Int64
	unused [classes]sync.Pool // of *block
	bodies sync.Pool          // of *body, likewise
}

// body returns an empty body, of the announced length, with so much reserved.
func (m *memory) body(length, reserved int64) *body {
	b, ok := m.bodies.Get().(*body)
	if !ok {
		b = &body{memory: m}
	}
	b.length, b.reserved = length, reserved
	b.refs.Store(1)
	return b
}

// block is a piece of a captured body, filled up to len(data).
type block struct {
	data  []byte
	class int
}

// free is the memory behind what it is filled with.
func (b *block) free() []byte { return b.data[len(b.data):cap(b.data)] }

// shared is the class of blocks that are not ours to use again.
const shared = -1

// reserve takes n bytes of the budget, or nothing if there are not so many.
func (m *memory) reserve(n int64) bool {
	for {
		held := m.held.Load()
		if held+n > m.limit {
			return false
		}
		if m.held.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

func (m *memory) release(n int64) {
	if m.held.Add(-n) < 0 {
		panic("mirror: more of the budget was released than reserved")
	}
}

// block returns an empty block. Its bytes must have been reserved.
func (m *memory) block(class int) *block {
	if b, ok := m.unused[class].Get().(*block); ok {
		return b
	}
	return &block{data: make([]byte, 0, classSize(class)), class: class}
}

// body is a captured request body. While it is captured it belongs to the
// Capture; once complete it does not change, and is shared by the copies. It is
// freed when neither they nor the Capture nor what it has lent hold it any more.
type body struct {
	memory   *memory
	length   int64 // as announced; -1 unknown
	size     int64 // bytes captured
	reserved int64 // of the budget
	blocks   []*block
	few      [2]*block // where blocks begins
	refs     atomic.Int32
	whole    *body // whose memory this one shares; nil: none
}

// add captures p. It reports false, having done nothing or a part of it, when
// the budget is used up.
func (b *body) add(p []byte) bool {
	for len(p) > 0 {
		last := b.room(len(p))
		if last == nil {
			return false
		}
		n := min(len(p), cap(last.data)-len(last.data))
		if at := last.free()[:n]; &at[0] != &p[0] { // else it has been read into its place
			copy(at, p)
		}
		last.data = last.data[:len(last.data)+n]
		b.size += int64(n)
		p = p[n:]
	}
	return true
}

// room returns a block with room for at least one of n bytes, nil if there is no
// budget for it.
func (b *body) room(n int) *block {
	if k := len(b.blocks); k > 0 {
		if last := b.blocks[k-1]; len(last.data) < cap(last.data) {
			return last
		}
	}
	var class int
	switch {
	case b.length >= 0 && b.size == 0:
		class = classOf(min(b.length, midBlock)) // reserved with all the others
	case b.length >= 0:
		class = classOf(b.length - b.size)
	default:
		class = classOf(min(max(int64(n), b.size), midBlock)) // as much again: few blocks, little left empty
		if !b.memory.reserve(classSize(class)) {
			return nil
		}
		b.reserved += classSize(class)
	}
	if b.blocks == nil {
		b.blocks = b.few[:0]
	}
	last := b.memory.block(class)
	b.blocks = append(b.blocks, last)
	return last
}

// free gives everything back, the body too.
func (b *body) free() {
	for i, block := range b.blocks {
		b.blocks[i] = nil
		if block.class == shared {
			continue
		}
		block.data = block.data[:0]
		b.memory.unused[block.class].Put(block)
	}
	b.blocks = nil
	b.memory.release(b.reserved)
	if b.whole != nil {
		b.whole.unref()
		return
	}
	b.reserved, b.size = 0, 0
	b.memory.bodies.Put(b)
}

// Close is unref, for who holds what was lent.
func (b *body) Close() error {
	b.unref()
	return nil
}

// unref gives up one hold; the last one frees the body.
func (b *body) unref() {
	if b.refs.Add(-1) == 0 {
		b.free()
	}
}

var errClosed = errors.New("the copy has ended")

// reader reads a captured body for one copy and holds it until Close. A transport
// may read on, in a goroutine of its own, after the copy has ended; it gets an
// error then, never the bytes of whatever the memory is used for next.
type reader struct {
	mu    sync.Mutex
	body  *body // nil after Close
	block int
	at    int // in the block
	read  int64
}

func newReader(b *body) *reader {
	b.refs.Add(1)
	return &reader{body: b}
}

// Read never blocks.
func (r *reader) Read(p []byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.body == nil {
		return 0, errClosed
	}
	for n < len(p) && r.block < len(r.body.blocks) {
		data := r.body.blocks[r.block].data
		k := copy(p[n:], data[r.at:])
		n, r.at = n+k, r.at+k
		if r.at == len(data) {
			r.block, r.at = r.block+1, 0
		}
	}
	r.read += int64(n)
	if r.read == r.body.size {
		return n, io.EOF
	}
	return n, nil
}

// WriteTo writes the body from where it is, with one call to a writer that takes
// buffers, as that of package upstream does. What the writer takes it takes before
// the body can be given up.
func (r *reader) WriteTo(w io.Writer) (written int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.body == nil {
		return 0, errClosed
	}
	buffers := make(net.Buffers, 0, len(r.body.blocks))
	for _, block := range r.body.blocks[r.block:] {
		buffers = append(buffers, block.data[r.at:])
		r.at = 0
	}
	r.block = len(r.body.blocks)
	if bw, ok := w.(buffersWriter); ok {
		written, err = bw.WriteBuffers(&buffers)
	} else {
		written, err = buffers.WriteTo(w)
	}
	r.read += written
	return written, err
}

type buffersWriter interface {
	WriteBuffers(*net.Buffers) (int64, error)
}

// Close gives the body up. It never fails, and only the first call does something.
func (r *reader) Close() error {
	r.finish()
	return nil
}

// finish is Close; it returns how many bytes were read.
func (r *reader) finish() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.body != nil {
		r.body.unref()
		r.body = nil
	}
	return r.read
}
