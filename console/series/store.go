package series

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Options sets a Store up. What is zero gets its default.
type Options struct {
	Step   time.Duration // what one slot counts; 5 s
	Span   time.Duration // how far back the store remembers; an hour
	Budget int64         // bytes of memory for all series; 64 MiB

	Now func() time.Time // is asked where a record is late; time.Now
}

func (o Options) withDefaults() Options {
	if o.Step <= 0 {
		o.Step = 5 * time.Second
	}
	if o.Span <= 0 {
		o.Span = time.Hour
	}
	if o.Budget <= 0 {
		o.Budget = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Key names one series: a backend or a mirror of an endpoint.
type Key struct {
	Endpoint string
	Name     string // of the backend or mirror
	Mirror   bool
}

// shards spread the series, so that records of different endpoints seldom wait
// for the same lock.
const shards = 16

// Store holds the series of all backends and mirrors. It is safe for concurrent
// use.
type Store struct {
	step   time.Duration
	now    func() time.Time
	seed   maphash.Seed
	shards [shards]shard
}

// shard is a part of the series, with its own part of the budget.
type shard struct {
	mu     sync.Mutex
	series map[Key]*line
	chunks []*chunk // in the order in which they were begun, from first on
	first  int
	span   int64 // steps that are remembered
	budget int64
}

// line is one series: the steps that still count, and those that are over.
type line struct {
	key  Key
	at   int64    // the newest step, in steps since 1970
	open [2]slot  // at-1 and at, each at its step modulo 2
	past []*chunk // the oldest first
}

// slot counts what ended within one step.
type slot struct {
	requests, errors, canceled, dropped uint32
	compared, agreed                    uint32
	latencies                           [len(bounds) + 1]uint32
}

// New makes a store that has counted nothing yet.
func New(o Options) *Store {
	o = o.withDefaults()
	s := &Store{step: o.Step, now: o.Now, seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i] = shard{series: map[Key]*line{}, span: int64((o.Span + o.Step - 1) / o.Step), budget: o.Budget / shards}
	}
	return s
}

// Step is what one slot counts.
func (s *Store) Step() time.Duration { return s.step }

func (s *Store) shard(k Key) *shard {
	return &s.shards[maphash.String(s.seed, k.Endpoint)%shards]
}

// Add counts a record at the time at which it ended, and keeps nothing of it. A
// record that comes more than a step late, such as that of a copy which waited to
// be compared, counts in the last step but one. A series that has counted in the
// future, because the clock was ahead, begins anew once the clock is set back.
func (s *Store) Add(r *record.Record) {
	k := Key{Endpoint: r.Endpoint, Name: r.Backend, Mirror: r.Role == record.Mirror}
	at := r.End.UnixNano() / int64(s.step)
	sh := s.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.series[k]
	if l == nil || at < l.at-1 && s.isAhead(l) {
		l = sh.begin(k, at) // what it has kept goes when its time comes
	}
	switch {
	case at > l.at:
		sh.advance(l, at)
	case at < l.at-sh.span:
		return
	case at < l.at-1:
		at = l.at - 1
	}
	l.open[at&1].add(r)
}

// mostAhead is how many steps a series may be in the future before it begins anew: a clock
// that is set right by less costs no past.
const mostAhead = 12

// isAhead reports whether a series has counted in the future.
func (s *Store) isAhead(l *line) bool { return l.at > s.now().UnixNano()/int64(s.step)+mostAhead }

// begin makes a series, and looks whether one or two others have been silent for
// so long that they can go. There are as many series, then, as endpoints need.
func (sh *shard) begin(k Key, at int64) *line {
	look := 2
	for other, l := range sh.series {
		if l.at < at-sh.span && len(l.past) == 0 {
			delete(sh.series, other)
		}
		if look--; look == 0 {
			break
		}
	}
	l := &line{key: k, at: at}
	sh.series[k] = l
	return l
}

// advance makes at the newest step, and keeps what the steps before have counted
// but for the one just before.
func (sh *shard) advance(l *line, at int64) {
	for step := l.at - 1; step <= min(l.at, at-2); step++ {
		if s := &l.open[step&1]; *s != (slot{}) {
			sh.keep(l, step, s)
			*s = slot{}
		}
	}
	l.at = at
}

// keep puts a step that is over to the past of its series.
func (sh *shard) keep(l *line, step int64, s *slot) {
	if n := len(l.past); n == 0 || !l.past[n-1].append(step, s) {
		c := sh.room(step)
		*c = chunk{line: l, first: step, last: step}
		c.append(step, s)
		l.past = append(l.past, c)
		sh.chunks = append(sh.chunks, c)
	}
}

// room gives memory for a chunk: new, or that of the oldest one. What is too old
// to be remembered goes.
func (sh *shard) room(now int64) *chunk {
	var free *chunk
	for sh.first < len(sh.chunks) && (sh.full() || sh.chunks[sh.first].last < now-sh.span) {
		free = sh.chunks[sh.first]
		free.line.past = slices.Delete(free.line.past, 0, 1) // the oldest of all is its series' oldest
		sh.chunks[sh.first] = nil
		sh.first++
	}
	if sh.first > len(sh.chunks)/2 {
		sh.chunks = append(sh.chunks[:0], sh.chunks[sh.first:]...)
		sh.first = 0
	}
	if free == nil {
		free = &chunk{}
	}
	return free
}

// full reports whether one more chunk is more than the budget.
func (sh *shard) full() bool {
	chunks, lines := int64(len(sh.chunks)-sh.first+1), int64(len(sh.series))
	return chunks*int64(unsafe.Sizeof(chunk{}))+lines*int64(unsafe.Sizeof(line{})) > sh.budget
}

// add counts one attempt.
func (s *slot) add(r *record.Record) {
	if r.Outcome == record.Dropped {
		s.dropped++
		return
	}
	s.requests++
	switch r.Outcome {
	case record.Error:
		s.errors++
	case record.Canceled:
		s.canceled++
	case record.OK, record.Dropped:
	}
	s.latencies[bucket(r.End.Sub(r.Start))]++
	if c := r.Comparison; c != nil && c.Agree != record.Unknown {
		s.compared++
		if c.Agree == record.Agrees {
			s.agreed++
		}
	}
}
