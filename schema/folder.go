package schema

import (
	"bytes"
	"io/fs"
	"path"
)

// Parsed is a document and what it was parsed to. It is shared between the
// reads of a Folder that find the document unchanged: nobody may change it.
type Parsed[T any] struct {
	File
	Value    *T // as the parser returned it
	Problems Diagnostics
}

// Folder reads the documents of one folder of a branch at one commit after
// another. It gives what Documents and the parser give, and remembers it, so
// that a document is parsed again only if its bytes have changed. What is
// remembered is the revision that was read last and the one that was kept last.
//
// A Folder must not be used by two goroutines at once.
type Folder[T any] struct {
	branch, name string
	parse        func(File) (*T, Diagnostics)
	last, kept   []remembered[T] // sorted by name
}

// remembered is a document of an earlier read.
type remembered[T any] struct {
	name   string    // of its file
	entry  immutable // nil if the file may have changed
	parsed *Parsed[T]
}

// immutable is an entry of a folder whose file never changes: when two of them
// are equal, so are their files. The trees of commits can have such entries;
// then unchanged documents need not even be read. They must be comparable.
type immutable interface {
	fs.DirEntry
	Immutable()
}

// NewFolder makes a Folder that has read nothing yet. branch is as in Position.
func NewFolder[T any](branch, name string, parse func(File) (*T, Diagnostics)) *Folder[T] {
	return &Folder[T]{branch: branch, name: name, parse: parse}
}

// Read reads the folder in a tree. The documents are sorted by path; those that
// have not changed are the same pointers as before. The diagnostics are those
// of Documents; what the parser said stands in each document.
func (f *Folder[T]) Read(t Tree) ([]*Parsed[T], Diagnostics) {
	r := &folderReader{tree: t, branch: f.branch, folder: f.name}
	entries := r.documents()
	now := make([]remembered[T], 0, len(entries))
	documents := make([]*Parsed[T], 0, len(entries))
	last, kept := f.last, f.kept
	for _, e := range entries {
		last, kept = skipTo(last, e.Name()), skipTo(kept, e.Name())
		if d, ok := f.document(r, e, last, kept); ok {
			now = append(now, d)
			documents = append(documents, d.parsed)
		}
	}
	f.last = now
	return documents, r.problems.Sort()
}

// Keep remembers what was read last until it is called again, whatever is read
// in between: to come back to it costs nothing then.
func (f *Folder[T]) Keep() { f.kept = f.last }

// skipTo is all from the name onwards.
func skipTo[T any](all []remembered[T], name string) []remembered[T] {
	for len(all) > 0 && all[0].name < name {
		all = all[1:]
	}
	return all
}

// document finds a document as it was remembered, at the front of one of the
// lists, or else parses it.
func (f *Folder[T]) document(r *folderReader, e fs.DirEntry, earlier ...[]remembered[T]) (remembered[T], bool) {
	d := remembered[T]{name: e.Name()}
	d.entry, _ = e.(immutable)
	for _, list := range earlier {
		if d.entry != nil && len(list) > 0 && list[0].entry == d.entry {
			return list[0], true
		}
	}
	file := File{Branch: f.branch, Path: path.Join(f.name, d.name)}
	var ok bool
	if file.Data, ok = r.read(file.Path); !ok {
		return d, false
	}
	for _, list := range earlier {
		if len(list) > 0 && list[0].name == d.name && bytes.Equal(list[0].parsed.Data, file.Data) {
			d.parsed = list[0].parsed
			return d, true
		}
	}
	d.parsed = &Parsed[T]{File: file}
	d.parsed.Value, d.parsed.Problems = f.parse(file)
	return d, true
}
