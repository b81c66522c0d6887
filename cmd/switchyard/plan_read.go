package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/plan"
	"github.com/switchyard-gateway/switchyard/schema"
)

// workTree is the name of what is not committed yet.
const workTree = "the work tree"

// read gives both sides of a plan, and what to know about them.
func (f planFlags) read(ctx context.Context, p process, s settings, given []string) (from, to plan.Revision, notes []string, err error) {
	if f.repo != "" {
		from, to, err = f.readRepository(ctx, p, s)
	} else {
		from, to, notes, err = f.readHere(ctx, s.text("branch"), given)
	}
	if err != nil {
		return from, to, nil, err
	}
	if !hasEndpoints(to.Revision) {
		return from, to, nil, fmt.Errorf("%s has no folder %s; gateways refuse that and go on serving what they served before", to.Name, schema.EndpointsFolder)
	}
	if !hasEndpoints(from.Revision) {
		notes = append(notes, fmt.Sprintf("%s has no folder %s: nothing of it serves.", from.Name, schema.EndpointsFolder))
	}
	for branch, tree := range from.Trees {
		if _, both := to.Trees[branch]; both && branch != to.Branch {
			to.Trees[branch] = tree // it may have moved between two reads
		}
	}
	return from, to, notes, nil
}

// hasEndpoints reports whether git can have a folder of endpoints in a revision: it keeps
// none that is empty. What is none, such as a file, is for the check to tell.
func hasEndpoints(rev schema.Revision) bool {
	tree := rev.Trees[rev.Branch]
	if tree.FS == nil {
		return false
	}
	in, err := fs.ReadDir(tree.FS, schema.EndpointsFolder)
	return len(in) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// readRepository reads both sides from --repo.
func (f planFlags) readRepository(ctx context.Context, p process, s settings) (from, to plan.Revision, err error) {
	branch := s.text("branch")
	sides := []*plan.Revision{&from, &to}
	for i, rev := range []string{f.from, f.to} {
		read, err := readRepository(ctx, p, s, f.repo, rev)
		if i == 0 && errors.Is(err, gitsync.ErrNoEndpoints) {
			read, err = schema.Revision{Branch: branch, Trees: map[string]schema.Tree{branch: {}}}, nil
		}
		if err != nil {
			return from, to, err
		}
		*sides[i] = plan.Revision{Revision: read, Name: rev}
		if rev == "" {
			sides[i].Name = branch
		}
	}
	return from, to, nil
}

// readHere reads both sides from the repository around a path.
func (f planFlags) readHere(ctx context.Context, branch string, given []string) (from, to plan.Revision, notes []string, err error) {
	path := "."
	if len(given) > 0 {
		path = given[0]
	}
	repository, err := gitsync.FindWorkTree(path)
	if errors.Is(err, gitsync.ErrNoRepository) {
		return from, to, nil, usagef("plan %s: it is in no git repository, so that there is nothing to compare with; give --repo", path)
	}
	if err != nil {
		return from, to, nil, err
	}
	h := here{repository: repository, branch: branch}
	if from, err = h.from(ctx, f.from); err != nil {
		return from, to, nil, err
	}
	if to, err = h.to(ctx, path, f.to); err != nil {
		return from, to, nil, err
	}
	if f.from == "" {
		notes, err = h.compareHistories(ctx, from, to)
	}
	return from, to, notes, err
}

// here is the repository around a path.
type here struct {
	repository *gitsync.WorkTree
	branch     string // that holds the endpoints
}

// from reads what is compared with: rev, or else what is served as far as is
// known here.
func (h here) from(ctx context.Context, rev string) (plan.Revision, error) {
	if rev != "" {
		return h.at(ctx, rev)
	}
	head, name, err := h.repository.Pushed(ctx, h.branch)
	if errors.Is(err, gitsync.ErrNoBranch) {
		return plan.Revision{}, fmt.Errorf("read what serves: %w; fetch the branch, or name another with --branch or what to compare with by --from", err)
	}
	if err != nil {
		return plan.Revision{}, fmt.Errorf("read what serves: %w", err)
	}
	return h.revision(ctx, name, schema.Tree{Commit: head.Commit, FS: head.Tree})
}

// to reads what would serve: rev, or else the work tree at path.
func (h here) to(ctx context.Context, path, rev string) (plan.Revision, error) {
	if rev != "" {
		return h.at(ctx, rev)
	}
	if err := holdsDocuments("plan", path); err != nil {
		return plan.Revision{}, err
	}
	if !same(path, h.repository.Top()) {
		return plan.Revision{}, usagef("plan %s: gateways read the folders at the top of a repository, which is %s", path, h.repository.Top())
	}
	return h.revision(ctx, workTree, schema.Tree{FS: os.DirFS(path)})
}

// same reports whether two paths lead to the same folder.
func same(path, top string) bool {
	a, errA := os.Stat(path)
	b, errB := os.Stat(filepath.Clean(top))
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func (h here) at(ctx context.Context, rev string) (plan.Revision, error) {
	head, err := h.repository.At(ctx, rev)
	if err != nil {
		return plan.Revision{}, fmt.Errorf("read %s: %w", rev, err)
	}
	return h.revision(ctx, rev, schema.Tree{Commit: head.Commit, FS: head.Tree})
}

// revision makes the tree that of the endpoints branch, and adds the tips of the
// branches that it names.
func (h here) revision(ctx context.Context, name string, tree schema.Tree) (plan.Revision, error) {
	rev := schema.Revision{Branch: h.branch, Trees: map[string]schema.Tree{h.branch: tree}}
	err := readBranches(ctx, h.repository, rev, endpoints.Branches(tree, h.branch))
	return plan.Revision{Revision: rev, Name: name}, err
}

// compareHistories warns when what would serve was not made from what serves.
func (h here) compareHistories(ctx context.Context, from, to plan.Revision) (notes []string, err error) {
	at := to.Trees[h.branch].Commit
	if at == "" {
		at = "HEAD"
	}
	included, known, err := h.repository.Includes(ctx, at, from.Trees[h.branch].Commit)
	switch {
	case errors.Is(err, gitsync.ErrNoRevision):
		return nil, nil // nothing has been committed in the work tree
	case err != nil:
		return nil, fmt.Errorf("compare the histories of %s and %s: %w", from.Name, to.Name, err)
	case known && !included:
		return []string{fmt.Sprintf("%s has commits that %s lacks: what they changed looks as if it were taken back. "+
			"Merge them or rebase first to see what a merge would change.", from.Name, to.Name)}, nil
	}
	return nil, nil
}
