package gitsync

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// head makes the head of a commit out of the store. On its way it proves that
// every tree and file of it is there, and marks them as used, so that the rest
// can be dropped. Nodes of files that are unchanged are shared with the
// revisions before.
func (s *store) head(h plumbing.Hash, folders []string) (Head, error) {
	commit, err := s.commit(h)
	if err != nil {
		return Head{}, err
	}
	tops, err := s.tops(h, folders)
	if err != nil {
		return Head{}, err
	}
	s.objects[h].mark, s.objects[commit.TreeHash].mark = s.mark, s.mark
	nodes, trees := make([]*node, len(tops)), [][]byte{s.objects[commit.TreeHash].data}
	for i, top := range tops {
		if nodes[i], err = s.top(top); err != nil {
			return Head{}, fmt.Errorf("commit %s: %s: %w", h, top.name, err)
		}
		if top.mode == filemode.Dir {
			trees = append(trees, s.objects[top.hash].data)
		}
	}
	subject, _, _ := strings.Cut(strings.TrimSpace(commit.Message), "\n")
	return Head{
		Commit: h.String(), Author: shown(commit.Author.Name), Subject: shown(subject),
		Time: commit.Committer.When.UTC(), Tree: tree{root: folder(".", nodes)},
		object: s.objects[h].data, trees: trees,
	}, nil
}

// shown is a text of a commit without control characters, with which whoever gets it merged
// would move the cursor of a terminal, or begin lines of his own.
func shown(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// top is a folder that was asked for with its files, or a mark of what else
// stands in its place.
func (s *store) top(i item) (*node, error) {
	switch i.mode {
	case filemode.Dir:
	case filemode.Symlink:
		return &node{name: i.name, mode: fs.ModeSymlink | 0o777}, nil
	default:
		return &node{name: i.name, mode: fs.ModeIrregular}, nil
	}
	l, err := s.list(i.name, i.hash)
	if err != nil {
		return nil, err
	}
	if l.made == nil {
		if err := s.make(l); err != nil {
			return nil, err
		}
		l.made.name = i.name
	}
	l.mark, s.objects[i.hash].mark = s.mark, s.mark
	for _, i := range l.items {
		if i.blob != nil {
			i.blob.mark = s.mark
		}
	}
	return l.named(i.name), nil
}

// named is the folder under one of the names that its tree may have.
func (l *listing) named(name string) *node {
	if l.made.name == name {
		return l.made
	}
	return &node{name: name, mode: l.made.mode, entries: l.made.entries}
}

// make makes the nodes of a folder.
func (s *store) make(l *listing) error {
	nodes := make([]*node, len(l.items))
	for at, i := range l.items {
		if i.file() && i.blob == nil {
			s.meet(i, s.objects[i.hash])
		}
		if i.file() && i.blob == nil {
			return fmt.Errorf("%w: file %s is missing", errBroken, i.name)
		}
		if i.node == nil {
			i.node = s.node(i)
		}
		nodes[at] = i.node
	}
	l.made = apart(folder("", nodes))
	return nil
}

// node is an entry as it is seen in a folder. Folders in a folder stay empty.
func (s *store) node(i *item) *node {
	name, odd := entryName(i.name)
	switch {
	case odd:
		return &node{name: name, mode: fs.ModeIrregular}
	case i.file():
		s.shrink(i.blob)
		n := &node{name: name, mode: 0o444, size: i.blob.size, data: i.blob.data}
		if i.mode == filemode.Executable {
			n.mode = 0o555
		}
		return n
	case i.mode == filemode.Dir:
		return &node{name: name, mode: fs.ModeDir | 0o555}
	case i.mode == filemode.Symlink:
		return &node{name: name, mode: fs.ModeSymlink | 0o777}
	default: // a submodule, or a mode that git does not know
		return &node{name: name, mode: fs.ModeIrregular}
	}
}

// apart gives entries of one name, which only a crafted tree has, names of
// their own, with the same ending, under which they are no files.
func apart(folder *node) *node {
	for i, n := range folder.entries[min(1, len(folder.entries)):] {
		if n.name == folder.entries[i].name {
			folder.entries = renamed(folder.entries)
			slices.SortFunc(folder.entries, byName)
			break
		}
	}
	return folder
}

func renamed(nodes []*node) []*node {
	seen := make(map[string]bool, len(nodes))
	for i, n := range nodes {
		name := n.name
		for seen[name] {
			stem, ending := cutEnding(name)
			name = stem + " (again)" + ending
		}
		seen[name] = true
		if name != n.name {
			nodes[i] = &node{name: name, mode: fs.ModeIrregular}
		}
	}
	return nodes
}
