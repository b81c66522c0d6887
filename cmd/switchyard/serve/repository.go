package serve

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/schema"
)

func (p *process) makeFollower() error {
	o := p.options.Repository
	o.Named = Named(o.Branch)
	o.Logger = p.logger
	o.Take = p.reported(p.take)
	o.Outside = mayCome
	o.Check = p.checked(func(_ context.Context, rev *gitsync.Revision) error { return p.gateway.Check(Revision(rev)) })
	o.Concluded = p.reportUnoffered
	follower, err := gitsync.New(o)
	p.follower = follower
	return err
}

// mayCome tells whether all that is wrong with a revision are secrets that are not
// there, as they may come without another commit.
func mayCome(err error) bool {
	problems, ok := errors.AsType[schema.Diagnostics](err)
	return ok && !slices.ContainsFunc(problems, func(d schema.Diagnostic) bool { return d.Rule != schema.RuleSecret })
}

// take has a revision serve, if nothing is wrong with it.
func (p *process) take(_ context.Context, rev *gitsync.Revision) error {
	if err := p.gateway.Apply(Revision(rev)); err != nil {
		return err
	}
	p.serves.begin()
	return nil
}

// Named tells which further branches the tree of an endpoints branch names. It
// is for one goroutine, and remembers the documents of the last tree.
func Named(branch string) func(fs.FS) []string {
	naming := endpoints.NewNaming(branch)
	return func(tree fs.FS) []string {
		return naming.Branches(schema.Tree{FS: tree})
	}
}

// Revision is what gitsync has read as what is compiled.
func Revision(rev *gitsync.Revision) schema.Revision {
	trees := make(map[string]schema.Tree, len(rev.Heads))
	for branch, head := range rev.Heads {
		trees[branch] = schema.Tree{Commit: head.Commit, FS: head.Tree}
	}
	return schema.Revision{Branch: rev.Branch, Trees: trees}
}
