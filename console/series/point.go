package series

import (
	"slices"
	"time"
)

// bounds are the upper bounds of the buckets of latencies: half a millisecond,
// and half as much again each time, up to two minutes and a half.
var bounds = func() (b [32]time.Duration) {
	at := 500 * time.Microsecond
	for i := range b {
		b[i] = at
		at += at / 2
	}
	return b
}()

// bucket is the one that counts a latency.
func bucket(d time.Duration) int {
	i, _ := slices.BinarySearch(bounds[:], d)
	return i
}

// Point is what a series counted over some time.
type Point struct {
	Start     time.Time
	Span      time.Duration
	Requests  uint64 // attempts that ended: live requests, or copies that were sent
	Errors    uint64 // of them, with the outcome error
	Canceled  uint64 // of them, whose caller left
	Dropped   uint64 // copies that were not sent, or not to their end; not among Requests
	Compared  uint64 // copies whose answer was compared with the live one
	Agreed    uint64 // of them, that agreed
	latencies [len(bounds) + 1]uint64
}

// Rate is requests per second.
func (p *Point) Rate() float64 {
	if p.Span <= 0 {
		return 0
	}
	return float64(p.Requests) / p.Span.Seconds()
}

// ErrorRate is the share of requests that ended in an error; false when there
// were none.
func (p *Point) ErrorRate() (float64, bool) { return share(p.Errors, p.Requests) }

// Agreement is the share of compared copies that agreed; false when none was
// compared.
func (p *Point) Agreement() (float64, bool) { return share(p.Agreed, p.Compared) }

func share(part, of uint64) (float64, bool) {
	if of == 0 {
		return 0, false
	}
	return float64(part) / float64(of), true
}

// Quantile is the latency below which a share q of the requests stayed, in a
// straight line within its bucket; false when there were none.
func (p *Point) Quantile(q float64) (time.Duration, bool) {
	if p.Requests == 0 {
		return 0, false
	}
	rank, below := q*float64(p.Requests), 0.0
	for i, n := range p.latencies {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		low, high := edges(i)
		return low + time.Duration(float64(high-low)*(rank-below)/float64(n)), true
	}
	return bounds[len(bounds)-1], true
}

// edges are the bounds of a bucket; the last one has no upper one.
func edges(i int) (low, high time.Duration) {
	if i > 0 {
		low = bounds[i-1]
	}
	return low, bounds[min(i, len(bounds)-1)]
}

// Add adds what another point counted.
func (p *Point) Add(o *Point) {
	p.Requests += o.Requests
	p.Errors += o.Errors
	p.Canceled += o.Canceled
	p.Dropped += o.Dropped
	p.Compared += o.Compared
	p.Agreed += o.Agreed
	for i, n := range o.latencies {
		p.latencies[i] += n
	}
}

func (p *Point) add(s *slot) {
	p.Requests += uint64(s.requests)
	p.Errors += uint64(s.errors)
	p.Canceled += uint64(s.canceled)
	p.Dropped += uint64(s.dropped)
	p.Compared += uint64(s.compared)
	p.Agreed += uint64(s.agreed)
	for i, n := range s.latencies {
		p.latencies[i] += uint64(n)
	}
}

// Points are the last n points of a series up to now, the oldest first, each of
// some whole steps. The last one is of steps that are over: what is counted now
// is not among them.
func (s *Store) Points(k Key, now time.Time, n, steps int) []Point {
	steps = max(1, steps)
	end := now.UnixNano() / int64(s.step) / int64(steps) * int64(steps) // exclusive
	begin := end - int64(n)*int64(steps)
	points := make([]Point, n)
	for i := range points {
		points[i].Start = time.Unix(0, (begin+int64(i*steps))*int64(s.step))
		points[i].Span = s.step * time.Duration(steps)
	}
	s.each(k, begin, end, func(at int64, counted *slot) { points[(at-begin)/int64(steps)].add(counted) })
	return points
}

// Total is all that a series counted in the last span up to now, the step that
// is not over among it: the span of the point is what has passed of it, less than a
// step below the one that was asked for.
func (s *Store) Total(k Key, now time.Time, span time.Duration) Point {
	end := now.UnixNano()/int64(s.step) + 1
	begin := end - int64(span/s.step)
	p := Point{Start: time.Unix(0, begin*int64(s.step))}
	p.Span = now.Sub(p.Start)
	s.each(k, begin, end, func(_ int64, counted *slot) { p.add(counted) })
	return p
}

// each gives every slot of a series from begin up to and without end that counted
// something, and perhaps some that did not.
func (s *Store) each(k Key, begin, end int64, do func(at int64, counted *slot)) {
	sh := s.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.series[k]
	if l == nil {
		return
	}
	begin = max(begin, end-1-sh.span)
	within := func(at int64, counted *slot) {
		if at >= begin && at < end {
			do(at, counted)
		}
	}
	for _, c := range l.past {
		if c.last >= begin && c.first < end {
			c.each(within)
		}
	}
	for at := l.at - 1; at <= l.at; at++ {
		within(at, &l.open[at&1])
	}
}
