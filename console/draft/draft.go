package draft

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/plan"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Base is what a change is made upon.
type Base struct {
	Newest  schema.Revision       // what was read last
	Live    schema.Revision       // what serves
	Serving []*endpoints.Endpoint // the endpoints of Live, by name
}

// Commit is that of the endpoints branch.
func (b Base) Commit() string { return b.Newest.Trees[b.Newest.Branch].Commit }

// Known reports whether a revision was read at all.
func (b Base) Known() bool { return b.Newest.Trees[b.Newest.Branch].FS != nil }

// Path is where the document of an endpoint stands, or would stand.
func Path(rev schema.Revision, name string) string {
	if doc, ok := Find(rev, name); ok {
		return doc.Path
	}
	return schema.EndpointsFolder + "/" + name + ".yaml"
}

// Find is the document of an endpoint.
func Find(rev schema.Revision, name string) (schema.File, bool) {
	tree := rev.Trees[rev.Branch].FS
	if tree == nil || !schema.IsEndpointName(name) {
		return schema.File{}, false
	}
	for _, ending := range []string{".yaml", ".yml"} {
		at := schema.EndpointsFolder + "/" + name + ending
		if info, err := fs.Stat(tree, at); err == nil && info.Mode().IsRegular() {
			data, err := fs.ReadFile(tree, at)
			return schema.File{Path: at, Data: data}, err == nil
		}
	}
	return schema.File{}, false
}

// Change is a document that is to be written, or removed.
type Change struct {
	Path     string
	Data     []byte                 // nil: removed
	Branches map[string]schema.Tree // that the document names for the first time
}

// Verdict is what is known of a change before it is committed.
type Verdict struct {
	Changes  bool               // the file changes at all
	Problems schema.Diagnostics // what is wrong with the document
	Others   schema.Diagnostics // what is wrong with the revision elsewhere, for the change
	Before   schema.Diagnostics // what was wrong elsewhere already: until that is put right, nothing new serves
	Diff     []DiffLine
	Plan     *plan.Plan // what changes for callers; nil if there are problems
}

// Good reports whether the change brings no problem with it: it serves, or would if
// nothing else were wrong. Several documents that are wrong are put right one by one.
func (v Verdict) Good() bool { return v.Changes && len(v.Problems) == 0 && len(v.Others) == 0 }

// Judge judges a change by the check that the gateway makes.
func Judge(b Base, change Change, check func(schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics)) Verdict {
	tree := b.Newest.Trees[b.Newest.Branch]
	was, err := fs.ReadFile(tree.FS, change.Path)
	there, stays := err == nil, change.Data != nil
	v := Verdict{Changes: there != stays || !bytes.Equal(was, change.Data), Diff: Diff(was, change.Data)}
	would := with(b.Newest, overlay{base: tree.FS, path: change.Path, data: change.Data})
	maps.Copy(would.Trees, change.Branches)
	all, problems := check(would)
	for _, d := range problems {
		if d.Branch == "" && d.File == change.Path {
			v.Problems = append(v.Problems, d)
		} else {
			v.Others = append(v.Others, d)
		}
	}
	if len(v.Others) > 0 {
		_, before := check(b.Newest)
		v.Others, v.Before = apart(v.Others, before)
	}
	if len(problems) == 0 {
		v.Plan = compare(b, would, all, change.Path)
	}
	return v
}

// apart tells the problems that come from those that were there before.
func apart(all, before schema.Diagnostics) (come, were schema.Diagnostics) {
	for _, d := range all {
		if slices.Contains(before, d) {
			were = append(were, d)
		} else {
			come = append(come, d)
		}
	}
	return come, were
}

// with is a revision with another tree of its endpoints branch.
func with(rev schema.Revision, tree fs.FS) schema.Revision {
	trees := maps.Clone(rev.Trees)
	trees[rev.Branch] = schema.Tree{Commit: rev.Trees[rev.Branch].Commit, FS: tree}
	return schema.Revision{Branch: rev.Branch, Trees: trees}
}

// compare is what changes for the callers of the endpoint of one document.
func compare(b Base, would schema.Revision, all []*endpoints.Endpoint, at string) *plan.Plan {
	name := strings.TrimSuffix(path.Base(at), path.Ext(at))
	narrow := func(rev schema.Revision, all []*endpoints.Endpoint, called string) plan.Revision {
		side := plan.Revision{Revision: rev, Name: called}
		if tree := rev.Trees[rev.Branch].FS; tree != nil {
			side.Revision = with(rev, only{tree, at})
		}
		if i := slices.IndexFunc(all, func(e *endpoints.Endpoint) bool { return e.Name == name }); i >= 0 {
			side.Endpoints = all[i : i+1]
		}
		return side
	}
	return plan.Compare(narrow(b.Live, b.Serving, "what serves"), narrow(would, all, "the change"))
}
