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
	return NewLoader().Load(rev, set)
}

// Loader loads one revision after another. Each time it gives what Load gives,
// but does not parse again what has not changed, and an endpoint whose document
// and whose deployments are the same as before is the same pointer: the set has
// to come from one deployments.Loader for that. It remembers the revision that
// was loaded last and the one that was kept last, and nothing older.
//
// A Loader must not be used by two goroutines at once.
type Loader struct {
	folder *schema.Folder[document]
	last   []*schema.Parsed[document]
	set    *deployments.Set
	sets   int // how many different ones there have been
	// loaded are the endpoints of last, one for each document, in its order; nil if there were
	// problems, those of deployments included, which this Loader is not told of.
	loaded  []*Endpoint
	changed []int // of last, the documents that are others than those that were kept
	all     bool  // more than these may be
}

// NewLoader makes a Loader that has loaded nothing yet.
func NewLoader() *Loader {
	return &Loader{folder: schema.NewFolder("", schema.EndpointsFolder, parse)}
}

// Load is the function Load. What it gives must not be changed.
func (l *Loader) Load(rev schema.Revision, set *deployments.Set) ([]*Endpoint, schema.Diagnostics) {
	tree, ok := rev.Trees[rev.Branch]
	if !ok {
		return nil, schema.Diagnostics{{Rule: schema.RuleReference, Message: fmt.Sprintf("the endpoints branch %q does not exist", rev.Branch)}}
	}
	documents, problems := l.folder.Read(tree)
	before := l.last
	l.last = documents
	if len(problems) == 0 && set == l.set && l.change(before) {
		return l.loaded, nil
	}
	l.loaded, l.changed, l.all = nil, nil, true
	if set != l.set {
		l.set, l.sets = set, l.sets+1
	}
	endpoints := make([]*Endpoint, 0, len(documents))
	for _, doc := range documents {
		problems = append(problems, doc.Problems...)
		if doc.Value == nil {
			continue
		}
		if doc.Value.set != l.sets || doc.Value.last.endpoint == nil {
			more := doc.Value.resolve(set)
			problems = append(problems, more.WithSource(doc.File)...)
			doc.Value.set = l.sets
		}
		if e := doc.Value.last.endpoint; e != nil {
			endpoints = append(endpoints, e)
		}
	}
	problems = append(problems, overlaps(documents)...)
	byName := func(a, b *Endpoint) int { return strings.Compare(a.Name, b.Name) }
	if len(problems) == 0 && len(endpoints) == len(documents) && slices.IsSortedFunc(endpoints, byName) {
		l.loaded = endpoints
		return endpoints, nil
	}
	slices.SortFunc(endpoints, byName)
	return endpoints, problems.Sort()
}

// change looks at the documents that are others than before, if nothing else
// can have changed: these had no problems, there are as many of the same names and
// paths, and they still have no problems. The rest is not even touched.
func (l *Loader) change(before []*schema.Parsed[document]) bool {
	if l.loaded == nil || len(before) != len(l.last) {
		return false
	}
	now := l.loaded
	for i, doc := range l.last {
		if doc == before[i] {
			continue
		}
		if doc.Value == nil || len(doc.Problems) > 0 || doc.Path != before[i].Path || doc.Value.path() != before[i].Value.path() {
			return false
		}
		if len(doc.Value.resolve(l.set)) > 0 || doc.Value.last.endpoint == nil {
			return false
		}
		doc.Value.set = l.sets
		if &now[0] == &l.loaded[0] {
			now = slices.Clone(now)
		}
		now[i] = doc.Value.last.endpoint
		l.changed = append(l.changed, i)
	}
	l.loaded = now
	if len(l.changed) > len(l.last) { // as many refused revisions, one after the other
		l.changed, l.all = nil, true
	}
	return true
}

// Keep says that the revision loaded last is the one that serves. It stays
// remembered, whatever is loaded and refused before the next call.
func (l *Loader) Keep() {
	l.folder.Keep()
	for _, i := range l.changed {
		l.last[i].Value.kept = l.last[i].Value.last
	}
	if l.all {
		for _, doc := range l.last {
			if doc.Value != nil {
				doc.Value.kept = doc.Value.last
			}
		}
	}
	l.changed, l.all = nil, false
}

// overlaps reports every path that is equal to another one or lies under it, at
// both. In the order of segments whatever lies under a path follows it, so that
// one pass finds them.
func overlaps(documents []*schema.Parsed[document]) schema.Diagnostics {
	paths := make([]*schema.Parsed[document], 0, len(documents))
	for _, doc := range documents {
		if doc.Value != nil && doc.Value.path() != "" {
			paths = append(paths, doc)
		}
	}
	slices.SortFunc(paths, func(a, b *schema.Parsed[document]) int {
		return cmp.Or(compareSegments(a.Value.path(), b.Value.path()), strings.Compare(a.Path, b.Path))
	})
	var problems schema.Diagnostics
	var above []*schema.Parsed[document] // each lies under the one before it
	for _, p := range paths {
		for len(above) > 0 && !schema.PathsOverlap(p.Value.path(), above[len(above)-1].Value.path()) {
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

// compareSegments orders two paths as if each ended with a slash.
func compareSegments(a, b string) int {
	n := min(len(a), len(b))
	if order := strings.Compare(a[:n], b[:n]); order != 0 || len(a) == len(b) {
		return order
	}
	if len(a) < len(b) {
		return cmp.Or(cmp.Compare('/', b[n]), -1)
	}
	return cmp.Or(cmp.Compare(a[n], '/'), 1)
}

func overlap(at, other *schema.Parsed[document]) schema.Diagnostic {
	here, there := at.Value.declared.Path, other.Value.declared.Path
	problem := schema.Diagnostics{{
		Position: here.Pos,
		Rule:     schema.RuleConflict,
		Message:  fmt.Sprintf("path %q overlaps %q at %s; no path may be equal to another one or lie under it", here.V, there.V, there.Pos),
	}}
	return problem.WithSource(at.File)[0]
}
