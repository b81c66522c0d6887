package commitstatus

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// maxWaiting is how many commits may wait to be told of; when there are more,
// the oldest is dropped.
const maxWaiting = 32

// waiting is a status that is to be told.
type waiting struct {
	Status
	tries int
	due   time.Time
}

// queue holds what is to be told: of each commit, the latest status.
type queue struct {
	mu     sync.Mutex
	all    []waiting // by age
	latest []Status  // what was noted last of each of the last commits, the newest last
	paused time.Time // the forge asked for silence until then
}

// add notes a status, and reports whether there is anything new to tell and
// whether one that waited was dropped for it. A commit that is checked again
// keeps the status that it has until there is another.
func (q *queue) add(s Status, now time.Time) (added, dropped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := q.of(s.Commit)
	if last != nil && (s == *last || s.State == Pending && last.State != Pending) {
		return false, false
	}
	q.note(s)
	q.remove(s.Commit)
	if len(q.all) == maxWaiting {
		q.all, dropped = slices.Delete(q.all, 0, 1), true
	}
	q.all = append(q.all, waiting{Status: s, due: now})
	return true, dropped
}

// of is what was noted last of a commit; nil if that is not known.
func (q *queue) of(commit string) *Status {
	if i := slices.IndexFunc(q.latest, func(s Status) bool { return s.Commit == commit }); i >= 0 {
		return &q.latest[i]
	}
	return nil
}

func (q *queue) note(s Status) {
	q.latest = slices.DeleteFunc(q.latest, func(o Status) bool { return o.Commit == s.Commit })
	if len(q.latest) == maxWaiting {
		q.latest = slices.Delete(q.latest, 0, 1)
	}
	q.latest = append(q.latest, s)
}

func (q *queue) remove(commit string) {
	q.all = slices.DeleteFunc(q.all, func(w waiting) bool { return w.Commit == commit })
}

// again puts back what could not be told, unless there is something newer to
// tell of the commit, or no room.
func (q *queue) again(w waiting) (dropped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slices.ContainsFunc(q.all, func(o waiting) bool { return o.Commit == w.Commit }) {
		return false
	}
	if len(q.all) == maxWaiting {
		return true
	}
	q.all = slices.Insert(q.all, 0, w)
	return false
}

// pause lets nothing be told before a time.
func (q *queue) pause(until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.paused = until
}

// take gives what is to be told now; else how long to wait, 0 if for ever.
func (q *queue) take(now time.Time) (next *waiting, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) == 0 {
		return nil, 0
	}
	first := 0
	for i, w := range q.all {
		if w.due.Before(q.all[first].due) {
			first = i
		}
	}
	w := q.all[first]
	if w.due.Before(q.paused) {
		w.due = q.paused
	}
	if wait := w.due.Sub(now); wait > 0 {
		return nil, wait
	}
	q.all = slices.Delete(q.all, first, first+1)
	return &w, 0
}

// maxDescription is what GitHub takes, in characters.
const maxDescription = 140

// describe makes one line of at most maxDescription characters.
func describe(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > maxDescription {
		runes = append(runes[:maxDescription-3], '.', '.', '.')
	}
	return string(runes)
}
