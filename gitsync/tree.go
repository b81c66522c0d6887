package gitsync

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// maxFile is the largest file that is held, in bytes. Documents may have at
// most 64 KiB, so that nothing above is ever read.
const maxFile = 64 << 10

// node is a file or folder of a tree: its own fs.FileInfo and fs.DirEntry.
// Nodes are immutable and shared between revisions.
type node struct {
	name    string
	mode    fs.FileMode
	size    int64
	data    []byte  // of a file of at most maxFile bytes
	entries []*node // of a folder, sorted by name
}

func (n *node) Name() string               { return n.name }
func (n *node) Size() int64                { return n.size }
func (n *node) Mode() fs.FileMode          { return n.mode }
func (n *node) Type() fs.FileMode          { return n.mode.Type() }
func (n *node) ModTime() time.Time         { return time.Time{} }
func (n *node) IsDir() bool                { return n.mode.IsDir() }
func (n *node) Sys() any                   { return nil }
func (n *node) Info() (fs.FileInfo, error) { return n, nil }

// Immutable says that equal nodes have equal content, so that readers of one
// revision after another need not look at what they know (see schema.Folder).
func (n *node) Immutable() {}

func (n *node) child(name string) *node {
	i, found := slices.BinarySearchFunc(n.entries, name, func(e *node, name string) int { return strings.Compare(e.name, name) })
	if !found {
		return nil
	}
	return n.entries[i]
}

// held tells why the node's content cannot be read, or nil.
func (n *node) held() error {
	switch {
	case !n.mode.IsRegular():
		return fs.ErrInvalid
	case n.data == nil && n.size > 0:
		return ErrFileTooLarge
	default:
		return nil
	}
}

func byName(a, b *node) int { return strings.Compare(a.name, b.name) }

// folder makes a directory node of entries.
func folder(name string, entries []*node) *node {
	if !slices.IsSortedFunc(entries, byName) {
		slices.SortStableFunc(entries, byName)
	}
	return &node{name: name, mode: fs.ModeDir | 0o555, entries: entries}
}

// tree is the fs.FS of a Head. Links are listed, never followed.
type tree struct{ root *node }

var (
	_ fs.ReadDirFS  = tree{}
	_ fs.ReadFileFS = tree{}
	_ fs.StatFS     = tree{}
)

func (t tree) find(op, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	at := t.root
	if name == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if at = at.child(part); at == nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
	}
	return at, nil
}

// Open opens the named file or folder.
func (t tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.IsDir() {
		return &openFolder{node: n}, nil
	}
	if err := n.held(); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{node: n, Reader: bytes.NewReader(n.data)}, nil
}

// Stat describes the named file or folder; a symbolic link is described itself.
func (t tree) Stat(name string) (fs.FileInfo, error) {
	n, err := t.find("stat", name)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// ReadFile gives a copy of the named file's content.
func (t tree) ReadFile(name string) ([]byte, error) {
	n, err := t.find("read", name)
	if err != nil {
		return nil, err
	}
	if err := n.held(); err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return bytes.Clone(n.data), nil
}

// ReadDir lists the named folder, sorted by name.
func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	return dirEntries(n.entries), nil
}

func dirEntries(nodes []*node) []fs.DirEntry {
	out := make([]fs.DirEntry, len(nodes))
	for i, n := range nodes {
		out[i] = n
	}
	return out
}

type openFile struct {
	node *node
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *openFile) Close() error               { return nil }

type openFolder struct {
	node *node
	next int
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *openFolder) Close() error               { return nil }

func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.node.name, Err: fs.ErrInvalid}
}

func (f *openFolder) ReadDir(count int) ([]fs.DirEntry, error) {
	rest := f.node.entries[f.next:]
	if count > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if count > 0 && count < len(rest) {
		rest = rest[:count]
	}
	f.next += len(rest)
	return dirEntries(rest), nil
}

// entryName is a tree entry's name as fs allows it. Names that are not UTF-8
// anybody can commit; the others that are changed here git refuses to check out,
// but a crafted pack can hold them. They must be seen, and must lead nowhere. The
// ending stays, as it tells a document, which must not go missing in silence.
func entryName(name string) (safe string, odd bool) {
	if fs.ValidPath(name) && name != "." && path.Base(name) == name {
		return name, false
	}
	stem, ending := cutEnding(strings.ToValidUTF8(name, "%EF%BF%BD"))
	return strings.NewReplacer("/", "%2F", ".", "%2E").Replace(stem) + ending, true
}

// cutEnding splits a name before the last dot, if letters follow it and something
// comes before it.
func cutEnding(name string) (stem, ending string) {
	ending = path.Ext(name)
	if len(ending) < 2 || len(ending) == len(name) {
		return name, ""
	}
	return strings.TrimSuffix(name, ending), ending
}
