package draft

import (
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
	Path string
	Data []byte // nil: removed
}

// Verdict is what is known of a change before it is committed.
type Verdict struct {
	Changes  bool               // the file changes at all
	Problems schema.Diagnostics // what is wrong with the document
	Others   schema.Diagnostics // what is wrong with the revision elsewhere, which refuses the change as well
	Diff     []DiffLine
	Plan     *plan.Plan // what changes for callers; nil if there are problems
}

// Good reports whether the change would serve.
func (v Verdict) Good() bool { return v.Changes && len(v.Problems) == 0 && len(v.Others) == 0 }

// Judge judges a change by the check that the gateway makes.
func Judge(b Base, change Change, check func(schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics)) Verdict {
	tree := b.Newest.Trees[b.Newest.Branch]
	was, _ := fs.ReadFile(tree.FS, change.Path)
	v := Verdict{Diff: Diff(was, change.Data)}
	v.Changes = len(v.Diff) > 0
	would := with(b.Newest, overlay{base: tree.FS, path: change.Path, data: change.Data})
	all, problems := check(would)
	for _, d := range problems {
		if d.Branch == "" && d.File == change.Path {
			v.Problems = append(v.Problems, d)
		} else {
			v.Others = append(v.Others, d)
		}
	}
	if len(problems) == 0 {
		v.Plan = compare(b, would, all, change.Path)
	}
	return v
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
