package endpoints

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Load parses the endpoint documents of the revision's endpoints branch,
// resolves what they name in set, and checks them against each other. All
// problems are reported at once; the endpoints are sorted by name. Those that
// have problems are not among them: whoever serves the endpoints looks at the
// diagnostics first.
//
// A tree without a folder of endpoints has none, which is no problem here.
// Whether it is one, because the folder had been there before, is for him to
// decide who follows the branch.
func Load(rev schema.Revision, set *deployments.Set) ([]*Endpoint, schema.Diagnostics) {
	tree, ok := rev.Trees[rev.Branch]
	if !ok {
		return nil, schema.Diagnostics{{Rule: schema.RuleReference, Message: fmt.Sprintf("the endpoints branch %q does not exist", rev.Branch)}}
	}
	files, problems := schema.Documents(tree, "", schema.EndpointsFolder)
	byPath := make(map[string]schema.File, len(files))
	endpoints := make([]*Endpoint, 0, len(files))
	var paths []schema.Value[string]
	for _, f := range files {
		byPath[f.Path] = f
		declared, more := schema.ParseEndpoint(f)
		if declared == nil {
			problems = append(problems, more...)
			continue
		}
		e, more := resolve(declared, set)
		if len(more) > 0 {
			problems = append(problems, more.WithSource(f)...)
		} else {
			endpoints = append(endpoints, e)
		}
		if declared.Path.V != "" {
			paths = append(paths, declared.Path)
		}
	}
	for _, p := range overlaps(paths) {
		problems = append(problems, schema.Diagnostics{p}.WithSource(byPath[p.File])...)
	}
	slices.SortFunc(endpoints, func(a, b *Endpoint) int { return cmp.Compare(a.Name, b.Name) })
	return endpoints, problems.Sort()
}

// resolve makes the endpoint of a document that is valid by itself. The
// deployments of mirrors that are off are looked up like all others: switching
// one on must not be a surprise.
func resolve(declared *schema.Endpoint, set *deployments.Set) (*Endpoint, schema.Diagnostics) {
	e := &Endpoint{
		Name:       declared.Name,
		Path:       declared.Path.V,
		Timeout:    declared.Timeout.V,
		Backends:   make([]Backend, 0, len(declared.Backends)),
		Assignment: keys(declared.Assignment),
		Sampling:   keys(declared.Sampling),
	}
	var problems schema.Diagnostics
	for i := range declared.Backends {
		d := &declared.Backends[i]
		b := Backend{Name: d.Name.V, Weight: d.Weight.V, Static: d.Static, salt: salt("assign", e.Name, d.Name.V)}
		if d.Deployment != nil {
			found, more := set.Resolve(*d.Deployment)
			b.Deployment = &found
			problems = append(problems, more...)
		}
		e.Backends = append(e.Backends, b)
	}
	for i := range declared.Mirrors {
		d := &declared.Mirrors[i]
		found, more := set.Resolve(d.Deployment)
		problems = append(problems, more...)
		if d.Enabled {
			e.Mirrors = append(e.Mirrors, Mirror{
				Name: d.Name.V, Percent: d.Percent.V, Deployment: found, salt: salt("sample", e.Name, d.Name.V),
			})
		}
	}
	return e, problems
}

func keys(ladder []schema.Value[schema.Key]) Keys {
	ks := make(Keys, len(ladder))
	for i, k := range ladder {
		ks[i] = k.V
	}
	return ks
}

// overlaps reports every path that is equal to another one or lies under it, at
// both. In the order of segments whatever lies under a path follows it, so that
// one pass finds them.
func overlaps(paths []schema.Value[string]) schema.Diagnostics {
	slices.SortFunc(paths, func(a, b schema.Value[string]) int {
		return cmp.Or(cmp.Compare(a.V+"/", b.V+"/"), a.Pos.Compare(b.Pos))
	})
	var problems schema.Diagnostics
	var above []schema.Value[string] // each lies under the one before it
	for _, p := range paths {
		for len(above) > 0 && !strings.HasPrefix(p.V+"/", above[len(above)-1].V+"/") {
			above = above[:len(above)-1]
		}
		if len(above) > 0 {
			nearest := above[len(above)-1]
			problems = append(problems, overlap(p, nearest), overlap(nearest, p))
		}
		above = append(above, p)
	}
	return problems
}

func overlap(at, other schema.Value[string]) schema.Diagnostic {
	return schema.Diagnostic{
		Position: at.Pos,
		Rule:     schema.RuleConflict,
		Message:  fmt.Sprintf("path %q overlaps %q at %s; no path may be equal to another one or lie under it", at.V, other.V, other.Pos),
	}
}
