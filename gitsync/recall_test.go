package gitsync

import (
	"fmt"
	"testing"
	"time"
)

// What revisions share counts once, and the oldest go when the rest is too much.
func TestRememberedRevisionsAreBoundedByWhatTheyTake(t *testing.T) {
	large := make([]byte, maxFile)
	files := func(from, to int) (all []*node) {
		for i := from; i < to; i++ {
			all = append(all, &node{name: fmt.Sprintf("%06d.yaml", i), size: maxFile, data: large})
		}
		return all
	}
	revision := func(commit string, entries []*node) *Revision {
		root := folder(".", []*node{folder("endpoints", entries)})
		return &Revision{Branch: "main", Heads: map[string]Head{"main": {Commit: commit, Tree: tree{root}}}}
	}
	m := &recall{from: origin{Branch: "main"}, most: 10}
	shared := files(0, 700)
	var was *Revision
	for i := range 10 {
		r := revision(fmt.Sprint("shared ", i), append(shared[:699:699], files(699+i, 700+i)...))
		m.save(r, was, time.Now())
		was = r
	}
	if got := len(m.list()); got != 10 {
		t.Errorf("of ten that share most of their files %d are kept", got)
	}
	for i := range 2 {
		r := revision(fmt.Sprint("own ", i), files(0, 700))
		m.save(r, was, time.Now())
		was = r
	}
	if got := m.bytes(); got > mostRemembered || len(m.list()) != 1 {
		t.Errorf("%d revisions take %d bytes", len(m.list()), got)
	}
}
