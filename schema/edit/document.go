package edit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/switchyard-gateway/switchyard/schema"
)

const byteOrderMark = "\ufeff"

// Error is a change that cannot be made to a document as it is written. The
// document is as it was before.
type Error struct {
	File   string
	Path   []string // of the value, from the top of the document
	Reason string
}

// Error says where, and why not.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s cannot be changed here: %s; change it as YAML", e.File, strings.Join(e.Path, "."), e.Reason)
}

// Document is an endpoint document that is changed in place. It is for one
// goroutine.
type Document struct {
	file    schema.File
	text    text
	root    *yaml.Node // the mapping
	touched [][]string
}

// Open reads a document. Its YAML must be sound and a mapping at the top, or the
// error says what is wrong; the endpoint in it may be wrong.
func Open(f schema.File) (*Document, error) {
	if len(f.Data) > schema.MaxFileSize {
		return nil, fmt.Errorf("%s: the file is larger than %d KiB", f.Path, schema.MaxFileSize>>10)
	}
	d := &Document{file: f}
	root, err := parse(f.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	d.text, d.root = newText(bytes.Clone(f.Data)), root
	return d, nil
}

// parse gives the mapping at the top.
func parse(data []byte) (*yaml.Node, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(bytes.TrimPrefix(data, []byte(byteOrderMark)), &n); err != nil {
		return nil, err
	}
	if n.Kind != yaml.DocumentNode || n.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("it is not a YAML mapping")
	}
	return n.Content[0], nil
}

// Bytes is the text as it is now. The caller may change what it gets.
func (d *Document) Bytes() []byte { return bytes.Clone(d.text.data) }

// File is the document as a file.
func (d *Document) File() schema.File {
	return schema.File{Branch: d.file.Branch, Path: d.file.Path, Data: d.Bytes()}
}

// Meets reports whether all values that were changed in d are the same in two
// other documents, or missing in both: whoever made the changes to the one may
// make them to the other without taking back what somebody else has changed. A
// reference is one value.
func (d *Document) Meets(was, is *Document) bool {
	for _, path := range d.touched {
		a, b := newTree(was.root).at(path), newTree(is.root).at(path)
		if !a.equal(b) {
			return false
		}
	}
	return true
}

// touchedOnly says that of what was changed last nothing is meant but what stands
// at a path in it.
func (d *Document) touchedOnly(path []string) { d.touched[len(d.touched)-1] = slices.Clone(path) }

// refuse is the Error of a change.
func (d *Document) refuse(path []string, format string, args ...any) error {
	return &Error{File: d.file.Path, Path: slices.Clone(path), Reason: fmt.Sprintf(format, args...)}
}

// whole makes several changes, or none of them.
func (d *Document) whole(changes ...func() error) error {
	before := *d
	before.touched = slices.Clone(d.touched)
	for _, change := range changes {
		if err := change(); err != nil {
			*d = before
			return err
		}
	}
	return nil
}

// change makes a change to the text if it means the change that want makes to
// what the text holds.
func (d *Document) change(path []string, cuts []cut, want func(*tree)) error {
	data := d.text.with(cuts)
	if len(data) > schema.MaxFileSize {
		return d.refuse(path, "the file would be larger than %d KiB", schema.MaxFileSize>>10)
	}
	root, err := parse(data)
	if err != nil {
		return d.refuse(path, "the way in which it is written does not allow it")
	}
	expected := newTree(d.root)
	want(expected)
	if !newTree(root).equal(expected) {
		return d.refuse(path, "it shares its text with another value")
	}
	d.text, d.root = newText(data), root
	d.touched = append(d.touched, slices.Clone(path))
	return nil
}
