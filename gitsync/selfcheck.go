package gitsync

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// How long what is held is trusted: it is read anew after so many changes that
// were added to it, or after this time.
const (
	trustedChanges = 100
	trustedTime    = 24 * time.Hour
)

// trust is how long what is held has been added to.
type trust struct {
	changes int
	since   time.Time
}

func (t trust) ended(now time.Time) bool {
	return t.changes >= trustedChanges || now.Sub(t.since) >= trustedTime
}

// selfCheck reads a revision anew when it has been trusted for long enough, and
// gives what was read if that differs. It is for when no branch has moved, so that
// nobody waits for it who has pushed. A check that cannot be made says nothing
// about what is held; the next one is as far away as after any other.
func (r *repository) selfCheck(ctx context.Context, s session, held *Revision) *Revision {
	if r.trust.since.IsZero() {
		r.trust.since = time.Now()
	}
	if !r.checks || !r.trust.ended(time.Now()) {
		return held
	}
	r.trust = trust{since: time.Now()}
	into := newStore(r.max)
	anew, err := r.anew(ctx, s, into, held)
	if err != nil || same(held, anew) {
		return held
	}
	r.cost.Differed = true
	r.store = into
	return anew
}

// anew reads the commits of a revision into an empty store.
func (r *repository) anew(ctx context.Context, s session, into *store, held *Revision) (*Revision, error) {
	var commits []plumbing.Hash
	for _, head := range held.Heads {
		if h := plumbing.NewHash(head.Commit); !slices.Contains(commits, h) {
			commits = append(commits, h)
		}
	}
	if err := s.fetch(ctx, into, commits); err != nil {
		return nil, err
	}
	out := &Revision{Branch: held.Branch, Heads: map[string]Head{}}
	for branch, head := range held.Heads {
		read, err := into.head(plumbing.NewHash(head.Commit), r.folders)
		if err != nil {
			return nil, err
		}
		out.Heads[branch] = read
	}
	into.complete = commits
	into.retain()
	return out, nil
}

// same tells whether two revisions have the same commits, and the same content in
// them, which only a fault of ours or of the machine makes two different things.
func same(a, b *Revision) bool {
	return maps.EqualFunc(a.Heads, b.Heads, func(a, b Head) bool {
		one, _ := a.Tree.(tree)
		other, _ := b.Tree.(tree)
		return a.Commit == b.Commit && one.root != nil && other.root != nil && one.root.same(other.root)
	})
}

// same compares content. The sizes of files that are not held are not always known.
func (n *node) same(other *node) bool {
	return n == other || n.name == other.name && n.mode == other.mode &&
		(n.data == nil) == (other.data == nil) && bytes.Equal(n.data, other.data) &&
		slices.EqualFunc(n.entries, other.entries, (*node).same)
}
