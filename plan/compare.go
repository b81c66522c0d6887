package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// comparison holds what comparing two revisions needs to look up.
type comparison struct {
	from, to    Revision
	off         [2]map[string][]schema.Mirror // before and after
	deployments []Deployment
	redefined   map[version]bool
}

// version is where a version of a deployment is declared.
type version struct {
	address
	number int
}

// Compare says what to would change against from. Deployments are compared on
// the branches that both revisions have read.
func Compare(from, to Revision) *Plan {
	c := &comparison{from: from, to: to, off: [2]map[string][]schema.Mirror{from.off(), to.off()}}
	c.compareDeployments()
	p := &Plan{
		SchemaVersion: 1,
		From:          from.source(), To: to.source(),
		Notes: []string{}, Endpoints: []Endpoint{}, Deployments: c.deployments,
		branch: to.Branch,
	}
	for _, pair := range pairs(from.Endpoints, to.Endpoints, func(e *endpoints.Endpoint) string { return e.Name }) {
		p.add(c.compare(pair.From, pair.To))
	}
	slices.SortStableFunc(p.Endpoints, func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.touched(), a.touched()))
	})
	c.compareKeys(p)
	p.Changes = len(p.Endpoints) > 0 || len(p.Keys) > 0
	p.Summary.Text = p.summarize()
	return p
}

// add counts an endpoint, and keeps it if it changes.
func (p *Plan) add(e Endpoint) {
	switch e.Change {
	case Added:
		p.Summary.Added++
	case Removed:
		p.Summary.Removed++
	case Changed:
		p.Summary.Changed++
	default:
		p.Summary.Unchanged++
		return
	}
	p.Endpoints = append(p.Endpoints, e)
}

// pairs puts what has the same name together, in the order of names.
func pairs[T any](from, to []*T, name func(*T) string) []Change[*T] {
	byName := map[string]Change[*T]{}
	for _, v := range from {
		byName[name(v)] = Change[*T]{From: v}
	}
	for _, v := range to {
		byName[name(v)] = Change[*T]{From: byName[name(v)].From, To: v}
	}
	all := make([]Change[*T], 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all
}

// rank puts first what takes something away from callers.
func (e *Endpoint) rank() int {
	switch {
	case e.Change == Removed:
		return 0
	case e.Change == Changed && e.Path != nil && e.Path.From != "":
		return 1
	case e.Change == Changed:
		return 2
	}
	return 3
}

// touched is the larger share of callers that notice the change.
func (e *Endpoint) touched() float64 {
	if e.Live == nil {
		return 0
	}
	share := max(e.Live.Moved, e.Live.OtherAnswer)
	redefined := 0.0
	for _, b := range e.Backends {
		if b.Redefined && b.To != nil {
			redefined += b.To.Share
		}
	}
	return max(share, redefined)
}

// compare compares two endpoints of a name; one of them may be nil. An endpoint
// without a kind of change has none.
func (c *comparison) compare(from, to *endpoints.Endpoint) Endpoint {
	either := cmp.Or(to, from)
	e := Endpoint{Name: either.Name, Backends: c.backends(from, to), Mirrors: c.mirrors(from, to)}
	switch {
	case from == nil:
		e.Change = Added
	case to == nil:
		e.Change = Removed
	default:
		e.Live = compareLive(from, to)
	}
	was, is := cmp.Or(from, &endpoints.Endpoint{}), cmp.Or(to, &endpoints.Endpoint{})
	if was.Path != is.Path {
		e.Path, e.PathTaker = &Change[string]{was.Path, is.Path}, c.taker(was.Path)
	}
	if before, after := fallback(from), fallback(to); before != after {
		e.Fallback = &Change[string]{before, after}
	}
	if before, after := timeout(from), timeout(to); before != after {
		e.Timeout = &Change[string]{before, after}
	}
	if !slices.Equal(was.Assignment, is.Assignment) {
		e.Assignment = &Change[[]string]{ladder(was.Assignment), ladder(is.Assignment)}
	}
	if !slices.Equal(was.Sampling, is.Sampling) {
		e.Sampling = &Change[[]string]{ladder(was.Sampling), ladder(is.Sampling)}
	}
	e.Capture = compareCapture(was, is)
	e.Settings = settings(endpointSettings(was), endpointSettings(is))
	if e.Change == "" && e.differs() {
		e.Change = Changed
	}
	return e
}

// endpointSettings are the values that an endpoint has besides those with a place of
// their own.
func endpointSettings(e *endpoints.Endpoint) []Setting {
	return append(guardSettings(e.Guard), Setting{Name: "callerTimeout", To: strings.Join(ladder(e.CallerTimeout), ", ")})
}

// taker is the endpoint that serves a path afterwards; empty: none.
func (c *comparison) taker(path string) string {
	for _, e := range c.to.Endpoints {
		if e.Path != "" && (path == e.Path || strings.HasPrefix(path, e.Path+"/")) {
			return e.Name
		}
	}
	return ""
}

func (e *Endpoint) differs() bool {
	return e.Path != nil || e.Timeout != nil || e.Fallback != nil || e.Assignment != nil || e.Sampling != nil || e.Capture != nil || len(e.Backends) > 0 || len(e.Mirrors) > 0 || len(e.Settings) > 0
}

// ladder is keys as they are written.
func ladder(keys endpoints.Keys) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.String()
	}
	return all
}

// fallback is the fallback of an endpoint, with what it is for where that is not
// all; empty if it has none.
func fallback(e *endpoints.Endpoint) string {
	if e == nil || e.Fallback == nil {
		return ""
	}
	name := e.Backends[e.Fallback.Backend].Name
	if e.Fallback.On == schema.AllFailures {
		return name
	}
	return name + " on " + strings.Join(e.Fallback.On.Names(), ", ")
}

// timeout is the timeout of an endpoint as people write it; that of no endpoint is
// empty.
func timeout(e *endpoints.Endpoint) string {
	if e == nil {
		return ""
	}
	return e.Timeout.String()
}
