package pointer

// Marks are what the patterns of a set that lead to a place are there for, one
// bit each.
type Marks uint8

// Set is patterns that are followed together. The zero value is an empty set.
type Set struct {
	steps  []step
	starts []int32 // the first steps of the patterns
}

// step is one token of one pattern; the next one follows it, unless it is the last.
type step struct {
	name  string
	index int // that name is for an array; -1: none
	last  bool
	marks Marks
}

// Add adds a pattern, which gives these marks where it leads to.
func (s *Set) Add(p Pattern, marks Marks) {
	s.starts = append(s.starts, int32(len(s.steps)))
	for i, token := range p.tokens {
		s.steps = append(s.steps, step{name: token, index: index(token), last: i == len(p.tokens)-1, marks: marks})
	}
}

// Walk follows the patterns of a set through a document, from its root.
type Walk struct {
	set    *Set
	active []int32 // steps that may be next, of all levels from the root down
	levels []int   // where those of each level begin
}

// Walk returns a walk that stands at the root.
func (s *Set) Walk() *Walk {
	w := new(Walk)
	w.Begin(s)
	return w
}

// Begin puts the walk at the root of another document, for the patterns of s.
func (w *Walk) Begin(s *Set) {
	w.set = s
	w.active = append(w.active[:0], s.starts...)
	w.levels = append(w.levels[:0], 0)
}

// Below reports whether a pattern may lead to a place below this one.
func (w *Walk) Below() bool { return w.levels[len(w.levels)-1] < len(w.active) }

// Member enters the value of the member of that name, without JSON's escapes, and
// tells which patterns lead to it. It must be left by Leave.
func (w *Walk) Member(name []byte) Marks {
	return w.enter(func(s *step) bool { return s.name == string(name) })
}

// Element enters an element of an array, counted from 0, likewise.
func (w *Walk) Element(i int) Marks {
	return w.enter(func(s *step) bool { return s.index == i })
}

func (w *Walk) enter(matches func(*step) bool) (marks Marks) {
	from, to := w.levels[len(w.levels)-1], len(w.active)
	w.levels = append(w.levels, to)
	for i := from; i < to; i++ {
		at := w.active[i]
		s := &w.set.steps[at]
		switch {
		case s.name != anything && !matches(s):
		case s.last:
			marks |= s.marks
		default:
			w.active = append(w.active, at+1)
		}
	}
	return marks
}

// Leave goes back to where the walk was before the last Member or Element.
func (w *Walk) Leave() {
	last := len(w.levels) - 1
	w.active, w.levels = w.active[:w.levels[last]], w.levels[:last]
}
