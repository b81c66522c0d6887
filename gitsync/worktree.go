package gitsync

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// originRef begins the references to what origin had when it was last fetched.
const originRef = "refs/remotes/origin/"

// WorkTree is a repository's checkout on this machine. It is for one goroutine
// at a time.
type WorkTree struct {
	at      gitDir
	folders []string
}

// FindWorkTree finds the work tree that path lies in. folders are those that
// Head reads; endpoints and deployments if there are none. It is
// ErrNoRepository when path is in no repository.
func FindWorkTree(path string, folders ...string) (*WorkTree, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		abs = resolved
	}
	o := Options{Folders: folders}.withDefaults()
	for dir := abs; ; dir = filepath.Dir(dir) {
		at, err := gitDir{work: dir, dir: filepath.Join(dir, ".git")}.follow()
		if err == nil {
			return &WorkTree{at: at, folders: o.Folders}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if dir == filepath.Dir(dir) {
			return nil, &problem{kind: ErrNoRepository, detail: "neither " + abs + " nor a folder above it is in one"}
		}
	}
}

// Top is the work tree's uppermost folder.
func (w *WorkTree) Top() string { return w.at.work }

// Branch is the branch that is checked out, which may have no commit yet; empty
// when HEAD is detached.
func (w *WorkTree) Branch() (string, error) {
	s, err := w.at.open(w.folders)
	if err != nil {
		return "", err
	}
	defer s.close()
	head, err := s.repo.Reference(plumbing.HEAD)
	if err != nil {
		return "", &problem{kind: ErrNoRepository, detail: "HEAD: " + err.Error()}
	}
	branch, _ := strings.CutPrefix(head.Target().String(), "refs/heads/")
	return branch, nil
}

// Branches lists the branches that Head knows, sorted.
func (w *WorkTree) Branches() ([]string, error) {
	s, err := w.at.open(w.folders)
	if err != nil {
		return nil, err
	}
	defer s.close()
	refs, err := s.repo.IterReferences()
	if err != nil {
		return nil, &problem{kind: errBroken, detail: "references: " + err.Error()}
	}
	defer refs.Close()
	var out []string
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		name := ref.Name().String()
		if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			out = append(out, branch)
		} else if branch, ok := strings.CutPrefix(name, originRef); ok && branch != "HEAD" {
			out = append(out, branch)
		}
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// Head reads the tip of a branch: the local one, or else origin's as it was
// last fetched. It is ErrNoBranch when there is neither.
func (w *WorkTree) Head(ctx context.Context, branch string) (Head, error) {
	head, _, err := w.first(ctx, branch, branchRef(branch), originRef+branch)
	return head, err
}
