package series

import (
	"hash/maphash"
	"sync"
	"time"
	"unsafe"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Options sets a Store up. What is zero gets its default.
type Options struct {
	Step   time.Duration // what one slot counts; 5 s
	Span   time.Duration // how far back the store remembers; an hour
	Budget int64         // bytes of slots; 64 MiB
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
	return o
}

// Key names one series: a backend or a mirror of an endpoint.
type Key struct {
	Endpoint string
	Name     string // of the backend or mirror
	Mirror   bool
}

// shards spread the series, so that records of different backends seldom wait
// for the same lock.
const shards = 16

// Store holds the series of all backends and mirrors. It is safe for concurrent
// use.
type Store struct {
	step   time.Duration
	pages  int64 // in Span
	seed   maphash.Seed
	shards [shards]shard
}

// shard is a part of the series, with its own part of the budget.
type shard struct {
	mu     sync.Mutex
	series map[Key]*line
	pages  []*page // in the order in which they were begun, from first on
	first  int
	most   int // how many pages there may be
}

// line is one series: its pages by their number modulo the length.
type line struct {
	key   Key
	pages []*page
	held  int // pages that are not nil
}

// slotsOfPage is how many slots are made at once.
const slotsOfPage = 12

// page is some successive slots of one series.
type page struct {
	line   *line
	number int64 // how many pages of time came before since 1970
	slots  [slotsOfPage]slot
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
	s := &Store{step: o.Step, seed: maphash.MakeSeed()}
	s.pages = max(1, int64((o.Span+s.page()-1)/s.page())) + 1 // the current one is not full
	for i := range s.shards {
		s.shards[i].series = map[Key]*line{}
		s.shards[i].most = int(max(1, o.Budget/shards/int64(unsafe.Sizeof(page{}))))
	}
	return s
}

// Step is what one slot counts.
func (s *Store) Step() time.Duration { return s.step }

func (s *Store) page() time.Duration { return s.step * slotsOfPage }

func (s *Store) shard(k Key) *shard {
	return &s.shards[maphash.Comparable(s.seed, k)%shards]
}

// Add counts a record at the time at which it ended. It keeps nothing of it.
func (s *Store) Add(r *record.Record) {
	k := Key{Endpoint: r.Endpoint, Name: r.Backend, Mirror: r.Role == record.Mirror}
	at := r.End.UnixNano() / int64(s.step)
	sh := s.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.series[k]
	if l == nil {
		l = &line{key: k, pages: make([]*page, s.pages)}
		sh.series[k] = l
	}
	if p := sh.page(l, at/slotsOfPage); p != nil {
		p.slots[at%slotsOfPage].add(r)
	}
}

// page finds or begins a page. There is none for what ended before all that the
// line remembers.
func (sh *shard) page(l *line, number int64) *page {
	place := &l.pages[number%int64(len(l.pages))]
	if p := *place; p != nil {
		if p.number == number {
			return p
		}
		if p.number > number {
			return nil
		}
	}
	p := sh.room()
	if old := *place; old != nil { // a lap ago; room has not just taken it
		old.line = nil
		l.held--
	}
	*p = page{line: l, number: number}
	*place = p
	l.held++
	sh.pages = append(sh.pages, p)
	sh.series[l.key] = l // room may have dropped it as empty
	return p
}

// room gives memory for a page: new, or that of the oldest ones.
func (sh *shard) room() *page {
	if len(sh.pages)-sh.first < sh.most {
		return &page{}
	}
	oldest := sh.pages[sh.first]
	sh.pages[sh.first] = nil
	sh.first++
	if sh.first > len(sh.pages)/2 {
		sh.pages = append(sh.pages[:0], sh.pages[sh.first:]...)
		sh.first = 0
	}
	if l := oldest.line; l != nil {
		l.pages[oldest.number%int64(len(l.pages))] = nil
		l.held--
		if l.held == 0 {
			delete(sh.series, l.key)
		}
	}
	return oldest
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
