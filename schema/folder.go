package schema

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
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
// To read a folder of which little has changed costs little more than listing it.
//
// A Folder must not be used by two goroutines at once.
type Folder[T any] struct {
	branch, name string
	parse        func(File) (*T, Diagnostics)
	last, kept   reading[T]
}

// reading is a folder as it was read once. Both lists are sorted by name.
type reading[T any] struct {
	entries   []remembered[T]
	documents []*Parsed[T] // of those entries that are documents
	problems  Diagnostics  // of the folder
}

// remembered is an entry of a folder that was read.
type remembered[T any] struct {
	name   string
	kind   fs.FileMode
	entry  immutable  // nil if the file may have changed
	parsed *Parsed[T] // nil: it is no document
}

// immutable is an entry of a folder whose file never changes: when two of them
// are equal, so are their files. The trees of commits can have such entries;
// then unchanged documents need not even be read. They must be comparable.
type immutable interface {
	fs.DirEntry
	Immutable()
}

// NewFolder makes a Folder that has read nothing yet. branch is as in Position. When
// the folder is read for the first time parse is called by several goroutines.
func NewFolder[T any](branch, name string, parse func(File) (*T, Diagnostics)) *Folder[T] {
	return &Folder[T]{branch: branch, name: name, parse: parse}
}

// Read reads the folder in a tree. The documents are sorted by path; those that
// have not changed are the same pointers as before, and if none has, so is the
// list, which must not be changed. The diagnostics are those of Documents; what
// the parser said stands in each document.
func (f *Folder[T]) Read(t Tree) ([]*Parsed[T], Diagnostics) {
	r := &folderReader{tree: t, branch: f.branch, folder: f.name}
	entries, err := r.listed()
	if err == nil && f.reread(r, entries) {
		return f.last.documents, f.last.problems
	}
	now := reading[T]{entries: make([]remembered[T], len(entries))}
	last, kept, chosen := f.last.entries, f.kept.entries, r.documents(entries, err)
	first := len(last) == 0 && len(kept) == 0
	for i, e := range entries {
		now.entries[i] = newRemembered[T](e)
		if len(chosen) == 0 || chosen[0].Name() != e.Name() {
			continue
		}
		last, kept, chosen = skipTo(last, e.Name()), skipTo(kept, e.Name()), chosen[1:]
		d, known := f.find(r, e, last, kept)
		if d == nil {
			continue
		}
		now.entries[i].parsed = d
		now.documents = append(now.documents, d)
		if !known && !first {
			f.take(d)
		}
	}
	if first {
		f.takeAll(now.documents)
	}
	now.problems = r.problems.Sort()
	f.last = now
	return now.documents, now.problems
}

// Keep remembers what was read last until it is called again, whatever is read
// in between: to come back to it costs nothing then.
func (f *Folder[T]) Keep() { f.kept = f.last }

func newRemembered[T any](e fs.DirEntry) remembered[T] {
	d := remembered[T]{name: e.Name(), kind: e.Type()}
	d.entry, _ = e.(immutable)
	return d
}

// same reports whether e is the very entry that is remembered.
func (d *remembered[T]) same(e fs.DirEntry) bool {
	now, ok := e.(immutable)
	return ok && now == d.entry
}

// reread reads the folder again when it has the same names in it as it had last,
// which was without problems: only the documents that have changed are looked
// at. It reports whether that was all.
func (f *Folder[T]) reread(r *folderReader, entries []fs.DirEntry) bool {
	last := &f.last
	if len(last.problems) > 0 || len(last.entries) != len(entries) {
		return false
	}
	var changed []int
	for i, e := range entries {
		d := &last.entries[i]
		if d.same(e) {
			continue
		}
		if d.name != e.Name() || d.kind != e.Type() {
			return false
		}
		if d.parsed != nil {
			changed = append(changed, i)
		}
	}
	return f.replace(r, entries, changed)
}

// replace takes some documents anew, unless one cannot be read.
func (f *Folder[T]) replace(r *folderReader, entries []fs.DirEntry, changed []int) bool {
	if len(changed) == 0 {
		return true
	}
	now := reading[T]{entries: slices.Clone(f.last.entries), documents: slices.Clone(f.last.documents)}
	kept, rest := f.kept.entries, now.documents
	for _, i := range changed {
		e, d := entries[i], &now.entries[i]
		kept = skipTo(kept, d.name)
		parsed, known := f.find(r, e, f.last.entries[i:], kept)
		if parsed == nil {
			r.problems = nil // whoever reads all of the folder meets them again
			return false
		}
		if !known {
			f.take(parsed)
		}
		rest = rest[slices.Index(rest, d.parsed):]
		*d = newRemembered[T](e)
		d.parsed, rest[0] = parsed, parsed
	}
	f.last = now
	return true
}

// skipTo is all from the name onwards.
func skipTo[T any](all []remembered[T], name string) []remembered[T] {
	for len(all) > 0 && all[0].name < name {
		all = all[1:]
	}
	return all
}

// find finds a document as it was remembered, at the front of one of the lists, or
// else reads it, to be parsed. It is nil if it cannot be read.
func (f *Folder[T]) find(r *folderReader, e fs.DirEntry, earlier ...[]remembered[T]) (d *Parsed[T], known bool) {
	for _, list := range earlier {
		if len(list) > 0 && list[0].parsed != nil && list[0].same(e) {
			return list[0].parsed, true
		}
	}
	file := File{Branch: f.branch, Path: path.Join(f.name, e.Name())}
	var ok bool
	if file.Data, ok = r.read(file.Path); !ok {
		return nil, false
	}
	for _, list := range earlier {
		if len(list) > 0 && list[0].name == e.Name() && list[0].parsed != nil && bytes.Equal(list[0].parsed.Data, file.Data) {
			return list[0].parsed, true
		}
	}
	return &Parsed[T]{File: file}, false
}

func (f *Folder[T]) take(d *Parsed[T]) { d.Value, d.Problems = f.parse(d.File) }

// takeAll parses the documents of a folder that is read for the first time, on all
// processors: nothing is served from it yet that would want one. A panic of the
// parser is the caller's, as it is in take.
func (f *Folder[T]) takeAll(documents []*Parsed[T]) {
	var next atomic.Int64
	var failure atomic.Pointer[string]
	var done sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(documents)) {
		done.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					told := fmt.Sprintf("%v\n%s", p, debug.Stack())
					failure.Store(&told)
				}
			}()
			for i := next.Add(1) - 1; i < int64(len(documents)); i = next.Add(1) - 1 {
				f.take(documents[i])
			}
		})
	}
	done.Wait()
	if told := failure.Load(); told != nil {
		panic(*told)
	}
}
