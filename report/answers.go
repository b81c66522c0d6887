package report

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report/stat"
)

// What is kept of answers, of which there may be any number of kinds.
const (
	maxLabelPairs = 10_000
	maxPaths      = 1000
	shownTop      = 20
	worstScores   = 5
	otherLabels   = "(others)"
)

// labels are how often each pair of labels, live and mirror, came.
type labels map[[2]string]int64

func (l labels) add(live, mirror string) {
	key := [2]string{live, mirror}
	if _, known := l[key]; known {
		l[key]++
		return
	}
	if len(l) >= maxLabelPairs {
		key = [2]string{otherLabels, otherLabels + " "} // they count as confusions
		if live == mirror {
			key[1] = otherLabels
		}
	} else {
		key = [2]string{strings.Clone(live), strings.Clone(mirror)}
	}
	l[key]++
}

func (l labels) report() *Labels {
	if len(l) == 0 {
		return nil
	}
	out := &Labels{Confusions: []Confusion{}}
	for key, n := range l {
		out.Pairs += n
		if key[0] != key[1] {
			out.Confusions = append(out.Confusions, Confusion{Live: key[0], Mirror: strings.TrimSpace(key[1]), N: n})
		}
	}
	slices.SortFunc(out.Confusions, func(a, b Confusion) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Live, b.Live), cmp.Compare(a.Mirror, b.Mirror))
	})
	out.Confusions = out.Confusions[:min(len(out.Confusions), shownTop)]
	if kappa, ok := stat.Kappa(l); ok {
		out.Kappa = &kappa
	}
	return out
}

// scores are pairs of scores: some of them, and what can be said of all.
type scores struct {
	sample     stat.Sample[[2]float64]
	difference stat.Moments
	within     int64
	worst      []ScoreWorst // the farthest apart first
}

func (s *scores) add(id string, live, mirror float64, t Tolerance) {
	s.sample.Add([2]float64{live, mirror})
	s.difference.Add(mirror - live)
	if t.covers(live, mirror) {
		s.within++
	}
	w := ScoreWorst{RequestID: id, Live: live, Mirror: mirror}
	if len(s.worst) == worstScores && w.distance() <= s.worst[worstScores-1].distance() {
		return
	}
	i, _ := slices.BinarySearchFunc(s.worst, w, func(a, b ScoreWorst) int { return cmp.Compare(b.distance(), a.distance()) })
	s.worst = slices.Insert(s.worst, i, w)
	s.worst = s.worst[:min(len(s.worst), worstScores)]
}

func (w ScoreWorst) distance() float64 { return math.Abs(w.Mirror - w.Live) }

func (s *scores) report(t Tolerance) (*Scores, *Drift) {
	n := s.sample.N()
	if n == 0 {
		return nil, nil
	}
	live, mirror, difference := s.sorted()
	q := func(p float64) float64 { return stat.Quantile(p, difference) }
	out := &Scores{
		Pairs: n, Tolerance: t, WithinTolerance: share(s.within, n), Bias: s.difference.Mean(), Worst: s.worst,
		Quantiles: Quantiles{P1: q(.01), P5: q(.05), P25: q(.25), P50: q(.5), P75: q(.75), P95: q(.95), P99: q(.99)},
		live:      live, mirror: mirror, difference: difference,
	}
	if in, ok := s.difference.Interval(Level); ok {
		out.BiasInterval = &in
	}
	return out, &Drift{
		PSI: stat.PSI(live, mirror), KS: stat.KolmogorovSmirnov(live, mirror), Wasserstein: stat.Wasserstein(live, mirror),
	}
}

// sorted are the scores of both sides and their differences.
func (s *scores) sorted() (live, mirror, difference []float64) {
	for _, pair := range s.sample.Values() {
		live, mirror, difference = append(live, pair[0]), append(mirror, pair[1]), append(difference, pair[1]-pair[0])
	}
	slices.Sort(live)
	slices.Sort(mirror)
	slices.Sort(difference)
	return live, mirror, difference
}

// shapes are how often something was there on one side only, by its place.
type shapes map[string]*Shape

func (s shapes) add(changes []records.Change) {
	for _, c := range changes {
		if (c.Live == "") == (c.Mirror == "") {
			continue // a value differs, the shape does not
		}
		path := anyElement(c.Path)
		shape := s[path]
		if shape == nil {
			if len(s) >= maxPaths {
				continue
			}
			path = strings.Clone(path)
			shape = &Shape{Path: path}
			s[path] = shape
		}
		if c.Live != "" {
			shape.Vanished++
		} else {
			shape.Appeared++
		}
	}
}

// anyElement is a path with * for the numbers of elements.
func anyElement(path string) string {
	tokens := strings.Split(path, "/")
	for i, token := range tokens {
		if token != "" && strings.Trim(token, "0123456789") == "" {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, "/")
}

func (s shapes) report() []Shape {
	out := []Shape{}
	for _, shape := range s {
		out = append(out, *shape)
	}
	slices.SortFunc(out, func(a, b Shape) int {
		return cmp.Or(cmp.Compare(b.Vanished+b.Appeared, a.Vanished+a.Appeared), cmp.Compare(a.Path, b.Path))
	})
	return out[:min(len(out), shownTop)]
}
