package endpoints

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Branches names the branches, besides the endpoints branch, that the endpoint
// documents of a tree address deployments on, sorted. It passes over whatever
// cannot be understood: Load reports that.
func Branches(t schema.Tree, endpointsBranch string) []string {
	return NewNaming(endpointsBranch).Branches(t)
}

// Naming finds the Branches of one tree after another, and looks only at the
// documents that have changed.
//
// A Naming must not be used by two goroutines at once.
type Naming struct {
	branch string
	folder *schema.Folder[[]string]
}

// NewNaming makes a Naming for trees of an endpoints branch.
func NewNaming(endpointsBranch string) *Naming {
	n := &Naming{branch: endpointsBranch}
	n.folder = schema.NewFolder("", schema.EndpointsFolder, n.named)
	return n
}

// Branches is the function Branches.
func (n *Naming) Branches(t schema.Tree) []string {
	documents, _ := n.folder.Read(t)
	named := map[string]struct{}{}
	for _, d := range documents {
		if d.Value == nil {
			continue
		}
		for _, branch := range *d.Value {
			named[branch] = struct{}{}
		}
	}
	delete(named, n.branch)
	delete(named, "") // could not be read
	return slices.Sorted(maps.Keys(named))
}

// named is every branch that a document names; nil when it is the endpoints
// branch alone, or none can be read.
func (n *Naming) named(f schema.File) (*[]string, schema.Diagnostics) {
	if staysOn(f.Data, n.branch) {
		return nil, nil
	}
	e, _ := schema.ParseEndpoint(f)
	if e == nil {
		return nil, nil
	}
	all := e.Branches()
	return &all, nil
}

// staysOn reports whether a document plainly names no other branch, which saves
// parsing most documents of most repositories: wherever "branch" stands in it,
// ": BRANCH" and the end of the value follow. When in doubt it is false.
func staysOn(document []byte, branch string) bool {
	if bytes.IndexByte(document, '\\') >= 0 {
		return false // "branch" may be written with escapes
	}
	for rest := document; ; {
		_, after, found := bytes.Cut(rest, []byte("branch"))
		if !found {
			return true
		}
		rest = after
		value, ok := bytes.CutPrefix(after, []byte(": "+branch))
		if !ok || len(value) > 0 && !strings.ContainsRune(",}\r\n", rune(value[0])) {
			return false
		}
	}
}
