package gitsync

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Reason is why a revision is held.
type Reason string

// The reasons for holding a revision.
const (
	HeldVanished    Reason = "endpoints_vanished" // more than half of the endpoints, and more than five, are gone at once
	HeldNoEndpoints Reason = "no_endpoints"       // the endpoints branch has no endpoints folder
	HeldNoBranch    Reason = "no_branch"          // the endpoints branch is gone
	HeldEmpty       Reason = "empty_repository"   // the repository has no commits
)

// Held is a change that is more likely a mistake than meant, such as a branch
// that was emptied. It is not taken until it is accepted or another one
// follows; what serves goes on.
type Held struct {
	Reason   Reason
	Commit   string    // of the endpoints branch; empty when there is none that could be accepted
	Since    time.Time // when it was first seen
	Vanished []string  // the endpoints that are gone, sorted; for HeldVanished
	Of       int       // how many there were; for HeldVanished
	err      error     // for the others
}

// HeldError is the answer of Follower.Sync when the newest state of the
// repository is held. It is ErrVanished, ErrNoEndpoints, ErrNoBranch or ErrEmpty.
type HeldError struct {
	Commit string // of the endpoints branch; empty when there is none that could be accepted
	Reason Reason
	Err    error
}

// Error says what is held, why, and how it is confirmed.
func (e *HeldError) Error() string {
	if e.Commit == "" {
		return fmt.Sprintf("%v; this is held, and what serves goes on until the branch is back", e.Err)
	}
	return fmt.Sprintf("revision %s is held: %v; confirm it with POST /sync?accept=%s, or push another commit", e.Commit, e.Err, e.Commit)
}

// Unwrap gives the reason as an error.
func (e *HeldError) Unwrap() error { return e.Err }

func (h *Held) asError() *HeldError {
	err := h.err
	if h.Reason == HeldVanished {
		err = fmt.Errorf("%w: %d of %d: %s", ErrVanished, len(h.Vanished), h.Of, some(h.Vanished))
	}
	return &HeldError{Commit: h.Commit, Reason: h.Reason, Err: err}
}

// some is the beginning of a list, for a person.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// lost is what is held when a read ended with err; nil for any other error.
func lost(err error) *Held {
	for reason, kind := range map[Reason]error{HeldNoEndpoints: ErrNoEndpoints, HeldNoBranch: ErrNoBranch, HeldEmpty: ErrEmpty} {
		if !errors.Is(err, kind) {
			continue
		}
		held := &Held{Reason: reason, err: err}
		if p, ok := errors.AsType[*problem](err); ok {
			held.Commit = p.commit
		}
		return held
	}
	return nil
}

// fewestVanished is how many endpoints may always be removed at once.
const fewestVanished = 5

// suspicious is why a revision should not follow base without being asked for;
// nil if it may.
func suspicious(base, next *Revision, folder string) *Held {
	if base == nil {
		return nil
	}
	gone, of := vanished(base.endpoints(folder), next.endpoints(folder))
	if len(gone) <= fewestVanished || 2*len(gone) <= of {
		return nil
	}
	return &Held{Reason: HeldVanished, Commit: next.Commit(), Since: time.Now(), Vanished: gone, Of: of}
}

// endpoints is the folder of the endpoints; nil if there is none.
func (r *Revision) endpoints(folder string) *node {
	head, ok := r.Heads[r.Branch].Tree.(tree)
	if !ok || head.root == nil {
		return nil
	}
	n := head.root.child(folder)
	if n == nil || !n.IsDir() {
		return nil
	}
	return n
}

// vanished lists the documents of a folder that another lacks, by their names
// without extension, and tells how many documents the first has.
func vanished(was, is *node) (gone []string, of int) {
	if was == nil {
		return nil, 0
	}
	if is == nil {
		is = &node{}
	}
	left := is.entries
	for _, n := range was.entries {
		if !document(n) {
			continue
		}
		of++
		for len(left) > 0 && left[0].name < n.name {
			left = left[1:]
		}
		if len(left) > 0 && left[0].name == n.name && document(left[0]) {
			continue
		}
		stem := strings.TrimSuffix(n.name, path.Ext(n.name))
		if !document(is.child(stem+".yaml")) && !document(is.child(stem+".yml")) {
			gone = append(gone, stem)
		}
	}
	return gone, of
}

// document tells whether a node declares something.
func document(n *node) bool {
	return n != nil && n.mode.IsRegular() && (strings.HasSuffix(n.name, ".yaml") || strings.HasSuffix(n.name, ".yml"))
}

// hold keeps that something is held, and says so once.
func (f *Follower) hold(held *Held) {
	was := f.Status().Held
	again := was != nil && was.Reason == held.Reason && was.Commit == held.Commit
	if again {
		held.Since = was.Since
	}
	f.update(func(s *Status) {
		s.Held, s.Rejected = held, nil
		if !again {
			s.Totals = s.Totals.held(held.Reason)
		}
	})
	if !again {
		f.journal.held(held)
	}
}

// mayBeBare tells of a commit without an endpoints folder whether it is read
// nevertheless: when somebody accepts it, or what serves has no endpoints either.
func (f *Follower) mayBeBare(asked []*asking) func(commit string) bool {
	none := f.base != nil && f.base.endpoints(f.folder) == nil
	return func(commit string) bool { return none || accepts(asked, commit) }
}
