package compare

import (
	"bytes"
	"slices"

	"github.com/switchyard-gateway/switchyard/gateway/pointer"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// none stands for a value that is not there.
const none = int32(-1)

// state is what is known of a pair of values from the way to it.
type state struct {
	marks   pointer.Marks // that lead exactly here
	counts  bool          // differences matter
	ignored bool          // and will not any more, whatever is below
	hidden  bool          // what is here is not told
	follow  bool          // patterns may lead below
	spoken  bool          // likewise those of what a language model said
	batch   bool          // the rows of a batch may be here
}

// place is one step of the way to a pair of values.
type place struct {
	node  int32 // of the member
	index int32 // of the element; -1 for a member
	other bool  // the node is of the mirror's document
}

// values compares two values, and reports whether they agree.
func (c *Comparer) values(l, m int32, at state) bool {
	if c.steps--; c.steps < 0 || c.stop {
		return false
	}
	if at.marks&(markLabel|markScore) != 0 && !at.hidden && c.quiet == 0 {
		c.note(l, m, at.marks)
	}
	if !at.counts && !at.follow && !at.spoken {
		return true // nothing below matters
	}
	x, y := &c.live.nodes[l], &c.mirror.nodes[m]
	agree := true
	switch {
	case !c.rules.notes && bytes.Equal(c.live.written(l), c.mirror.written(m)) && x.kind == y.kind:
		return true // as every answer agrees with itself; most of what is compared is the same to the byte
	case x.kind != y.kind:
		agree = false
	case x.kind == object:
		return c.objects(l, m, at)
	case x.kind == array && at.marks&markUnordered != 0:
		return c.unordered(l, m, at)
	case x.kind == array:
		return c.arrays(l, m, at)
	case x.kind == text && at.counts:
		agree = c.jsonTexts(l, m)
	case x.kind == number && at.counts:
		agree = c.rules.tolerance.agree(c.live.written(l), c.mirror.written(m))
	case x.kind == boolean:
		agree = bytes.Equal(c.live.written(l), c.mirror.written(m))
	}
	return agree || c.found(l, m, at)
}

// found notes a difference, unless it does not matter. A value that is not there
// is none.
func (c *Comparer) found(l, m int32, at state) (agree bool) {
	if !at.counts && !at.spoken || at.ignored || c.spoken && c.live.void(l) && c.mirror.void(m) {
		return true
	}
	if c.quiet > 0 {
		return false
	}
	c.out.Agree = record.Differs
	c.tell(l, m, at)
	if len(c.out.Diff) == record.MaxDifferences && !c.rules.notes {
		c.stop = true
	}
	return false
}

// void reports whether a value is as good as none in what a model says.
func (t *tree) void(i int32) bool {
	if i == none {
		return true
	}
	n := &t.nodes[i]
	return n.kind == null || n.kind == array && n.count == 0 || n.kind == text && n.start == n.end
}

// member goes on to the values of a member; one of them may be none.
func (c *Comparer) member(l, m int32, at state) bool {
	t, i := &c.live, l
	if l == none {
		t, i = &c.mirror, m
	}
	below := at
	below.marks, below.batch = 0, len(c.path) == 0 && string(t.name(i)) == batchMember
	if at.follow {
		below = c.marked(below, c.walk.Member(t.name(i)))
	}
	if at.spoken {
		below = c.saidAt(below, c.said.Member(t.name(i)))
	}
	return c.pair(l, m, at, below, place{node: i, index: -1, other: l == none})
}

// element goes on to two elements; one of them may be none.
func (c *Comparer) element(l, m int32, index int, at state) bool {
	below := at
	below.marks, below.batch = 0, false
	if at.follow {
		below = c.marked(below, c.walk.Element(index))
	}
	if at.spoken {
		below = c.saidAt(below, c.said.Element(index))
	}
	return c.pair(l, m, at, below, place{index: int32(index)})
}

// marked is the state where patterns with these marks lead.
func (c *Comparer) marked(at state, marks pointer.Marks) state {
	at.marks, at.follow = marks, c.walk.Below()
	if marks&markIgnored != 0 {
		at.ignored, at.counts = true, false
	}
	at.hidden = at.hidden || marks&markHidden != 0
	return at
}

// saidAt is the state where what a language model said is, if there are marks, or
// is looked for below.
func (c *Comparer) saidAt(at state, marks pointer.Marks) state {
	at.counts = !at.ignored && (at.counts || marks != 0)
	at.spoken = !at.ignored && c.said.Below()
	return at
}

// pair compares two values at a place below where at holds; one of them may be none.
func (c *Comparer) pair(l, m int32, at, below state, p place) (agree bool) {
	c.path = append(c.path, p)
	if l == none || m == none {
		agree = c.found(l, m, below)
	} else {
		agree = c.values(l, m, below)
	}
	c.path = c.path[:len(c.path)-1]
	if at.follow {
		c.walk.Leave()
	}
	if at.spoken {
		c.said.Leave()
	}
	return agree
}

// idle reports whether nothing is to be found any more: in a quiet comparison the
// first difference is enough.
func (c *Comparer) idle(agree bool) bool { return c.stop || c.quiet > 0 && !agree }

// objects compares two objects. As long as both name the same members in the same
// order nothing has to be looked up.
func (c *Comparer) objects(l, m int32, at state) bool {
	i, j := l+1, m+1
	endI, endJ := c.live.nodes[l].next, c.mirror.nodes[m].next
	agree := true
	for i < endI && j < endJ && c.compareNames(i, j) == 0 {
		if !c.member(i, j, at) {
			agree = false
		}
		if c.idle(agree) {
			return agree
		}
		i, j = c.live.nodes[i].next, c.mirror.nodes[j].next
	}
	if i == endI && j == endJ {
		return agree
	}
	return c.shuffled(i, endI, j, endJ, at) && agree
}

// shuffled compares what is left of the members of two objects, by name.
func (c *Comparer) shuffled(i, endI, j, endJ int32, at state) bool {
	base := len(c.order)
	defer func() { c.order = c.order[:base] }()
	xs := c.children(&c.live, i, endI)
	ys := c.children(&c.mirror, j, endJ)
	slices.SortStableFunc(xs, func(a, b int32) int { return bytes.Compare(c.nameOf(&c.live, a, 0), c.nameOf(&c.live, b, 1)) })
	slices.SortStableFunc(ys, func(a, b int32) int { return bytes.Compare(c.nameOf(&c.mirror, a, 0), c.nameOf(&c.mirror, b, 1)) })
	agree := true
	for len(xs) > 0 || len(ys) > 0 {
		l, m := none, none
		switch order := c.firstOf(xs, ys, c.compareNames); {
		case order < 0:
			l, xs = xs[0], xs[1:]
		case order > 0:
			m, ys = ys[0], ys[1:]
		default:
			l, xs, m, ys = xs[0], xs[1:], ys[0], ys[1:]
		}
		agree = c.member(l, m, at) && agree
		if c.idle(agree) {
			return agree
		}
	}
	return agree
}

// children are the nodes from one to another that are siblings.
func (c *Comparer) children(t *tree, from, to int32) []int32 {
	base := len(c.order)
	for i := from; i < to; i = t.nodes[i].next {
		c.order = append(c.order, i)
	}
	return c.order[base:len(c.order):len(c.order)]
}

// firstOf says whether the first of the live nodes or of the mirror's comes first
// in an order by which both are sorted; 0: they belong together.
func (c *Comparer) firstOf(xs, ys []int32, order func(x, y int32) int) int {
	switch {
	case len(xs) == 0:
		return 1
	case len(ys) == 0:
		return -1
	}
	return order(xs[0], ys[0])
}

// compareNames orders the name of a live member and that of one of the mirror's.
func (c *Comparer) compareNames(i, j int32) int {
	return bytes.Compare(c.nameOf(&c.live, i, 0), c.nameOf(&c.mirror, j, 1))
}

// nameOf is the name of a member without escapes; one of two has its own room.
func (c *Comparer) nameOf(t *tree, i int32, which int) []byte {
	n := &t.nodes[i]
	written := t.data[n.nameStart:n.nameEnd]
	if !n.nameEscaped {
		return written
	}
	c.room[which] = appendUnescaped(c.room[which][:0], written)
	return c.room[which]
}
