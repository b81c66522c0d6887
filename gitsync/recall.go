package gitsync

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// recall keeps the last revisions that served where there is no state folder, so
// that somebody can look at what changed. Nothing of it outlives the process,
// which is why nobody can go back to one. Revisions share the files that they have
// in common.
type recall struct {
	from origin
	most int

	mu  sync.Mutex
	all []remembered // the newest last
}

type remembered struct {
	Kept
	revision *Revision
}

const (
	// mostRemembered bounds, in bytes, what the revisions take together; the newest
	// one is kept, however large, as it serves.
	mostRemembered = 64 << 20
	nodeBytes      = 128 // of a file or folder beside its content and name
)

// save keeps a revision as the newest one, as archive.save does. was is the one
// that was kept before it, or nil.
func (m *recall) save(r, was *Revision, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	number := 1
	if len(m.all) > 0 {
		number = m.all[len(m.all)-1].Number + 1
	}
	kept := newKeptHead(r, m.from, number, changes(was, r), now).kept()
	m.all = slices.DeleteFunc(m.all, func(old remembered) bool { return old.key() == kept.key() })
	m.all = append(m.all, remembered{kept, r.bare()})
	for len(m.all) > m.most || len(m.all) > 1 && m.bytes() > mostRemembered {
		m.all = slices.Delete(m.all, 0, 1)
	}
}

// bytes are what the revisions take together.
func (m *recall) bytes() (n int64) {
	var was *Revision
	for _, r := range m.all {
		for branch := range r.revision.Heads {
			n += beside(was.root(branch), r.revision.root(branch))
		}
		was = r.revision
	}
	return n
}

// beside is how many bytes a folder takes beside another one, whose nodes it may
// share. Both are sorted by name.
func beside(was, is []*node) (n int64) {
	for _, entry := range is {
		for len(was) > 0 && was[0].name < entry.name {
			was = was[1:]
		}
		var before []*node
		if len(was) > 0 && was[0].name == entry.name {
			if was[0] == entry {
				continue
			}
			before = was[0].entries
		}
		n += nodeBytes + int64(len(entry.name)+len(entry.data)) + beside(before, entry.entries)
	}
	return n
}

// list describes all of them, the newest first.
func (m *recall) list() []Kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Kept, 0, len(m.all))
	for _, r := range slices.Backward(m.all) {
		out = append(out, r.Kept)
	}
	return out
}

func (m *recall) load(number int) (*Revision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.all {
		if r.Number == number {
			return r.revision, nil
		}
	}
	return nil, fmt.Errorf("%w: there is no number %d", ErrNotKept, number)
}
