package plan

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/endpoints"
)

// mostMoves bounds how many moves are listed: of n backends there are n^2 pairs.
const mostMoves = 100

// choices are the backends of both revisions of an endpoint, aligned.
type choices struct {
	names         []string
	before, after []float64 // shares, which add up to 1
	weights       [2][]float64
	was, is       []string // who answers; equal exactly when it is the same
}

func align(from, to *endpoints.Endpoint) choices {
	index := map[string]int{}
	var c choices
	for _, e := range []*endpoints.Endpoint{to, from} {
		for i := range e.Backends {
			if name := e.Backends[i].Name; !has(index, name) {
				index[name] = len(c.names)
				c.names = append(c.names, name)
			}
		}
	}
	n := len(c.names)
	c.weights = [2][]float64{make([]float64, n), make([]float64, n)}
	c.was, c.is = make([]string, n), make([]string, n)
	fill := func(e *endpoints.Endpoint, weights []float64, answers []string) {
		for i := range e.Backends {
			at := index[e.Backends[i].Name]
			weights[at], answers[at] = e.Backends[i].Weight, answer(&e.Backends[i])
		}
	}
	fill(from, c.weights[0], c.was)
	fill(to, c.weights[1], c.is)
	c.before, c.after = normalized(c.weights[0]), normalized(c.weights[1])
	return c
}

func has[V any](m map[string]V, key string) bool {
	_, ok := m[key]
	return ok
}

// answer identifies who answers: a version of a deployment, or a static value.
func answer(b *endpoints.Backend) string {
	if b.Deployment == nil {
		return "static\x00" + string(b.Static)
	}
	return fmt.Sprintf("deployment\x00%s\x00%s\x00%d", b.Deployment.Branch, b.Deployment.Name, b.Deployment.Number)
}

// normalized is weights as shares of their sum.
func normalized(weights []float64) []float64 {
	all := scaled(weights)
	sum := 0.0
	for _, w := range all {
		sum += w
	}
	for i := range all {
		all[i] /= sum
	}
	return all
}

// compareLive says what happens to the callers of an endpoint.
func compareLive(from, to *endpoints.Endpoint) *Live {
	c := align(from, to)
	l := &Live{Of: OfSubjects, Rebound: rebound(from.Assignment, to.Assignment), Moves: []Move{}}
	if len(from.Assignment) == 0 {
		l.Of = OfRequests
		l.Moved = distance(c.names, c.names, c.before, c.after)
		l.OtherAnswer = distance(c.was, c.is, c.before, c.after)
		return l
	}
	switch l.Rebound {
	case ReboundNone:
		l.count(c, couple(c.weights[0], c.weights[1]).share)
	case ReboundSome:
		l.count(c, couple(c.weights[0], c.weights[1]).share)
		l.MovedAnew = c.independent()
	case ReboundAll:
		l.count(c, func(i, j int) float64 { return c.before[i] * c.after[j] })
		l.MovedAnew = l.Moved
	}
	return l
}

// count adds up who goes from where to where.
func (l *Live) count(c choices, share func(i, j int) float64) {
	least := 0.0 // that a move needs to be listed
	for i, from := range c.names {
		for j, to := range c.names {
			s := tidy(share(i, j))
			if c.was[i] != c.is[j] {
				l.OtherAnswer += s
			}
			if i == j || s == 0 {
				continue
			}
			l.Moved += s
			if s >= least {
				l.Moves = append(l.Moves, Move{From: from, To: to, Share: s})
			}
		}
		if len(l.Moves) > 10*mostMoves {
			l.keepLargest()
			least = l.Moves[mostMoves-1].Share
		}
	}
	l.keepLargest()
	l.Moved, l.OtherAnswer = tidy(l.Moved), tidy(l.OtherAnswer)
}

// keepLargest sorts the moves and drops the smaller ones.
func (l *Live) keepLargest() {
	slices.SortFunc(l.Moves, func(a, b Move) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
	l.Moves = l.Moves[:min(len(l.Moves), mostMoves)]
}

// independent is the share that gets another backend when all are drawn anew.
func (c *choices) independent() float64 {
	same := 0.0
	for i := range c.names {
		same += c.before[i] * c.after[i]
	}
	return tidy(1 - same)
}

// distance is the share that is with others after than before, when nobody is
// bound: half of what the shares of all keys differ by.
func distance(was, is []string, before, after []float64) float64 {
	more := map[string]float64{}
	for i, key := range is {
		more[key] += after[i]
	}
	for i, key := range was {
		more[key] -= before[i]
	}
	sum := 0.0
	for _, key := range slices.Sorted(maps.Keys(more)) { // in order: sums of floats depend on it
		sum += math.Abs(more[key])
	}
	return tidy(sum / 2)
}

// negligible is the share below which rounding cannot be told from a move.
const negligible = 1e-12

// tidy takes rounding out of a share.
func tidy(share float64) float64 {
	switch {
	case share < negligible:
		return 0
	case share > 1-negligible:
		return 1
	}
	return share
}

// rebound says who is drawn anew when one ladder of keys takes another's place:
// none of those who were bound, if keys are only added behind those that were.
func rebound(from, to endpoints.Keys) Rebound {
	switch {
	case len(from) <= len(to) && slices.Equal(from, to[:len(from)]):
		return ReboundNone
	case len(to) > 0 && from[0] == to[0]:
		return ReboundSome
	}
	return ReboundAll
}
