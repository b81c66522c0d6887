package deployments

import "time"

// window counts two sorts of events over the last while. It forgets in tenths of
// that. The zero value is empty.
type window struct {
	width time.Duration
	slots [10]struct {
		tick   int64
		first  int
		second int
	}
}

// add counts events at a time since whenever.
func (w *window) add(at, width time.Duration, first, second int) {
	if w.width != width {
		*w = window{width: width} // what was counted by other tenths cannot be told apart
	}
	tick := w.tick(at)
	s := &w.slots[tick%int64(len(w.slots))]
	if s.tick != tick {
		s.tick, s.first, s.second = tick, 0, 0
	}
	s.first += first
	s.second += second
}

// sums are the events of the last while.
func (w *window) sums(at time.Duration) (first, second int) {
	if w.width == 0 {
		return 0, 0
	}
	tick := w.tick(at)
	for i := range w.slots {
		if s := &w.slots[i]; tick-s.tick < int64(len(w.slots)) {
			first += s.first
			second += s.second
		}
	}
	return first, second
}

func (w *window) tick(at time.Duration) int64 {
	return int64(at / max(w.width/time.Duration(len(w.slots)), 1))
}
