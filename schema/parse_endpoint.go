package schema

import (
	"math"

	"gopkg.in/yaml.v3"
)

// endpoint reads the document of an endpoint.
func (d *document) endpoint(root *mapping) *Endpoint {
	e := &Endpoint{Pos: root.pos, Timeout: Value[Timeout]{Pos: root.pos}}
	backends := d.backends(root, e)
	d.mirrors(root, e, backends)
	if n, ok := root.take("fallback"); ok {
		e.Fallback = d.fallback(n, e.Backends)
	}
	if n, ok := root.take("assignment"); ok {
		e.Assignment = d.ladder(n, "assignment")
	}
	if n, ok := root.take("sampling"); ok {
		e.Sampling = d.ladder(n, "sampling")
	} else {
		ladder := DefaultSampling()
		e.Sampling = make([]Value[Key], len(ladder))
		for i, k := range ladder {
			e.Sampling[i] = Value[Key]{k, root.pos}
		}
	}
	if n, ok := root.take("path"); ok {
		e.Path, _ = d.path(n)
	}
	if n, ok := root.take("timeout"); ok {
		e.Timeout = d.timeout(n)
	}
	if n, ok := root.take("callerTimeout"); ok {
		e.CallerTimeout = d.ladder(n, "callerTimeout")
	}
	if n, ok := root.take("capture"); ok {
		e.Capture = d.capture(n)
	}
	e.Guard = d.guard(root)
	root.done()
	return e
}

// backends reads the backends and returns their mapping, nil if there is none.
func (d *document) backends(root *mapping, e *Endpoint) *mapping {
	n, ok := root.need("backends")
	if !ok {
		return nil
	}
	m, ok := d.mapping(n, "backends")
	if !ok {
		return nil
	}
	if len(n.Content) == 0 {
		d.report(m.pos, RuleValue, "backends is empty; an endpoint needs at least one backend")
	}
	sound := true
	e.Backends = make([]Backend, 0, len(m.entries))
	for _, entry := range m.entries {
		name, ok := d.label(entry.key, "the name of a backend")
		b, weighted := d.backend(entry, name)
		sound = sound && ok && weighted
		e.Backends = append(e.Backends, b)
	}
	if sound && len(e.Backends) > 0 {
		d.weights(e.Backends, m.pos)
	}
	return m
}

// backend reads one backend. It is false when the weight is not known.
func (d *document) backend(e entry, name Value[string]) (Backend, bool) {
	b := Backend{Name: name, Weight: Value[float64]{1, e.key.pos}}
	m, ok := d.mapping(e.value, "backend "+quoted(e.name))
	if !ok {
		return b, false
	}
	defer m.done()
	weighted := true
	if n, ok := m.take("weight"); ok {
		b.Weight, weighted = d.weight(n)
	}
	deployment, deployed := m.take("deployment")
	static, fixed := m.take("static")
	switch {
	case deployed && fixed:
		d.report(static.pos, RuleConflict, "%s has both deployment and static; it takes one of them", m.what)
	case !deployed && !fixed && m.misspelt("deployment", "static"):
	case !deployed && !fixed:
		d.report(m.pos, RuleMissingKey, `%s needs the key "deployment" or "static"`, m.what)
	}
	if deployed {
		b.Deployment = d.reference(deployment)
	}
	if fixed {
		b.Static = d.static(static)
	}
	return b, weighted
}

// weight is a share of the requests, relative to the other backends'.
func (d *document) weight(n node) (Value[float64], bool) {
	v, ok := d.number(n, "weight")
	if ok && v.V < 0 {
		d.report(v.Pos, RuleValue, "weight must be 0 or above, not %s", n.Value)
		return v, false
	}
	return v, ok
}

// weights checks the weights together.
func (d *document) weights(backends []Backend, at Position) {
	sum := 0.0
	for _, b := range backends {
		sum += b.Weight.V
	}
	switch {
	case sum == 0:
		d.report(at, RuleValue, "every weight is 0; at least one must be above 0")
	case math.IsInf(sum, 0):
		d.report(at, RuleValue, "the sum of the weights is out of range")
	}
}

// mirrors reads the mirrors. They share the log's field "backend" with the
// backends, so that no name can stand for both.
func (d *document) mirrors(root *mapping, e *Endpoint, backends *mapping) {
	n, ok := root.take("mirrors")
	if !ok {
		return
	}
	m, ok := d.mapping(n, "mirrors")
	if !ok {
		return
	}
	e.Mirrors = make([]Mirror, 0, len(m.entries))
	for _, entry := range m.entries {
		name, _ := d.label(entry.key, "the name of a mirror")
		if at, taken := backends.position(entry.name); taken {
			d.report(entry.key.pos, RuleConflict, "mirror %s bears the name of the backend in line %d; the log tells them apart by name only", quoted(entry.name), at.Line)
		}
		e.Mirrors = append(e.Mirrors, d.mirror(entry, name))
	}
}

func (d *document) mirror(e entry, name Value[string]) Mirror {
	mirror := Mirror{Name: name, Percent: Value[float64]{100, e.key.pos}, Enabled: true, Compare: DefaultCompare()}
	m, ok := d.mapping(e.value, "mirror "+quoted(e.name))
	if !ok {
		return mirror
	}
	defer m.done()
	if n, ok := m.need("deployment"); ok {
		if ref := d.reference(n); ref != nil {
			mirror.Deployment = *ref
		}
	}
	if n, ok := m.take("percent"); ok {
		mirror.Percent = d.share(n, "to switch a mirror off write enabled: false")
	}
	if n, ok := m.take("enabled"); ok {
		mirror.Enabled, _ = d.boolean(n, "enabled")
	}
	mirror.Rules = d.rules(m, rulesOf{remove: DefaultRemove()})
	d.judged(m, &mirror)
	return mirror
}

// share is a percentage; off says how to have none.
func (d *document) share(n node, off string) Value[float64] {
	v, ok := d.number(n, "percent")
	switch {
	case !ok:
	case v.V == 0:
		d.report(v.Pos, RuleValue, "percent must be above 0, up to 100; %s", off)
	case v.V < 0 || v.V > 100:
		d.report(v.Pos, RuleValue, "percent must be above 0, up to 100, not %s", n.Value)
	}
	return v
}

// reference reads the address of a deployment's version. Whether it exists is
// known only when all documents are.
func (d *document) reference(n node) *DeploymentRef {
	m, ok := d.mapping(n, "deployment")
	if !ok {
		return nil
	}
	defer m.done()
	var ref DeploymentRef
	if n, ok := m.need("branch"); ok {
		ref.Branch, _ = d.branch(n, "branch")
	}
	if n, ok := m.need("name"); ok {
		ref.Name, _ = d.label(n, "the name of a deployment")
	}
	if n, ok := m.need("version"); ok {
		ref.Version = d.version(n)
	}
	return &ref
}

// version is a number above 0, latest, or an alias.
func (d *document) version(n node) Value[Version] {
	v := Value[Version]{Pos: n.pos}
	if n.Kind != yaml.ScalarNode || n.Tag == nullTag {
		d.report(n.pos, RuleVersion, "version must be an integer, latest or an alias, not %s", describe(n))
		return v
	}
	switch s := n.Value; {
	case n.Tag == strTag && integerLike(s):
		d.report(n.pos, RuleVersion, "version %q is a text, and no alias can be a number; remove the quotes", s)
	case n.Tag == strTag && IsLabel(s):
		v.V.Alias = s
	case n.Tag == strTag:
		d.report(n.pos, RuleVersion, "version cannot be %s; it is an integer, latest or an alias of %s", quoted(s), labelForm)
	case integerLike(s) && wholeNumber.MatchString(s):
		v.V.Number = d.versionNumber(n, "version")
	case n.Tag == intTag:
		d.report(n.pos, RuleVersion, "version must be written in plain decimal digits, not as %s", s)
	default:
		d.report(n.pos, RuleVersion, "version must be an integer, latest or an alias, not %s; if it is an alias, quote it: %q", describe(n), s)
	}
	return v
}

// integerLike reports whether a text could be taken for a number of a version.
func integerLike(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
