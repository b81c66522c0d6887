package compare

import (
	"bytes"
	"cmp"
	"slices"
)

// batchMember is where Modelbit's batches have their rows.
const batchMember = "data"

// mostEdges bounds the pairs of elements that are asked about in arrays whose
// order does not matter.
const mostEdges = 1 << 20

// arrays compares two arrays, element by element.
func (c *Comparer) arrays(l, m int32, at state) bool {
	i, j := l+1, m+1
	endI, endJ := c.live.nodes[l].next, c.mirror.nodes[m].next
	if at.batch && !c.inOrder(l, m) {
		if agree, ok := c.batch(l, m, at); ok {
			return agree
		}
	}
	agree := true
	for index := 0; i < endI || j < endJ; index++ {
		x, y := none, none
		if i < endI {
			x, i = i, c.live.nodes[i].next
		}
		if j < endJ {
			y, j = j, c.mirror.nodes[j].next
		}
		agree = c.element(x, y, index, at) && agree
		if c.idle(agree) {
			return agree
		}
	}
	return agree
}

// inOrder reports whether two batches have the same IDs in the same order, as is
// most common; then nothing has to be looked up.
func (c *Comparer) inOrder(l, m int32) bool {
	x, y := &c.live.nodes[l], &c.mirror.nodes[m]
	if x.count != y.count {
		return false
	}
	for i, j := l+1, m+1; i < x.next; i, j = c.live.nodes[i].next, c.mirror.nodes[j].next {
		if !c.live.isRow(i) || !c.mirror.isRow(j) || c.compareIDs(&c.live, i, &c.mirror, j) != 0 {
			return false
		}
	}
	return true
}

// isRow reports whether a node is a row of a batch: [ID, OUT], where ID is an
// integer or a text.
func (t *tree) isRow(i int32) bool {
	n := &t.nodes[i]
	if n.kind != array || n.count != 2 {
		return false
	}
	id := t.nodes[i+1].kind
	return id == text || id == number && integer(t.written(i+1))
}

// row is an element of an array, and where it stands.
type row struct{ node, index int32 }

// batch compares two arrays by the IDs of their rows, if they are batches and no
// ID comes twice.
func (c *Comparer) batch(l, m int32, at state) (agree, ok bool) {
	xs, ok := c.rowsByID(&c.live, l)
	if !ok {
		return false, false
	}
	ys, ok := c.rowsByID(&c.mirror, m)
	if !ok {
		return false, false
	}
	agree = true
	for (len(xs) > 0 || len(ys) > 0) && !c.idle(agree) {
		x, y := row{node: none}, row{node: none}
		order := 0
		switch {
		case len(xs) == 0:
			order = 1
		case len(ys) == 0:
			order = -1
		default:
			order = c.compareIDs(&c.live, xs[0].node, &c.mirror, ys[0].node)
		}
		if order <= 0 {
			x, xs = xs[0], xs[1:]
		}
		if order >= 0 {
			y, ys = ys[0], ys[1:]
		}
		index := x.index
		if x.node == none {
			index = y.index
		}
		agree = c.element(x.node, y.node, int(index), at) && agree
	}
	return agree, true
}

// rowsByID lists the rows of a batch in the order of their IDs. It is false when
// they are no rows or an ID comes twice.
func (c *Comparer) rowsByID(t *tree, i int32) (rows []row, ok bool) {
	for e, end := i+1, t.nodes[i].next; e < end; e = t.nodes[e].next {
		if !t.isRow(e) {
			return nil, false
		}
	}
	rows = t.elementsOf(i)
	slices.SortFunc(rows, func(a, b row) int { return c.compareIDs(t, a.node, t, b.node) })
	for k := 1; k < len(rows); k++ {
		if c.compareIDs(t, rows[k-1].node, t, rows[k].node) == 0 {
			return nil, false
		}
	}
	return rows, true
}

// elementsOf lists the elements of an array.
func (t *tree) elementsOf(i int32) []row {
	rows := make([]row, 0, t.nodes[i].count)
	for e, end := i+1, t.nodes[i].next; e < end; e = t.nodes[e].next {
		rows = append(rows, row{node: e, index: int32(len(rows))})
	}
	return rows
}

// compareIDs orders two rows by their IDs: numbers first, as they are written.
func (c *Comparer) compareIDs(t *tree, i int32, u *tree, j int32) int {
	if order := cmp.Compare(t.nodes[i+1].kind, u.nodes[j+1].kind); order != 0 {
		return order
	}
	return bytes.Compare(c.textOf(t, i+1, 0), c.textOf(u, j+1, 1))
}

// textOf is a text without escapes, or another value as it is written.
func (c *Comparer) textOf(t *tree, i int32, which int) []byte {
	if !t.nodes[i].escaped {
		return t.written(i)
	}
	c.room[which] = appendUnescaped(c.room[which][:0], t.written(i))
	return c.room[which]
}

// unordered compares two arrays whose order does not matter: they agree if their
// elements can be paired so that each pair agrees. What is left over is told as if
// it stood in order.
func (c *Comparer) unordered(l, m int32, at state) bool {
	p := c.newPairing(l, m, at)
	if p == nil {
		c.steps = -1
		return false
	}
	for i := range p.live {
		if c.steps < 0 {
			return false
		}
		clear(p.seen)
		p.place(i)
	}
	return c.paired(p, at)
}

// paired tells of the pairs that were found, and of what is left over.
func (c *Comparer) paired(p *pairing, at state) bool {
	agree := true
	rest := p.rest()
	for i, x := range p.live {
		y := none
		switch j := p.of[i]; {
		case j >= 0:
			y = p.mirror[j].node
		case len(rest) > 0:
			y, rest = p.mirror[rest[0]].node, rest[1:]
		}
		if p.of[i] >= 0 && (c.quiet > 0 || !c.rules.notes) {
			continue // it agrees, and there is nothing else to be found in it
		}
		agree = c.element(x.node, y, int(x.index), at) && agree
		if c.idle(agree) {
			return agree
		}
	}
	for _, j := range rest {
		agree = c.element(none, p.mirror[j].node, int(p.mirror[j].index), at) && agree
		if c.idle(agree) {
			return agree
		}
	}
	return agree
}

// pairing looks for the largest number of pairs of elements that agree, by
// augmenting paths (Kuhn's algorithm for bipartite graphs). Whether two agree is
// asked when it matters, and once.
type pairing struct {
	c            *Comparer
	at           state
	live, mirror []row
	of, with     []int  // the partners of live elements and of the mirror's; -1: none
	seen         []bool // elements of the mirror that were tried for the current one
	known        []int8 // by pair: 1 they agree, -1 they do not, 0 not asked
}

// newPairing is nil when there are too many pairs.
func (c *Comparer) newPairing(l, m int32, at state) *pairing {
	n, k := int(c.live.nodes[l].count), int(c.mirror.nodes[m].count)
	if n*k > mostEdges {
		return nil
	}
	p := &pairing{
		c: c, at: at, live: c.live.elementsOf(l), mirror: c.mirror.elementsOf(m),
		of: make([]int, n), with: make([]int, k), seen: make([]bool, k), known: make([]int8, n*k),
	}
	for i := range p.of {
		p.of[i] = -1
	}
	for j := range p.with {
		p.with[j] = -1
	}
	return p
}

// place finds a partner for a live element, if need be by moving others. Its own
// place is tried first: most arrays are in order.
func (p *pairing) place(i int) bool {
	for step := range p.mirror {
		j := (i + step) % len(p.mirror)
		if p.c.steps--; p.c.steps < 0 {
			return false
		}
		if p.seen[j] || !p.agree(i, j) {
			continue
		}
		p.seen[j] = true
		if p.with[j] < 0 || p.place(p.with[j]) {
			p.of[i], p.with[j] = j, i
			return true
		}
	}
	return false
}

func (p *pairing) agree(i, j int) bool {
	known := &p.known[i*len(p.mirror)+j]
	if *known == 0 {
		*known = -1
		p.c.quiet++
		if p.c.element(p.live[i].node, p.mirror[j].node, i, p.at) {
			*known = 1
		}
		p.c.quiet--
	}
	return *known > 0
}

// rest lists the elements of the mirror without a partner.
func (p *pairing) rest() []int {
	var rest []int
	for j, i := range p.with {
		if i < 0 {
			rest = append(rest, j)
		}
	}
	return rest
}
