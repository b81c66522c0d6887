package gitsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/switchyard-gateway/switchyard/gitsync/signature"
)

// Verify says whose commits may serve.
type Verify struct {
	Keys signature.Keys // at least one file; read for each revision
	// AllowRewind lets a branch go back to a commit with an older committer date
	// than the one that served. Without it somebody who can push, but not sign,
	// cannot bring back what was signed long ago. What is pinned may always be older.
	AllowRewind bool
}

// proof checks the signatures of revisions. A nil one checks nothing. It belongs
// to Run's goroutine.
type proof struct {
	Verify
	folders []string
	floor   map[string]time.Time        // by branch, the newest date that served
	raised  bool                        // it is another than what was kept of it
	signers map[string]signature.Signer // of what was checked last
	used    *signature.Trusted          // the keys that refused a revision last; nil if none did
	failed  bool                        // the keys could not be read
}

// newProof reads the keys once, so that a mistake in them shows at the start.
func newProof(v *Verify, folders []string) (*proof, error) {
	if v == nil {
		return nil, nil
	}
	if _, err := v.Keys.Load(); err != nil {
		return nil, err
	}
	return &proof{Verify: *v, folders: folders, floor: map[string]time.Time{}}, nil
}

// proven is call after the revision's signatures; call may be nil.
func (f *Follower) proven(from Source, call func(context.Context, *Revision) error) func(context.Context, *Revision) error {
	return func(ctx context.Context, r *Revision) error {
		if err := f.proof.verify(r, from); err != nil {
			return err
		}
		if call == nil {
			return nil
		}
		return call(ctx, r)
	}
}

// verify proves that all branches of a revision are signed, and that none of
// them goes back, unless it is out of the state folder. Then it proves that its
// documents are those of the commits, which is known of what was just read.
func (p *proof) verify(r *Revision, from Source) error {
	if p == nil {
		return nil
	}
	p.used, p.failed = nil, false
	keys, err := p.Keys.Load()
	if err != nil {
		p.failed = true
		return fmt.Errorf("%w: %w", ErrUnverified, err)
	}
	signers := map[string]signature.Signer{}
	for _, branch := range slices.Sorted(maps.Keys(r.Heads)) {
		if signers[branch], err = p.head(keys, branch, r.Heads[branch], from); err != nil {
			p.used = keys
			return err
		}
	}
	if from == SourceState {
		if err := r.tied(p.folders); err != nil {
			return fmt.Errorf("%w: commit %s: %w", ErrUnverified, r.Commit(), err)
		}
	}
	p.signers = signers
	return nil
}

func (p *proof) head(keys *signature.Trusted, branch string, h Head, from Source) (signature.Signer, error) {
	where := fmt.Sprintf("commit %s of branch %s", h.Commit, branch)
	if plumbing.ComputeHash(plumbing.CommitObject, h.object).String() != h.Commit {
		return signature.Signer{}, fmt.Errorf("%w: %s was kept without what its signature is over, before signatures were asked for", ErrUnverified, where)
	}
	commit, err := signature.Parse(h.object)
	if err != nil {
		return signature.Signer{}, fmt.Errorf("%w: %s: %w", ErrUnverified, where, err)
	}
	signer, err := keys.Verify(commit)
	if err != nil {
		return signer, fmt.Errorf("%w: %s: %w", ErrUnverified, where, err)
	}
	floor := p.floor[branch]
	if from == SourceGit && !p.AllowRewind && commit.Time.Before(floor) {
		return signer, fmt.Errorf("%w: %s, signed by %s, is of %s, but what served is of %s; make a new commit that reverts, or allow it with --verify-allow-rewind",
			ErrRewound, where, signer, commit.Time.Format(time.RFC3339), floor.Format(time.RFC3339))
	}
	return signer, nil
}

// serves notes how new the branches are. A branch that goes away keeps its date,
// so that it does not come back older.
func (p *proof) serves(r *Revision) {
	if p == nil {
		return
	}
	for branch, h := range r.Heads {
		if date := p.floor[branch]; h.Time.After(date) || p.AllowRewind && !h.Time.Equal(date) {
			p.floor[branch], p.raised = h.Time, true
		}
	}
}

// remember takes the dates that were kept, so that a restart is no way to go back
// either. Where they are not, those of all revisions that are kept are the best
// that is known. The newest one may have been kept and its dates not.
func (p *proof) remember(a *archive) error {
	if p == nil {
		return nil
	}
	dates, err := a.dates()
	maps.Copy(p.floor, dates)
	list, _ := a.list() // which is told where the folder is opened
	for _, k := range list {
		for branch, h := range k.Heads {
			if k.Err == nil && h.Time.After(p.floor[branch]) {
				p.floor[branch], p.raised = h.Time, true
			}
		}
		if k.Err == nil && dates != nil {
			break
		}
	}
	return err
}

// keep writes the dates, if there are others than before.
func (p *proof) keep(a *archive) error {
	if p == nil || !p.raised {
		return nil
	}
	err := a.saveDates(p.floor)
	p.raised = err != nil
	return err
}

func (p *proof) signed() map[string]signature.Signer {
	if p == nil {
		return nil
	}
	return maps.Clone(p.signers)
}

// untrusted tells whether a revision was refused before Take was asked about it.
func untrusted(err error) bool {
	return errors.Is(err, ErrUnverified) || errors.Is(err, ErrRewound)
}

// mark notes by which keys a revision was refused just now, if it was by keys.
func (p *proof) mark(r *Rejected) {
	if p != nil {
		r.keys, r.keyless = p.used, p.failed
	}
}

// moot tells whether the keys are others than those that refused a revision, so
// that it is worth another look.
func (p *proof) moot(r *Rejected) bool {
	if p == nil || r.keys == nil && !r.keyless {
		return false
	}
	keys, err := p.Keys.Load()
	if err != nil {
		return false
	}
	return r.keyless || !keys.Same(r.keys)
}
