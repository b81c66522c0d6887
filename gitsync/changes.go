package gitsync

import (
	"maps"
	"slices"
)

// Change is one file that differs between two revisions.
type Change struct {
	Kind   string `json:"change"` // added, removed or changed
	Branch string `json:"branch"`
	Path   string `json:"path"`
}

// Changes are how a revision differs from the one that was kept before.
type Changes struct {
	Added   int      `json:"added"`
	Removed int      `json:"removed"`
	Changed int      `json:"changed"`
	Files   []Change `json:"files,omitempty"` // at most 100 of them, by branch and path
}

// mostListed is how many files are listed one by one.
const mostListed = 100

func (c *Changes) add(kind, branch, path string) {
	switch kind {
	case "added":
		c.Added++
	case "removed":
		c.Removed++
	default:
		c.Changed++
	}
	if len(c.Files) < mostListed {
		c.Files = append(c.Files, Change{Kind: kind, Branch: branch, Path: path})
	}
}

// changes compares two revisions; was may be nil, and then all is added.
func changes(was, is *Revision) Changes {
	var out Changes
	branches := map[string]bool{}
	for _, r := range []*Revision{was, is} {
		if r != nil {
			for name := range r.Heads {
				branches[name] = true
			}
		}
	}
	for _, branch := range slices.Sorted(maps.Keys(branches)) {
		out.compare(branch, "", was.root(branch), is.root(branch))
	}
	return out
}

func (r *Revision) root(branch string) []*node {
	if r == nil {
		return nil
	}
	t, ok := r.Heads[branch].Tree.(tree)
	if !ok || t.root == nil {
		return nil
	}
	return t.root.entries
}

// compare walks two folders, sorted by name, side by side.
func (c *Changes) compare(branch, at string, was, is []*node) {
	for len(was) > 0 || len(is) > 0 {
		switch {
		case len(is) == 0 || len(was) > 0 && was[0].name < is[0].name:
			c.all("removed", branch, at, was[0])
			was = was[1:]
		case len(was) == 0 || is[0].name < was[0].name:
			c.all("added", branch, at, is[0])
			is = is[1:]
		default:
			c.pair(branch, at, was[0], is[0])
			was, is = was[1:], is[1:]
		}
	}
}

func (c *Changes) pair(branch, at string, was, is *node) {
	switch {
	case was == is:
	case was.IsDir() && is.IsDir():
		c.compare(branch, at+is.name+"/", was.entries, is.entries)
	case was.mode != is.mode || was.size != is.size || string(was.data) != string(is.data):
		c.add("changed", branch, at+is.name)
	}
}

// all counts a node and what is below. Folders themselves are not counted.
func (c *Changes) all(kind, branch, at string, n *node) {
	if !n.IsDir() {
		c.add(kind, branch, at+n.name)
	}
	for _, below := range n.entries {
		c.all(kind, branch, at+n.name+"/", below)
	}
}
