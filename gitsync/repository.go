package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// source is a place that a repository can be read from: one behind a network
// transport, or one on this machine.
type source interface {
	// open asks where the references stand.
	open(ctx context.Context) (session, error)
	close()
}

// session is one visit to a source.
type session interface {
	// tip gives the commit that a full reference name points at.
	tip(ref string) (h plumbing.Hash, found bool, err error)
	// resolve finds the commit of a branch, tag or commit name.
	resolve(rev string) (plumbing.Hash, error)
	// fetch brings what the store lacks of commits: their trees and the files
	// directly in folders, and maybe more. Large blobs may be left out.
	fetch(ctx context.Context, into *store, commits []plumbing.Hash) error
	close()
}

// repository turns what a source holds into revisions. One goroutine uses it.
type repository struct {
	source  source
	branch  string
	folders []string
	named   func(fs.FS) []string
	max     int64
	timeout time.Duration
	again   []time.Duration // waits before further attempts after a broken read
	renew   func() (source, error)

	names  []string          // branches that were named when last looked
	barren plumbing.Hash     // a commit of the endpoints branch that has no endpoints
	store  *store            // nil until a read needs objects, and after an error
	last   *Revision         // what the last read gave
	nodes  map[nodeKey]*node // files of last, shared with the next
	cost   Fetched           // of the read that runs
}

// nodeKey identifies a node by content and name.
type nodeKey struct {
	h    plumbing.Hash
	name string
	mode fs.FileMode
}

// read gives the revision at the tips, and what reading it cost, also when it
// fails. It is the previous one, the same pointer, when no tip has moved.
func (r *repository) read(ctx context.Context) (*Revision, Fetched, error) {
	r.cost = Fetched{}
	revision, err := r.readAt(ctx, "")
	return revision, r.cost, err
}

// rebuild lets go of all that was made since the start, connections, objects
// and what was read from files such as certificates, but for the last revision:
// whatever may have gone wrong in there ends here. On an error the source stays
// as it was.
func (r *repository) rebuild() error {
	r.store, r.nodes, r.barren = nil, nil, plumbing.ZeroHash
	made, err := r.renew()
	if err != nil {
		return err
	}
	r.source.close()
	r.source = made
	return nil
}

// readAt is read with the endpoints branch at rev instead of its tip, if rev is given.
func (r *repository) readAt(parent context.Context, rev string) (*Revision, error) {
	ctx, cancel := context.WithTimeout(parent, r.timeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		fresh := r.store == nil
		got, err := r.attempt(ctx, rev)
		if err == nil {
			r.last = got
			return got, nil
		}
		r.store, r.nodes = nil, nil
		if ctx.Err() != nil && parent.Err() == nil {
			return nil, timeoutError(r.timeout)
		}
		if ctx.Err() != nil || attempt >= len(r.again) || !repairable(err, fresh) {
			return nil, err
		}
		wait(ctx, r.again[attempt])
	}
}

// repairable tells whether a fresh fetch may succeed where a read failed.
func repairable(err error, fresh bool) bool {
	return errors.Is(err, errBroken) || errors.Is(err, ErrTooLarge) && !fresh
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// attempt reads once. A panic in here is go-git's, met while decoding what
// others sent; it must not end the gateway.
func (r *repository) attempt(ctx context.Context, rev string) (got *Revision, err error) {
	defer func() {
		if p := recover(); p != nil {
			got, err = nil, fmt.Errorf("%w: go-git gave up on what was sent: %v", errBroken, p)
		}
	}()
	begin := time.Now()
	s, err := r.source.open(ctx)
	r.cost.List += time.Since(begin)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if r.last != nil && rev == "" {
		if same, err := r.unmoved(s); err != nil || same {
			if same {
				r.cost.Mode = ModeUnchanged
			}
			return r.last, err
		}
	}
	r.cost.Mode = r.cost.Mode.next(r.store != nil)
	begin = time.Now()
	defer func() { r.cost.Fetch += time.Since(begin) }()
	return r.build(ctx, s, rev)
}

// unmoved tells whether every branch that the last revision watched, those
// that did not exist included, is where it was.
func (r *repository) unmoved(s session) (bool, error) {
	for _, branch := range r.watch(r.last) {
		h, found, err := s.tip(branchRef(branch))
		if err != nil {
			return false, err
		}
		head, had := r.last.Heads[branch]
		if found != had || found && head.Commit != h.String() {
			return false, nil
		}
	}
	return true, nil
}

func branchRef(branch string) string { return "refs/heads/" + branch }

// resume takes a revision of an earlier run for the last one read.
func (r *repository) resume(rev *Revision) {
	r.last, r.names = rev, r.watch(rev)
}

// watch is the endpoints branch of a revision and those that its tree names, each once.
func (r *repository) watch(rev *Revision) []string {
	return r.watched(rev.Heads[r.branch].Tree)
}

func (r *repository) watched(t fs.FS) []string {
	out := []string{r.branch}
	if r.named == nil {
		return out
	}
	for _, branch := range r.named(t) {
		if !slices.Contains(out, branch) {
			out = append(out, branch)
		}
	}
	return out
}

// build makes a revision of the tips. Branches that were named before are
// fetched together with the endpoints branch; one that is named for the first
// time costs a second request within the same session.
func (r *repository) build(ctx context.Context, s session, rev string) (*Revision, error) {
	root, err := r.root(s, rev)
	if err != nil {
		return nil, err
	}
	if root == r.barren {
		return nil, r.noEndpoints(root)
	}
	if r.store == nil {
		r.store, r.nodes = newStore(r.max), nil
	}
	tips := map[string]plumbing.Hash{r.branch: root}
	if err := r.tips(s, tips, r.names); err != nil {
		return nil, err
	}
	if err := r.fetch(ctx, s, tips); err != nil {
		return nil, err
	}
	c := newCopier(r)
	head, err := c.head(root)
	if err != nil {
		return nil, err
	}
	if n := head.Tree.(tree).root.child(r.folders[0]); n == nil || !n.IsDir() {
		r.barren = root
		return nil, r.noEndpoints(root)
	}
	return r.complete(ctx, s, c, head, root)
}

func (r *repository) noEndpoints(commit plumbing.Hash) error {
	return &problem{kind: ErrNoEndpoints, detail: fmt.Sprintf("folder %s/, branch %s, commit %s", r.folders[0], r.branch, commit)}
}

// root is the commit of the endpoints branch.
func (r *repository) root(s session, rev string) (plumbing.Hash, error) {
	if rev != "" {
		return s.resolve(rev)
	}
	h, found, err := s.tip(branchRef(r.branch))
	if err == nil && !found {
		err = &problem{kind: ErrNoBranch, detail: "branch " + r.branch}
	}
	return h, err
}

// tips adds where branches stand; those that do not exist stay absent.
func (r *repository) tips(s session, into map[string]plumbing.Hash, branches []string) error {
	for _, branch := range branches {
		if _, known := into[branch]; known {
			continue
		}
		h, found, err := s.tip(branchRef(branch))
		if err != nil {
			return err
		}
		if found {
			into[branch] = h
		}
	}
	return nil
}

// fetch brings the commits that are not complete in the store.
func (r *repository) fetch(ctx context.Context, s session, tips map[string]plumbing.Hash) error {
	var missing []plumbing.Hash
	asked := map[plumbing.Hash]bool{}
	for _, h := range r.store.complete {
		asked[h] = true
	}
	for _, h := range tips {
		if !asked[h] {
			asked[h] = true
			missing = append(missing, h)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := s.fetch(ctx, r.store, missing); err != nil {
		return err
	}
	r.store.complete = append(r.store.complete, missing...) // proven when they are copied
	return nil
}

// complete adds the branches that the endpoints branch's tree names to its head.
func (r *repository) complete(ctx context.Context, s session, c *copier, head Head, root plumbing.Hash) (*Revision, error) {
	tips := map[string]plumbing.Hash{r.branch: root}
	r.names = r.watched(head.Tree)
	if err := r.tips(s, tips, r.names); err != nil {
		return nil, err
	}
	if err := r.fetch(ctx, s, tips); err != nil {
		return nil, err
	}
	out := &Revision{Branch: r.branch, Heads: map[string]Head{r.branch: head}}
	r.store.complete = r.store.complete[:0]
	for branch, h := range tips {
		if branch != r.branch {
			other, err := c.head(h)
			if err != nil {
				return nil, err
			}
			out.Heads[branch] = other
		}
		r.store.complete = append(r.store.complete, h)
	}
	r.nodes = c.nodes
	r.store.retain(c.used)
	return out, nil
}
