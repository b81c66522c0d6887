package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// ErrNoBranch is the answer of Options.Branch for a branch that does not exist.
var ErrNoBranch = errors.New("there is no such branch")

// MostBranches bounds the branches of the repository that forms offer. Others can
// be typed in.
const MostBranches = 1000

// What lies elsewhere is read again after so long, within such a time, and that
// much of it is kept in mind.
const (
	elsewhereEvery  = 15 * time.Second
	elsewhereWithin = 10 * time.Second
	mostElsewhere   = 4
)

// elsewhere is what the repository has beside what is followed: the names of its
// branches, and the deployments of those that no endpoint names yet. It is read
// when an editor is about to choose, one at a time, and never for anybody else.
type elsewhere struct {
	mu    sync.Mutex
	names branchNames
	trees map[string]branchTree // by branch
}

type branchNames struct {
	at  time.Time
	all []string
	err error
}

type branchTree struct {
	at   time.Time
	tree schema.Tree
	err  error
}

// branchNames are those of the repository, as it was seconds ago.
func (c *Console) branchNames(ctx context.Context) ([]string, error) {
	if c.o.Branches == nil {
		return nil, nil
	}
	e := &c.elsewhere
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.now().Sub(e.names.at) >= elsewhereEvery {
		ctx, cancel := forAll(ctx, elsewhereWithin)
		defer cancel()
		all, err := c.o.Branches(ctx)
		e.names = branchNames{c.now(), all, err}
	}
	return e.names.all, e.names.err
}

// forAll is a context for what is found out once for all who look: that the first of them
// leaves does not end it, and within bounds it.
func forAll(ctx context.Context, within time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), within)
}

// branch is the tip of a branch that is not followed, as it was seconds ago.
func (c *Console) branch(ctx context.Context, name string) (schema.Tree, error) {
	if c.o.Branch == nil {
		return schema.Tree{}, ErrNoBranch
	}
	e := &c.elsewhere
	e.mu.Lock()
	defer e.mu.Unlock()
	if known, ok := e.trees[name]; ok && c.now().Sub(known.at) < elsewhereEvery {
		return known.tree, known.err
	}
	ctx, cancel := forAll(ctx, elsewhereWithin)
	defer cancel()
	tree, err := c.o.Branch(ctx, name)
	if len(e.trees) >= mostElsewhere {
		clear(e.trees)
	}
	e.trees[name] = branchTree{c.now(), tree, err}
	return tree, err
}

// reach is the branches that a document names for the first time, which the revision
// will have that comes of the document. Of those that cannot be read it says why; those
// that do not exist are left out.
func (c *Console) reach(ctx context.Context, rev schema.Revision, doc schema.File) (map[string]schema.Tree, []string) {
	var problems []string
	trees := map[string]schema.Tree{}
	for _, name := range branchesOf(doc) {
		if _, followed := rev.Trees[name]; followed {
			continue
		}
		tree, err := c.branch(ctx, name)
		switch {
		case errors.Is(err, ErrNoBranch):
		case err != nil:
			problems = append(problems, fmt.Sprintf("The branch %s cannot be read, so that nobody can tell whether this is right: %v.", name, err))
		default:
			trees[name] = tree
		}
	}
	return trees, problems
}

// branchesOf are the branches that a document names, each once.
func branchesOf(doc schema.File) []string {
	declared, _ := schema.ParseEndpoint(doc)
	if declared == nil {
		return nil
	}
	names := declared.Branches()
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// offer is what forms offer: the branches of the repository, and the deployments of
// those that are followed. Without a word of the repository it is these alone.
func (c *Console) offer(ctx context.Context, rev schema.Revision) known {
	k := c.choices.offered(rev)
	names, err := c.branchNames(ctx)
	if err != nil {
		c.o.Logger.Debug().Err(err).Msg("the branches of the repository cannot be listed for a form")
	}
	k.Branches = slices.Compact(slices.Sorted(slices.Values(slices.Concat(k.Branches, names))))
	return k
}

// showChoices is what can be chosen of one branch, as the lists of a form have it.
func (c *Console) showChoices(v *visit) {
	if !v.mayEdit() {
		return
	}
	name := v.r.URL.Query().Get("branch")
	tree, followed := c.base().Newest.Trees[name]
	if !followed {
		var err error
		if tree, err = c.branch(v.r.Context(), name); err != nil {
			v.fail(http.StatusNotFound, "The branch "+name+" cannot be read.", err.Error())
			return
		}
	}
	v.write(http.StatusOK, "change", "lists", known{Deployments: deploymentsOf(name, tree, mostOffered)})
}
