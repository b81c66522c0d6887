package draft

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// overlay is a file system in which one file is another one, or missing. Entries
// of other files are those of the base, so that readers know them again.
type overlay struct {
	base fs.FS
	path string
	data []byte // nil: the file is missing
}

var (
	_ fs.ReadDirFS  = overlay{}
	_ fs.ReadFileFS = overlay{}
	_ fs.StatFS     = overlay{}
)

// Open opens a file or folder.
func (o overlay) Open(name string) (fs.File, error) {
	switch {
	case name == o.path && o.data != nil:
		return opened{file: file{path.Base(name), int64(len(o.data))}, Reader: bytes.NewReader(o.data)}, nil
	case name == o.path:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.base.Open(name)
}

// ReadFile reads a file.
func (o overlay) ReadFile(name string) ([]byte, error) {
	if name == o.path {
		if o.data == nil {
			return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
		}
		return bytes.Clone(o.data), nil
	}
	return fs.ReadFile(o.base, name)
}

// Stat describes a file or folder. The folder of the file is there even if the
// base has none.
func (o overlay) Stat(name string) (fs.FileInfo, error) {
	if name == o.path {
		if o.data == nil {
			return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
		}
		return file{path.Base(name), int64(len(o.data))}, nil
	}
	info, err := fs.Stat(o.base, name)
	if err != nil && o.data != nil && name == path.Dir(o.path) {
		return folder(name), nil
	}
	return info, err
}

// ReadDir lists a folder.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.base, name)
	if name != path.Dir(o.path) {
		return entries, err
	}
	if err != nil && o.data == nil {
		return nil, err
	}
	own := path.Base(o.path)
	entries = slices.DeleteFunc(slices.Clone(entries), func(e fs.DirEntry) bool { return e.Name() == own })
	if o.data != nil {
		entries = append(entries, fs.FileInfoToDirEntry(file{own, int64(len(o.data))}))
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return entries, nil
}

// opened is the open file.
type opened struct {
	file
	*bytes.Reader
}

func (o opened) Stat() (fs.FileInfo, error) { return o.file, nil }
func (o opened) Size() int64                { return o.file.size }
func (o opened) Close() error               { return nil }

// file describes the file.
type file struct {
	name string
	size int64
}

func (f file) Name() string       { return f.name }
func (f file) Size() int64        { return f.size }
func (f file) Mode() fs.FileMode  { return 0o444 }
func (f file) ModTime() time.Time { return time.Time{} }
func (f file) IsDir() bool        { return false }
func (f file) Sys() any           { return nil }

// folder describes a folder that the base does not have.
type folder string

func (f folder) Name() string       { return path.Base(string(f)) }
func (f folder) Size() int64        { return 0 }
func (f folder) Mode() fs.FileMode  { return fs.ModeDir | 0o555 }
func (f folder) ModTime() time.Time { return time.Time{} }
func (f folder) IsDir() bool        { return true }
func (f folder) Sys() any           { return nil }

// only is a file system whose folder of endpoints has one file at most.
type only struct {
	fs.FS
	path string
}

// ReadDir lists a folder, and of the folder of the file nothing but it.
func (o only) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	if name != path.Dir(o.path) {
		return entries, err
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e fs.DirEntry) bool { return e.Name() != path.Base(o.path) }), err
}

// ReadFile reads a file.
func (o only) ReadFile(name string) ([]byte, error) { return fs.ReadFile(o.FS, name) }
