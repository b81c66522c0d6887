package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The folders of a tree that hold documents.
const (
	EndpointsFolder   = "endpoints"
	DeploymentsFolder = "deployments"
	KeysFolder        = "keys"
)

// Documents lists and reads the documents in one folder of a tree, sorted by
// path. branch is as in Position: empty for the endpoints branch. A folder that
// does not exist holds none.
//
// Hidden files, folders and files of other endings than .yaml and .yml are
// passed over. What ought to be a document and cannot be one is a diagnostic
// and not listed: what is no regular file, has a bad name, is larger than
// MaxFileSize, or shares its name with another file, as a.yml and a.yaml do.
func Documents(t Tree, branch, folder string) ([]File, Diagnostics) {
	f := folderReader{tree: t, branch: branch, folder: folder}
	var files []File
	for _, e := range f.documents(f.listed()) {
		p := path.Join(folder, e.Name())
		if data, ok := f.read(p); ok {
			files = append(files, File{Branch: branch, Path: p, Data: data})
		}
	}
	return files, f.problems.Sort()
}

// folderReader reads one folder and collects what is wrong in it.
type folderReader struct {
	tree           Tree
	branch, folder string
	problems       Diagnostics
}

func (f *folderReader) report(file string, rule Rule, format string, args ...any) {
	f.problems = append(f.problems, Diagnostic{
		Position: Position{Branch: f.branch, File: file}, Rule: rule, Message: fmt.Sprintf(format, args...),
	})
}

// documents picks the entries that are documents by kind and name out of the
// listed ones, unless err says that listing failed.
func (f *folderReader) documents(entries []fs.DirEntry, err error) []fs.DirEntry {
	if err != nil {
		f.report(f.folder, RuleFile, "%s", err)
		return nil
	}
	return f.chosen(entries)
}

// listed lists the folder by name. A folder that is a link is refused: in git
// a link is a file, so that a work tree would show what no revision holds.
func (f *folderReader) listed() ([]fs.DirEntry, error) {
	if f.tree.FS == nil {
		return nil, nil
	}
	info, err := fs.Lstat(f.tree.FS, f.folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, unwrapped(err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s must be a folder, not %s", f.folder, entryKind(info.Mode()))
	}
	entries, err := fs.ReadDir(f.tree.FS, f.folder)
	if err != nil {
		return nil, unwrapped(err)
	}
	return entries, nil
}

// unwrapped is the cause of an error of a file system without the path, which
// the diagnostic names already.
func unwrapped(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// entryKind says what an entry is.
func entryKind(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "a file"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	default:
		return "a special file"
	}
}

// chosen is the entries that are documents by kind and name.
func (f *folderReader) chosen(entries []fs.DirEntry) []fs.DirEntry {
	seen := make(map[string]string, len(entries)) // file by name, letter case folded
	chosen := make([]fs.DirEntry, 0, len(entries))
	for _, e := range entries {
		name, ok := f.document(e)
		if !ok {
			continue
		}
		folded := strings.ToLower(name)
		if other, ok := seen[folded]; ok {
			f.report(path.Join(f.folder, e.Name()), RuleFile, "%s and %s bear the same name; remove one of them", e.Name(), other)
			chosen = slices.DeleteFunc(chosen, func(c fs.DirEntry) bool { return c.Name() == other })
			continue
		}
		seen[folded] = e.Name()
		chosen = append(chosen, e)
	}
	return chosen
}

// document is the name of the document that e holds, if it is one.
func (f *folderReader) document(e fs.DirEntry) (string, bool) {
	file := e.Name()
	ending := path.Ext(file)
	if file[0] == '.' || e.IsDir() || !strings.EqualFold(ending, ".yaml") && !strings.EqualFold(ending, ".yml") {
		return "", false
	}
	name := strings.TrimSuffix(file, ending)
	good, form := IsLabel, labelForm
	if f.folder == EndpointsFolder {
		good, form = IsEndpointName, endpointForm
	}
	switch {
	case ending != strings.ToLower(ending):
		f.report(path.Join(f.folder, file), RuleFile, "the ending %s is not read; write it in small letters: %s", ending, name+strings.ToLower(ending))
	case !good(name):
		f.report(path.Join(f.folder, file), RuleFile, "a file here cannot be named %s; before its ending, the name takes %s", quoted(file), form)
	case !e.Type().IsRegular():
		f.report(path.Join(f.folder, file), RuleFile, "a document must be a regular file, not %s", entryKind(e.Type()))
	default:
		return name, true
	}
	return "", false
}

// read reads a file, of which never more than one byte above the limit.
func (f *folderReader) read(name string) ([]byte, bool) {
	file, err := f.tree.FS.Open(name)
	if err != nil {
		f.report(name, RuleFile, "%s", unwrapped(err))
		return nil, false
	}
	defer func() { _ = file.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, MaxFileSize+1))
	switch {
	case err != nil:
		f.report(name, RuleFile, "%s", unwrapped(err))
	case len(data) > MaxFileSize:
		f.report(name, RuleSize, "the file is larger than %d KiB", MaxFileSize>>10)
	default:
		return bytes.Clone(data), true // without the room that was left to read more
	}
	return nil, false
}
