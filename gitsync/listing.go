package gitsync

import (
	"bytes"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// listing is a folder's tree, parsed. It is kept as long as a revision has the
// folder, and lends what did not change to the listing that follows it.
type listing struct {
	items []*item // as git sorts them
	made  *node   // the folder, once its files were there
	mark  int     // see store.retain
}

// item is one entry of a tree. Listings share it.
type item struct {
	mode filemode.FileMode
	name string
	hash plumbing.Hash
	blob *gitObject // of a file, once it is known to be here
	node *node      // under its own name, once it was made
}

// file tells whether the entry is one whose content is wanted.
func (i *item) file() bool {
	return i.mode == filemode.Regular || i.mode == filemode.Deprecated || i.mode == filemode.Executable
}

// before orders entries as git does: a folder's name counts with a slash behind it.
func (i *item) before(mode filemode.FileMode, name string) bool {
	a, b := i.name, name
	if i.mode == filemode.Dir {
		a += "/"
	}
	if mode == filemode.Dir {
		b += "/"
	}
	return a < b
}

// entries calls each with the entries of a tree, gittree as in git cat-file.
// name is only valid during the call.
func entries(data []byte, each func(mode filemode.FileMode, name []byte, hash plumbing.Hash)) error {
	for len(data) > 0 {
		space := bytes.IndexByte(data[:min(len(data), 8)], ' ')
		if space < 1 {
			return fmt.Errorf("%w: a tree entry has no mode", errBroken)
		}
		mode, err := octal(data[:space])
		if err != nil {
			return err
		}
		data = data[space+1:]
		end := bytes.IndexByte(data, 0)
		if end < 1 || len(data) < end+1+len(plumbing.ZeroHash) {
			return fmt.Errorf("%w: a tree entry is cut short", errBroken)
		}
		each(mode, data[:end], plumbing.Hash(data[end+1:end+1+len(plumbing.ZeroHash)]))
		data = data[end+1+len(plumbing.ZeroHash):]
	}
	return nil
}

func octal(text []byte) (filemode.FileMode, error) {
	var mode filemode.FileMode
	for _, c := range text {
		if c < '0' || c > '7' {
			return 0, fmt.Errorf("%w: %q is no mode of a tree entry", errBroken, text)
		}
		mode = mode<<3 | filemode.FileMode(c-'0')
	}
	return mode, nil
}

// list parses the tree of a folder, or gives what it was parsed to before.
// Entries that are in the listing that was last made of a folder of that name
// are taken from there, and others from wherever the same file stands.
func (s *store) list(folder string, h plumbing.Hash) (*listing, error) {
	if l := s.listings[h]; l != nil {
		return l, nil
	}
	o, err := s.get(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	if err := s.room(4 * o.size); err != nil { // what entries cost once they are parsed
		return nil, err
	}
	var old []*item
	if last := s.lastOf[folder]; last != nil {
		old = last.items
	}
	l := &listing{items: make([]*item, 0, len(old)+1)}
	err = entries(o.data, func(mode filemode.FileMode, name []byte, hash plumbing.Hash) {
		if len(old) > 0 && old[0].name != string(name) { // the usual case is without a conversion
			for text := string(name); len(old) > 0 && old[0].before(mode, text); {
				old = old[1:]
			}
		}
		if len(old) > 0 && old[0].hash == hash && old[0].mode == mode && old[0].name == string(name) {
			l.items = append(l.items, old[0])
			old = old[1:]
			return
		}
		l.items = append(l.items, s.item(mode, name, hash))
	})
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", h, err)
	}
	s.listings[h], s.lastOf[folder] = l, l
	return l, nil
}

// item is an entry that another listing may have, too.
func (s *store) item(mode filemode.FileMode, name []byte, hash plumbing.Hash) *item {
	blob := s.objects[hash]
	if blob != nil {
		for _, i := range blob.items {
			if i.mode == mode && i.name == string(name) {
				return i
			}
		}
	}
	i := &item{mode: mode, name: string(name), hash: hash}
	if i.file() {
		s.meet(i, blob)
	}
	return i
}

// meet lets an item and its content know of each other, if it is here.
func (s *store) meet(i *item, blob *gitObject) {
	if blob == nil || blob.kind != plumbing.BlobObject {
		return
	}
	i.blob = blob
	const most = 8 // those of files that were renamed long ago are of no more use
	if len(blob.items) == most {
		blob.items = append(blob.items[:0], blob.items[most/2:]...)
	}
	blob.items = append(blob.items, i)
}

// gap is a folder of which something is not here.
type gap struct {
	folder  string
	tree    plumbing.Hash
	missing []*item // the files; none when the tree itself is missing
}

// gaps finds what the folders of commits lack. Files that are missing may be too
// large for the server to send them. It is errBroken when a commit, or its tree,
// is not here.
func (s *store) gaps(commits []plumbing.Hash, folders []string) ([]gap, error) {
	var out []gap
	seen := map[plumbing.Hash]bool{}
	for _, h := range commits {
		tops, err := s.tops(h, folders)
		if err != nil {
			return nil, err
		}
		for _, top := range tops {
			if top.mode != filemode.Dir || seen[top.hash] {
				continue
			}
			seen[top.hash] = true
			g, lacks, err := s.gap(top.name, top.hash)
			if err != nil {
				return nil, err
			}
			if lacks {
				out = append(out, g)
			}
		}
	}
	return out, nil
}

// gap tells what a folder lacks, and whether it lacks anything.
func (s *store) gap(folder string, h plumbing.Hash) (gap, bool, error) {
	if !s.has(h) {
		return gap{folder: folder, tree: h}, true, nil
	}
	l, err := s.list(folder, h)
	if err != nil {
		return gap{}, false, err
	}
	g := gap{folder: folder, tree: h}
	for _, i := range l.items {
		if !i.file() {
			continue
		}
		if i.blob == nil {
			s.meet(i, s.objects[i.hash])
		}
		if i.blob == nil {
			g.missing = append(g.missing, i)
		}
	}
	return g, len(g.missing) > 0, nil
}

// tops are what stands at the top of a commit's tree under the names of
// folders, in their order.
func (s *store) tops(commit plumbing.Hash, folders []string) ([]item, error) {
	c, err := s.commit(commit)
	if err != nil {
		return nil, err
	}
	root, err := s.get(plumbing.TreeObject, c.TreeHash)
	if err != nil {
		return nil, err
	}
	found := make([]item, len(folders))
	err = entries(root.data, func(mode filemode.FileMode, name []byte, hash plumbing.Hash) {
		for i, folder := range folders {
			if found[i].name == "" && string(name) == folder {
				found[i] = item{mode: mode, name: folder, hash: hash}
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", c.TreeHash, err)
	}
	out := found[:0]
	for _, top := range found {
		if top.name != "" {
			out = append(out, top)
		}
	}
	return out, nil
}
