package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Pushed reads the tip of a branch as origin had it when it was last fetched, or
// else the local one, and says which: "origin/main" or "main". It is ErrNoBranch
// when there is neither.
func (w *WorkTree) Pushed(ctx context.Context, branch string) (Head, string, error) {
	head, ref, err := w.first(ctx, branch, originRef+branch, branchRef(branch))
	if strings.HasPrefix(ref, originRef) {
		return head, "origin/" + branch, err
	}
	return head, branch, err
}

// At reads the commit that rev stands for: a branch, local or origin's, a tag, a
// commit, or an ancestor of one of them such as HEAD~1. It is ErrNoRevision when
// there is none.
func (w *WorkTree) At(ctx context.Context, rev string) (Head, error) {
	s, err := w.at.open(w.folders)
	if err != nil {
		return Head{}, err
	}
	defer s.close()
	h, err := s.commitOf(ctx, rev)
	if err != nil {
		return Head{}, err
	}
	return w.head(ctx, s, h)
}

// Includes reports whether the history of rev, as in At, has a commit in it. It
// is false as well when the history that is here is too short to tell, as in a
// shallow clone; known is false then.
func (w *WorkTree) Includes(ctx context.Context, rev, commit string) (included, known bool, err error) {
	s, err := w.at.open(w.folders)
	if err != nil {
		return false, false, err
	}
	defer s.close()
	tip, err := s.commitOf(ctx, rev)
	if err != nil {
		return false, false, err
	}
	included, err = s.includes(ctx, tip, plumbing.NewHash(commit))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return false, false, nil
	}
	return included, err == nil, err
}

// first reads the first of the references that exists.
func (w *WorkTree) first(ctx context.Context, branch string, refs ...string) (Head, string, error) {
	s, err := w.at.open(w.folders)
	if err != nil {
		return Head{}, "", err
	}
	defer s.close()
	for _, ref := range refs {
		h, found, err := s.tip(ref)
		if err != nil && !errors.Is(err, ErrEmpty) {
			return Head{}, "", err
		}
		if found {
			head, err := w.head(ctx, s, h)
			return head, ref, err
		}
	}
	return Head{}, "", &problem{kind: ErrNoBranch, detail: "branch " + branch}
}

func (w *WorkTree) head(ctx context.Context, s *localSession, h plumbing.Hash) (Head, error) {
	into := newStore(DefaultMaxBytes)
	if err := s.fetch(ctx, into, []plumbing.Hash{h}); err != nil {
		return Head{}, err
	}
	return into.head(h, w.folders)
}

// commitOf resolves rev, with what origin has where nothing here is called so.
// A panic in here is go-git's, which parses rev.
func (s *localSession) commitOf(ctx context.Context, rev string) (h plumbing.Hash, err error) {
	defer func() {
		if p := recover(); p != nil {
			h, err = plumbing.ZeroHash, &problem{kind: ErrNoRevision, detail: strconv.Quote(rev)}
		}
	}()
	h, err = s.resolve(ctx, rev)
	if err == nil {
		return h, nil
	}
	if origin, found, _ := s.tip(originRef + rev); found {
		return origin, nil
	}
	return h, err
}

// includes looks for a commit in a history, the newest commits first. Commits
// that are a day older than the one looked for cannot come after it, unless
// clocks were very wrong.
func (s *localSession) includes(ctx context.Context, tip, wanted plumbing.Hash) (bool, error) {
	if tip == wanted {
		return true, nil
	}
	repo, err := git.Open(s.repo, nil)
	if err != nil {
		return false, &problem{kind: ErrFormat, detail: err.Error()}
	}
	searched, err := repo.CommitObject(wanted)
	if err != nil {
		return false, fmt.Errorf("commit %s: %w", wanted, err)
	}
	from, err := repo.CommitObject(tip)
	if err != nil {
		return false, fmt.Errorf("commit %s: %w", tip, err)
	}
	oldest := searched.Committer.When.Add(-24 * time.Hour)
	history := object.NewCommitIterCTime(from, nil, nil)
	defer history.Close()
	for {
		c, err := history.Next()
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("history of %s: %w", tip, err)
		case c.Hash == wanted:
			return true, nil
		case c.Committer.When.Before(oldest):
			return false, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		}
	}
}
