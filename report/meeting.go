package report

import (
	"hash/maphash"

	"github.com/switchyard-gateway/switchyard/records"
)

// maxWaiting is how many live attempts, and how many copies, wait for their other
// half. Records that are further apart than that are not paired.
const maxWaiting = 1 << 17

// side is what is known of one of the two attempts.
type side struct {
	outcome  string
	duration float64
	ttfb     records.Number
	slices   []string // values of the keys that were asked for
}

// waiting is a copy whose live attempt has not been seen yet.
type waiting struct {
	mirror *mirror
	pair   pair
}

// meeting is where live attempts and copies of the same request meet, for records
// that do not say what became of the live attempt. It forgets what is oldest.
type meeting struct {
	seed   maphash.Seed
	lives  map[uint64]side
	order  []uint64 // of lives, going round
	next   int
	copies map[uint64][]waiting
	late   []uint64 // of copies, going round
	last   int
}

func newMeeting() *meeting {
	return &meeting{seed: maphash.MakeSeed(), lives: map[uint64]side{}, copies: map[uint64][]waiting{}}
}

func (m *meeting) key(id string) uint64 { return maphash.String(m.seed, id) }

// find is the live attempt of a request.
func (m *meeting) find(id string) (side, bool) {
	s, ok := m.lives[m.key(id)]
	return s, ok
}

// arrive notes a live attempt, and gives the copies that waited for it.
func (m *meeting) arrive(id string, s side) []waiting {
	key := m.key(id)
	if _, again := m.lives[key]; !again {
		if len(m.order) < maxWaiting {
			m.order = append(m.order, key)
		} else {
			delete(m.lives, m.order[m.next])
			m.order[m.next] = key
			m.next = (m.next + 1) % maxWaiting
		}
	}
	m.lives[key] = s
	found := m.copies[key]
	delete(m.copies, key)
	return found
}

// wait keeps a copy until its live attempt arrives.
func (m *meeting) wait(id string, w waiting) {
	key := m.key(id)
	if len(m.late) < maxWaiting {
		m.late = append(m.late, key)
	} else {
		m.forget(m.late[m.last])
		m.late[m.last] = key
		m.last = (m.last + 1) % maxWaiting
	}
	m.copies[key] = append(m.copies[key], w)
}

// forget gives up the oldest of the copies that wait with a key.
func (m *meeting) forget(key uint64) {
	all := m.copies[key]
	if len(all) == 0 {
		return // it has met its live attempt
	}
	all[0].mirror.alone++
	if len(all) == 1 {
		delete(m.copies, key)
		return
	}
	m.copies[key] = all[1:]
}

// waitingFor is how many copies of a mirror never met their live attempt.
func (m *meeting) waitingFor(of *mirror) int64 {
	n := of.alone
	for _, all := range m.copies {
		for _, w := range all {
			if w.mirror == of {
				n++
			}
		}
	}
	return n
}
