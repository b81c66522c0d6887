package testbed

import "runtime"

// HeldBytes is the size of all that can be reached on the heap, as of now.
func HeldBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
