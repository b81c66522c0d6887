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
	files, _ := schema.Documents(t, "", schema.EndpointsFolder)
	named := map[string]struct{}{}
	for _, f := range files {
		if staysOn(f.Data, endpointsBranch) {
			continue
		}
		e, _ := schema.ParseEndpoint(f)
		if e == nil {
			continue
		}
		for i := range e.Backends {
			if d := e.Backends[i].Deployment; d != nil {
				named[d.Branch.V] = struct{}{}
			}
		}
		for i := range e.Mirrors {
			named[e.Mirrors[i].Deployment.Branch.V] = struct{}{}
		}
	}
	delete(named, endpointsBranch)
	delete(named, "") // could not be read
	return slices.Sorted(maps.Keys(named))
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
