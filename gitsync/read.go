package gitsync

import (
	"context"
	"errors"

	"github.com/go-git/go-git/v5/plumbing"
)

// Read reads a repository once. rev is a branch, a tag or a commit that takes
// the place of the tip of Options.Branch; empty means that tip. A server may
// refuse a commit that is neither a branch nor a tag. In a repository on this
// machine it may be whatever git rev-parse understands of short names and
// ancestors, such as HEAD~1. Branches that its tree names are read at their
// tips. Take, Poll and StateDir are not used.
func Read(ctx context.Context, o Options, rev string) (*Revision, error) {
	o = o.withDefaults()
	repo, _, err := o.repository()
	if err != nil {
		return nil, err
	}
	defer repo.source.close()
	got, err := repo.readAt(ctx, rev)
	if errors.Is(err, errNotOurs) && plumbing.IsHash(rev) {
		return nil, &problem{kind: ErrNoRevision, detail: "the server does not give out " + rev}
	}
	return got, err
}
