package gitsync

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/switchyard-gateway/switchyard/gitsync/signature"
)

// composition makes the objects of a commit out of those that it changes, of
// which it fetches what it needs.
type composition struct {
	key     *SSHKey // nil: the commit is not signed
	base    plumbing.Hash
	held    *store
	session session
	made    *memory.Storage
	names   []plumbing.Hash // of what was made, each once
	commit  plumbing.Hash
}

// folderChange is what changes in a folder.
type folderChange struct {
	files   map[string][]byte // nil removes one
	folders map[string]*folderChange
}

// changeOf sorts files by their folders.
func changeOf(files map[string][]byte) (*folderChange, error) {
	root := &folderChange{}
	for name, data := range files {
		at, rest := root, name
		for {
			folder, below, deeper := strings.Cut(rest, "/")
			if !deeper {
				break
			}
			if at.folders == nil {
				at.folders = map[string]*folderChange{}
			}
			if at.folders[folder] == nil {
				at.folders[folder] = &folderChange{}
			}
			at, rest = at.folders[folder], below
		}
		if at.files == nil {
			at.files = map[string][]byte{}
		}
		at.files[rest] = data
	}
	return root, root.check("")
}

// check finds a path that is to be a file and a folder.
func (c *folderChange) check(at string) error {
	for name, folder := range c.folders {
		if _, both := c.files[name]; both {
			return &fs.PathError{Op: "publish", Path: at + name, Err: fs.ErrInvalid}
		}
		if err := folder.check(at + name + "/"); err != nil {
			return err
		}
	}
	return nil
}

// make makes a publication's commit; ErrUnchanged if its tree is that of the base.
func (m *composition) make(ctx context.Context, p Publication) error {
	root, err := changeOf(p.Files)
	if err != nil {
		return err
	}
	if err := m.session.tree(ctx, m.held, m.base, plumbing.ZeroHash); err != nil {
		return err
	}
	base, err := m.held.commit(m.base)
	if err != nil {
		return err
	}
	tree, err := m.folder(ctx, ".", base.TreeHash, root)
	if err != nil {
		return err
	}
	if tree == base.TreeHash {
		return ErrUnchanged
	}
	if tree.IsZero() {
		if tree, err = m.put((&object.Tree{}).Encode); err != nil {
			return err
		}
	}
	commit := &object.Commit{
		Author: signed(p.Author, p.Time), Committer: signed(p.Committer, p.Time), Message: message(p.Message),
		TreeHash: tree, ParentHashes: []plumbing.Hash{m.base},
	}
	if m.key != nil {
		if err := m.key.sign(commit); err != nil {
			return fmt.Errorf("sign the commit: %w", err)
		}
	}
	m.commit, err = m.put(commit.Encode)
	return err
}

// sign signs a commit, which must not change after that.
func (k SSHKey) sign(commit *object.Commit) error {
	key, err := k.read()
	if err != nil {
		return err
	}
	o := &plumbing.MemoryObject{}
	if err := commit.EncodeWithoutSignature(o); err != nil {
		return err
	}
	r, err := o.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	payload, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	commit.PGPSignature, err = signature.Sign(payload, key)
	return err
}

func signed(p Person, at time.Time) object.Signature {
	return object.Signature{Name: plain(p.Name), Email: plain(p.Email), When: at}
}

// message ends its lines, and itself, as git does.
func message(text string) string {
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n \t") + "\n"
}

// folder makes a folder anew, of what is there (nothing, if h is zero) and what
// changes. It is zero when nothing is left in it, which git does not keep.
func (m *composition) folder(ctx context.Context, at string, h plumbing.Hash, change *folderChange) (plumbing.Hash, error) {
	there, err := m.list(ctx, h)
	if err != nil {
		return h, err
	}
	for name, data := range change.files {
		if err := m.file(there, path.Join(at, name), data); err != nil {
			return h, err
		}
	}
	for name, below := range change.folders {
		if err := m.below(ctx, there, path.Join(at, name), below); err != nil {
			return h, err
		}
	}
	if len(there) == 0 {
		return plumbing.ZeroHash, nil
	}
	tree := &object.Tree{}
	for _, entry := range there {
		tree.Entries = append(tree.Entries, entry)
	}
	sort.Sort(object.TreeEntrySorter(tree.Entries))
	return m.put(tree.Encode)
}

// list is what a folder holds, by name.
func (m *composition) list(ctx context.Context, h plumbing.Hash) (map[string]object.TreeEntry, error) {
	there := map[string]object.TreeEntry{}
	if h.IsZero() {
		return there, nil
	}
	if !m.held.has(h) {
		if err := m.session.tree(ctx, m.held, m.base, h); err != nil {
			return nil, err
		}
	}
	o, err := m.held.get(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	return there, entries(o.data, func(mode filemode.FileMode, name []byte, hash plumbing.Hash) {
		there[string(name)] = object.TreeEntry{Name: string(name), Mode: mode, Hash: hash}
	})
}

// file writes or removes a file.
func (m *composition) file(there map[string]object.TreeEntry, at string, data []byte) error {
	name := path.Base(at)
	entry, found := there[name]
	if found && !(&item{mode: entry.Mode}).file() {
		return &fs.PathError{Op: "publish", Path: at, Err: fs.ErrInvalid}
	}
	if data == nil {
		if !found {
			return &fs.PathError{Op: "remove", Path: at, Err: fs.ErrNotExist}
		}
		delete(there, name)
		return nil
	}
	if !found {
		entry = object.TreeEntry{Name: name, Mode: filemode.Regular}
	}
	var err error
	entry.Hash, err = m.put(func(o plumbing.EncodedObject) error {
		o.SetType(plumbing.BlobObject)
		w, err := o.Writer()
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
	there[name] = entry
	return err
}

// below changes a folder in a folder.
func (m *composition) below(ctx context.Context, there map[string]object.TreeEntry, at string, change *folderChange) error {
	name := path.Base(at)
	entry, found := there[name]
	if found && entry.Mode != filemode.Dir {
		return &fs.PathError{Op: "publish", Path: at, Err: fs.ErrInvalid}
	}
	h, err := m.folder(ctx, at, entry.Hash, change)
	if err != nil {
		return err
	}
	if h.IsZero() {
		delete(there, name)
		return nil
	}
	there[name] = object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: h}
	return nil
}

// put keeps a new object.
func (m *composition) put(encode func(plumbing.EncodedObject) error) (plumbing.Hash, error) {
	o := &plumbing.MemoryObject{}
	if err := encode(o); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("make a commit: %w", err)
	}
	h, err := m.made.SetEncodedObject(o)
	if err == nil && !slices.Contains(m.names, h) {
		m.names = append(m.names, h)
	}
	return h, err
}

// pack writes what was made.
func (m *composition) pack(w io.Writer) error {
	_, err := packfile.NewEncoder(w, m.made, false).Encode(m.names, 0)
	return err
}
