package seed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Repository is a git repository with a work tree.
type Repository struct {
	dir    string
	repo   *git.Repository
	author object.Signature
}

// Author signs the commits.
type Author struct {
	Name  string
	Email string
}

// Create makes an empty repository in dir, which is made if it is missing and
// must be empty, with branch checked out. by signs all commits in it, those
// that are made with git as well.
func Create(dir, branch string, by Author) (*Repository, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty", dir)
	}
	repo, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{
		InitOptions: git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName(branch)},
	})
	if err != nil {
		return nil, fmt.Errorf("create repository in %s: %w", dir, err)
	}
	if err := sign(repo, by); err != nil {
		return nil, fmt.Errorf("configure repository in %s: %w", dir, err)
	}
	return &Repository{dir: dir, repo: repo, author: object.Signature{Name: by.Name, Email: by.Email}}, nil
}

// sign makes by the author of what people commit with git in the repository,
// which refuses commits on machines where nobody has said who they are.
func sign(repo *git.Repository, by Author) error {
	settings, err := repo.Config()
	if err != nil {
		return err
	}
	settings.User.Name, settings.User.Email = by.Name, by.Email
	return repo.SetConfig(settings)
}

// Commit writes files, by their slash-separated paths, into the work tree and
// commits them on the branch that is checked out. It returns the commit's full
// object name.
func (r *Repository) Commit(message string, files map[string]string) (string, error) {
	tree, err := r.repo.Worktree()
	if err != nil {
		return "", err
	}
	for path, text := range files {
		if err := r.write(path, text); err != nil {
			return "", err
		}
		if _, err := tree.Add(path); err != nil {
			return "", fmt.Errorf("add %s: %w", path, err)
		}
	}
	author := r.author
	author.When = time.Now()
	hash, err := tree.Commit(message, &git.CommitOptions{Author: &author})
	if err != nil {
		return "", fmt.Errorf("commit in %s: %w", r.dir, err)
	}
	return hash.String(), nil
}

func (r *Repository) write(path, text string) error {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return fmt.Errorf("%s is outside of the work tree", path)
	}
	full := filepath.Join(r.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return os.WriteFile(full, []byte(text), 0o644)
}

// Checkout makes branch the one that is checked out. A branch that does not
// exist yet starts where the current one stands.
func (r *Repository) Checkout(branch string) error {
	tree, err := r.repo.Worktree()
	if err != nil {
		return err
	}
	name := plumbing.NewBranchReferenceName(branch)
	_, err = r.repo.Reference(name, false)
	missing := errors.Is(err, plumbing.ErrReferenceNotFound)
	if err != nil && !missing {
		return err
	}
	if err := tree.Checkout(&git.CheckoutOptions{Branch: name, Create: missing}); err != nil {
		return fmt.Errorf("check out %s: %w", branch, err)
	}
	return nil
}

// Branches are the names of the branches, sorted.
func (r *Repository) Branches() ([]string, error) {
	refs, err := r.repo.Branches()
	if err != nil {
		return nil, err
	}
	defer refs.Close()
	var names []string
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		names = append(names, ref.Name().Short())
		return nil
	})
	slices.Sort(names)
	return names, err
}
