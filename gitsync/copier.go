package gitsync

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// copier makes heads out of a store. On its way it proves that every tree and
// file of them is there, and remembers what was used, so that the rest can be
// dropped. Nodes of the last revision that are unchanged are shared.
type copier struct {
	store   *store
	folders []string
	known   map[nodeKey]*node
	nodes   map[nodeKey]*node
	used    map[plumbing.Hash]bool
}

func newCopier(r *repository) *copier {
	return &copier{
		store: r.store, folders: r.folders, known: r.nodes,
		nodes: map[nodeKey]*node{}, used: map[plumbing.Hash]bool{},
	}
}

func (c *copier) head(h plumbing.Hash) (Head, error) {
	commit, err := c.store.commit(h)
	if err != nil {
		return Head{}, err
	}
	root, err := c.store.tree(commit.TreeHash)
	if err != nil {
		return Head{}, err
	}
	c.used[h], c.used[commit.TreeHash] = true, true
	var top []*node
	for _, name := range c.folders {
		for _, e := range root.Entries {
			if e.Name != name {
				continue
			}
			n, err := c.top(e)
			if err != nil {
				return Head{}, fmt.Errorf("commit %s: %w", h, err)
			}
			top = append(top, n)
			break
		}
	}
	subject, _, _ := strings.Cut(strings.TrimSpace(commit.Message), "\n")
	return Head{
		Commit: h.String(), Author: commit.Author.Name, Subject: strings.TrimSpace(subject),
		Time: commit.Committer.When.UTC(), Tree: tree{root: folder(".", top)},
	}, nil
}

// top is a folder that was asked for with its files, or whatever else stands
// in its place.
func (c *copier) top(e object.TreeEntry) (*node, error) {
	if e.Mode != filemode.Dir {
		return c.entry(e, e.Name, false)
	}
	t, err := c.store.tree(e.Hash)
	if err != nil {
		return nil, err
	}
	c.used[e.Hash] = true
	entries := make([]*node, 0, len(t.Entries))
	seen := make(map[string]bool, len(t.Entries))
	for _, e := range t.Entries {
		name, odd := entryName(e.Name)
		for seen[name] {
			name, odd = name+" (again)", true
		}
		seen[name] = true
		n, err := c.entry(e, name, odd)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		entries = append(entries, n)
	}
	return folder(e.Name, entries), nil
}

// entry makes the node of one tree entry. Folders in a folder stay empty.
func (c *copier) entry(e object.TreeEntry, name string, odd bool) (*node, error) {
	if odd {
		return &node{name: name, mode: fs.ModeIrregular}, nil
	}
	switch e.Mode {
	case filemode.Dir:
		return &node{name: name, mode: fs.ModeDir | 0o555}, nil
	case filemode.Regular, filemode.Deprecated:
		return c.file(e, name, 0o444)
	case filemode.Executable:
		return c.file(e, name, 0o555)
	case filemode.Symlink:
		return &node{name: name, mode: fs.ModeSymlink | 0o777}, nil
	default: // a submodule, or a mode that git does not know
		return &node{name: name, mode: fs.ModeIrregular}, nil
	}
}

func (c *copier) file(e object.TreeEntry, name string, mode fs.FileMode) (*node, error) {
	c.used[e.Hash] = true
	o, err := c.blob(e.Hash)
	if err != nil {
		return nil, err
	}
	key := nodeKey{e.Hash, name, mode}
	n := c.nodes[key]
	if n == nil {
		n = c.known[key]
	}
	if n == nil {
		n = &node{name: name, mode: mode, size: o.size, data: o.data}
	}
	c.nodes[key] = n
	return n, nil
}

// blob gives a file's content, or its size alone if it is too large to be held.
func (c *copier) blob(h plumbing.Hash) (gitObject, error) {
	o, err := c.store.get(plumbing.BlobObject, h)
	if err != nil && c.store.omitted && !c.store.has(h) {
		// A server that leaves out large blobs does not tell their size. It is
		// only believed when all was asked for at once: see store.omitted.
		o = gitObject{kind: plumbing.BlobObject, size: maxFile + 1}
		return o, c.store.add(h, o)
	}
	if err != nil || o.size <= maxFile || o.data == nil {
		return o, err
	}
	o.data = nil
	return o, c.store.add(h, o)
}
