package gitsync

import (
	"bytes"
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
	// open asks where references stand, which are given by their full names.
	open(ctx context.Context, refs []string) (session, error)
	// received counts the bytes that came over the network so far.
	received() int64
	close()
}

// session is one visit to a source.
type session interface {
	// tips gives the commits that references point at. Those that do not exist
	// are left out.
	tips(ctx context.Context, refs []string) (references, error)
	// resolve finds the commit of a branch, tag or commit name.
	resolve(ctx context.Context, rev string) (plumbing.Hash, error)
	// branches gives the names of branches, at most so many.
	branches(ctx context.Context, most int) ([]string, error)
	// fetch brings what the store lacks of commits: their trees and the files
	// directly in folders, and maybe more. Of files that are too large it may
	// leave a mark only.
	fetch(ctx context.Context, into *store, commits []plumbing.Hash) error
	// tree brings one tree of a commit or, without a name of a tree, the commit
	// with its top tree, and maybe more.
	tree(ctx context.Context, into *store, commit, tree plumbing.Hash) error
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
	bare    func(commit string) bool // whether a commit without endpoints folder is read; nil: never

	names  []string      // branches that were named when last looked
	barren plumbing.Hash // a commit of the endpoints branch that has no endpoints
	store  *store        // nil until a read needs objects, and after an error
	last   *Revision     // what the last read gave
	watch  []string      // the endpoints branch and those that last names
	cost   Fetched       // of the read that runs
	checks bool          // whether what is held is read anew from time to time
	trust  trust
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
	r.store, r.barren = nil, plumbing.ZeroHash
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
			r.last, r.watch = got, r.names
			return got, nil
		}
		r.store = nil
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
	defer recovered(&err)
	begin, before := time.Now(), r.source.received()
	defer func() { r.cost.Bytes += r.source.received() - before }()
	s, err := r.source.open(ctx, r.refs(r.names))
	r.cost.List += time.Since(begin)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if r.last != nil && rev == "" {
		if same, err := r.unmoved(ctx, s); err != nil || same {
			if same {
				r.cost.Mode = ModeUnchanged
				return r.selfCheck(ctx, s, r.last), nil
			}
			return nil, err
		}
	}
	held := r.store != nil
	r.cost.Mode = r.cost.Mode.next(held)
	begin = time.Now()
	defer func() { r.cost.Fetch += time.Since(begin) }()
	got, err = r.build(ctx, s, rev)
	if err != nil || rev != "" {
		return got, err
	}
	if r.trust.changes++; !held {
		r.trust = trust{since: time.Now()}
	}
	return got, nil
}

// recovered makes a panic an error; it is to be deferred.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: go-git gave up on what was sent: %v", errBroken, p)
	}
}

// unmoved tells whether every branch that the last revision watched, those
// that did not exist included, is where it was.
func (r *repository) unmoved(ctx context.Context, s session) (bool, error) {
	tips, err := s.tips(ctx, r.refs(r.watch))
	if err != nil {
		return false, err
	}
	for _, branch := range r.watch {
		h, found := tips[branchRef(branch)]
		head, had := r.last.Heads[branch]
		if found != had || found && head.Commit != h.String() {
			return false, nil
		}
	}
	return true, nil
}

func branchRef(branch string) string { return headsPrefix + branch }

// refs are the full names of the endpoints branch and of branches, each once.
func (r *repository) refs(branches []string) []string {
	out := []string{branchRef(r.branch)}
	for _, branch := range branches {
		if ref := branchRef(branch); branch != r.branch && validRef(plumbing.ReferenceName(ref)) {
			out = append(out, ref)
		}
	}
	return out
}

// resume takes a revision of an earlier run for the last one read.
func (r *repository) resume(rev *Revision) {
	r.names = r.watched(rev.Heads[r.branch].Tree)
	r.last, r.watch = rev, r.names
}

// watched are the endpoints branch and those that its tree names, each once.
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
	root, err := r.root(ctx, s, rev)
	if err != nil {
		return nil, err
	}
	if root == r.barren && !r.mayBeBare(root) {
		return nil, r.noEndpoints(root)
	}
	if r.store == nil {
		r.store = newStore(r.max)
	}
	tips, err := r.tips(ctx, s, root)
	if err != nil {
		return nil, err
	}
	if err := r.fetch(ctx, s, tips); err != nil {
		return nil, err
	}
	head, err := r.store.head(root, r.folders)
	if err != nil {
		return nil, err
	}
	if n := head.Tree.(tree).root.child(r.folders[0]); n == nil && !r.mayBeBare(root) || n != nil && !n.IsDir() {
		r.barren = root
		return nil, r.noEndpoints(root)
	}
	return r.complete(ctx, s, head, root)
}

func (r *repository) noEndpoints(commit plumbing.Hash) error {
	return &problem{
		kind: ErrNoEndpoints, commit: commit.String(),
		detail: fmt.Sprintf("folder %s/, branch %s, commit %s", r.folders[0], r.branch, commit),
	}
}

func (r *repository) mayBeBare(commit plumbing.Hash) bool {
	return r.bare != nil && r.bare(commit.String())
}

// root is the commit of the endpoints branch.
func (r *repository) root(ctx context.Context, s session, rev string) (plumbing.Hash, error) {
	if rev != "" {
		return s.resolve(ctx, rev)
	}
	tips, err := s.tips(ctx, r.refs(nil))
	if err != nil {
		return plumbing.ZeroHash, err
	}
	h, found := tips[branchRef(r.branch)]
	if !found {
		return h, &problem{kind: ErrNoBranch, detail: "branch " + r.branch}
	}
	return h, nil
}

// tips are where the endpoints branch, at root, and the branches in r.names
// stand; those that do not exist are left out.
func (r *repository) tips(ctx context.Context, s session, root plumbing.Hash) (map[string]plumbing.Hash, error) {
	out := map[string]plumbing.Hash{r.branch: root}
	found, err := s.tips(ctx, r.refs(r.names))
	if err != nil {
		return nil, err
	}
	for _, branch := range r.names {
		if h, ok := found[branchRef(branch)]; ok && branch != r.branch {
			out[branch] = h
		}
	}
	return out, nil
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
func (r *repository) complete(ctx context.Context, s session, head Head, root plumbing.Hash) (*Revision, error) {
	r.names = r.watched(head.Tree)
	tips, err := r.tips(ctx, s, root)
	if err != nil {
		return nil, err
	}
	if err := r.fetch(ctx, s, tips); err != nil {
		return nil, err
	}
	out := &Revision{Branch: r.branch, Heads: map[string]Head{r.branch: head}}
	complete := []plumbing.Hash{root}
	for branch, h := range tips {
		if branch == r.branch {
			continue
		}
		other, err := r.store.head(h, r.folders)
		if err != nil {
			return nil, err
		}
		out.Heads[branch] = other
		complete = append(complete, h)
	}
	slices.SortFunc(complete, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	r.store.complete = slices.Compact(complete)
	r.store.retain()
	return out, nil
}
