package endpoints

import (
	"fmt"
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/schema"
)

// document is a parsed document and the endpoints that it became: the one of
// the revision that was loaded last, and the one of the revision that was kept.
type document struct {
	declared   *schema.Endpoint
	references []reference // in the order of the file: those of backends, then those of mirrors
	backends   int         // how many of them are backends'
	sound      bool        // without problems of its own
	last, kept resolved
	set        int // the number of the set that last was resolved in
}

// reference is the address of a backend's or a mirror's deployment. Those of
// mirrors that are off are looked up like all others, since switching one on
// must not be a surprise, but the endpoint does not have them.
type reference struct {
	*schema.DeploymentRef
	off    bool
	mirror *schema.Mirror // nil: it is a backend's
}

// resolved is an endpoint and what its references stood for.
type resolved struct {
	endpoint *Endpoint // nil: none
	found    []deployments.Resolved
}

func parse(f schema.File) (*document, schema.Diagnostics) {
	declared, problems := schema.ParseEndpoint(f)
	if declared == nil {
		return nil, problems
	}
	d := &document{declared: declared, sound: len(problems) == 0}
	for i := range declared.Backends {
		if ref := declared.Backends[i].Deployment; ref != nil {
			d.references = append(d.references, reference{DeploymentRef: ref})
		}
	}
	d.backends = len(d.references)
	for i := range declared.Mirrors {
		m := &declared.Mirrors[i]
		d.references = append(d.references, reference{DeploymentRef: &m.Deployment, off: !m.Enabled, mirror: m})
	}
	return d, problems
}

func (d *document) path() string { return d.declared.Path.V }

// resolve makes the endpoint of the document, or leaves the one from before if
// every reference still stands for the same. There is none when the document has
// problems, or a reference stands for nothing.
func (d *document) resolve(set *deployments.Set) schema.Diagnostics {
	var room [16]deployments.Resolved
	found := room[:0]
	var problems schema.Diagnostics
	whole := d.sound
	for _, ref := range d.references {
		r, more := set.Resolve(*ref.DeploymentRef)
		problems = append(problems, more...)
		if !ref.off {
			found = append(found, r)
		}
		whole = whole && r.Version != nil
		if m := ref.mirror; m != nil && m.Noise && r.Version != nil && !answersLive(found[:d.backends], r) {
			problems = append(problems, noiseElsewhere(m, r, found[:d.backends]))
			whole = false
		}
	}
	switch {
	case !whole:
		d.last = resolved{}
	case d.last.is(found):
	case d.kept.is(found):
		d.last = d.kept
	default:
		held := slices.Clone(found)
		d.last = resolved{endpoint: newEndpoint(d.declared, held), found: held}
	}
	return problems
}

// answersLive reports whether a version is one of those that answer live requests, or may
// be: of backends with a nil Version it is not known.
func answersLive(live []deployments.Resolved, v deployments.Resolved) bool {
	return slices.ContainsFunc(live, func(r deployments.Resolved) bool { return r.Version == v.Version || r.Version == nil })
}

// noiseElsewhere is that a mirror which is to show how often the live deployment differs
// from itself is one of another deployment.
func noiseElsewhere(m *schema.Mirror, v deployments.Resolved, live []deployments.Resolved) schema.Diagnostic {
	is := "and no backend is a deployment"
	if len(live) > 0 {
		names := make([]string, len(live))
		for i, r := range live {
			names[i] = called(r)
		}
		slices.Sort(names)
		is = "live are " + strings.Join(slices.Compact(names), ", ")
	}
	return schema.Diagnostic{Position: m.Deployment.Name.Pos, Rule: schema.RuleConflict, Message: fmt.Sprintf(
		"mirror %q is noise: true, how often the live deployment differs from itself; %s is none, %s",
		m.Name.V, called(v), is)}
}

func called(r deployments.Resolved) string {
	return fmt.Sprintf("%s version %d on branch %s", r.Name, r.Number, r.Branch)
}

// is reports whether the endpoint is that of references which stand for found.
func (r *resolved) is(found []deployments.Resolved) bool {
	return r.endpoint != nil && slices.Equal(r.found, found)
}

// newEndpoint makes the endpoint of a document that is valid by itself, and
// whose references stand for found.
func newEndpoint(declared *schema.Endpoint, found []deployments.Resolved) *Endpoint {
	e := &Endpoint{
		Name:          declared.Name,
		Path:          declared.Path.V,
		Timeout:       declared.Timeout.V,
		Backends:      make([]Backend, 0, len(declared.Backends)),
		Assignment:    keys(declared.Assignment),
		Sampling:      keys(declared.Sampling),
		CallerTimeout: keys(declared.CallerTimeout),
		Capture:       newCapture(declared.Name, declared.Capture),
		Guard:         declared.Guard,
	}
	for i := range declared.Backends {
		d := &declared.Backends[i]
		b := Backend{Name: d.Name.V, Weight: d.Weight.V, Static: d.Static, salt: salt("assign", e.Name, d.Name.V)}
		if d.Deployment != nil {
			b.Deployment, found = &found[0], found[1:]
		}
		e.Backends = append(e.Backends, b)
	}
	if f := declared.Fallback; f != nil {
		e.Fallback = &Fallback{
			Backend: slices.IndexFunc(e.Backends, func(b Backend) bool { return b.Name == f.Backend.V }), On: f.On,
		}
	}
	for i := range declared.Mirrors {
		d := &declared.Mirrors[i]
		if !d.Enabled {
			continue
		}
		m := Mirror{
			Name: d.Name.V, Percent: d.Percent.V, Deployment: found[0],
			Compare: d.Compare, Noise: d.Noise, Gates: d.Gates,
			salt: salt("sample", e.Name, d.Name.V),
		}
		m.Header, m.Rules = deployments.NewRules(&d.Rules)
		e.Mirrors = append(e.Mirrors, m)
		found = found[1:]
	}
	return e
}

func keys(ladder []schema.Value[schema.Key]) Keys { return values(ladder) }

// values are the values without their positions.
func values[T any](written []schema.Value[T]) []T {
	vs := make([]T, len(written))
	for i, v := range written {
		vs[i] = v.V
	}
	return vs
}
