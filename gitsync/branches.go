package gitsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// headsPrefix begins the full names of branches.
const headsPrefix = "refs/heads/"

// Branches lists the branches of the repository at Options.URL by name, at most
// so many, whichever the server names first. It is for offering people what
// there is: a [Follower] never asks for more than it needs. Of the options it uses
// Auth, Proxy and Timeout, for all of it. A repository without commits has none.
func Branches(parent context.Context, o Options, most int) (names []string, err error) {
	o = o.withDefaults()
	repo, _, err := o.repository()
	if err != nil {
		return nil, err
	}
	defer repo.source.close()
	ctx, cancel := context.WithTimeout(parent, o.Timeout)
	defer cancel()
	defer recovered(&err)
	names, err = repo.branches(ctx, most)
	if ctx.Err() != nil && parent.Err() == nil {
		err = timeoutError(o.Timeout)
	}
	return names, err
}

func (r *repository) branches(ctx context.Context, most int) ([]string, error) {
	s, err := r.source.open(ctx, r.refs(nil))
	if err != nil {
		return nil, err
	}
	defer s.close()
	names, err := s.branches(ctx, most)
	slices.Sort(names)
	return names, err
}

// branches asks for what was not asked for yet: a server of version 2 has told of
// the endpoints branch only. The answer may be longer than what is read of it.
func (s *remoteSession) branches(ctx context.Context, most int) ([]string, error) {
	refs := s.refs
	if s.visit.greeting().version == 2 {
		s.broken = true
		var err error
		if refs, err = s.list(ctx, []string{headsPrefix}, most); err != nil {
			return nil, err
		}
	}
	var names []string
	for ref := range refs {
		if name, ok := strings.CutPrefix(ref, headsPrefix); ok && len(names) < most {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s *localSession) branches(ctx context.Context, most int) ([]string, error) {
	refs, err := s.repo.IterReferences()
	if err != nil {
		return nil, fmt.Errorf("%w: references: %w", errBroken, err)
	}
	defer refs.Close()
	var names []string
	for len(names) < most {
		ref, err := refs.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("%w: references: %w", errBroken, err)
		}
		if name, ok := strings.CutPrefix(ref.Name().String(), headsPrefix); ok && ref.Type() == plumbing.HashReference {
			names = append(names, name)
		}
	}
	return names, nil
}
