package plan

import (
	"slices"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Revision is one side of a comparison: what is written, and what it was loaded
// to. It must have been found free of problems, except for Problems.
type Revision struct {
	schema.Revision
	Name      string                // what people call it, such as "origin/main" or "work tree"
	Endpoints []*endpoints.Endpoint // sorted by name
	Problems  int                   // how many it is refused for; then it has neither Trees nor Endpoints
}

// source is how a plan shows the revision.
func (r Revision) source() Source {
	return Source{Name: r.Name, Commit: r.Trees[r.Branch].Commit, Problems: r.Problems}
}

// off are the mirrors that are written down but switched off, by endpoint: an
// Endpoint does not have them.
func (r Revision) off() map[string][]schema.Mirror {
	files, _ := schema.Documents(r.Trees[r.Branch], "", schema.EndpointsFolder)
	found := map[string][]schema.Mirror{}
	for _, f := range files {
		e, _ := schema.ParseEndpoint(f)
		if e == nil {
			continue // the file has changed since it was found free of problems
		}
		found[e.Name] = slices.DeleteFunc(e.Mirrors, func(m schema.Mirror) bool { return m.Enabled })
	}
	return found
}

// address is where a deployment is declared.
type address struct{ branch, name string }

// deployments are the declared deployments of some branches, as written.
func (r Revision) deployments(branches []string) map[address]*schema.Deployment {
	found := map[address]*schema.Deployment{}
	for _, branch := range branches {
		files, _ := schema.Documents(r.Trees[branch], "", schema.DeploymentsFolder)
		for _, f := range files {
			if d, _ := schema.ParseDeployment(f); d != nil {
				found[address{branch, d.Name}] = d
			}
		}
	}
	return found
}
