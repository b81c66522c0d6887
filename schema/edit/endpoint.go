package edit

import (
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// The keys of endpoint documents that are edited.
const (
	keyBackends   = "backends"
	keyMirrors    = "mirrors"
	keyDeployment = "deployment"
	keyStatic     = "static"
	keyWeight     = "weight"
	keyPercent    = "percent"
	keyEnabled    = "enabled"
)

// SetWeight sets the weight of a backend.
func (d *Document) SetWeight(backend string, weight float64) error {
	return d.set([]string{keyBackends, backend, keyWeight}, number(weight), "")
}

// SetPercent sets the share of requests that a mirror gets.
func (d *Document) SetPercent(mirror string, percent float64) error {
	return d.set([]string{keyMirrors, mirror, keyPercent}, number(percent), keyDeployment)
}

// SetEnabled switches a mirror on or off.
func (d *Document) SetEnabled(mirror string, enabled bool) error {
	return d.set([]string{keyMirrors, mirror, keyEnabled}, boolean(enabled), "")
}

// SetBackendDeployment makes a backend answer from a version of a deployment. A
// static value that it had goes.
func (d *Document) SetBackendDeployment(backend string, to Ref) error {
	path := []string{keyBackends, backend}
	if d.has(path, keyStatic) {
		return d.replace(append(path, keyStatic), field{keyDeployment, to.value()})
	}
	return d.setRef(append(path, keyDeployment), to)
}

// SetMirrorDeployment sends the copies of a mirror to a version of a deployment.
func (d *Document) SetMirrorDeployment(mirror string, to Ref) error {
	return d.setRef([]string{keyMirrors, mirror, keyDeployment}, to)
}

// setRef changes the parts of a reference that differ, where they stand. The whole of
// it counts as changed: a version means nothing without the name that it is of.
func (d *Document) setRef(path []string, to Ref) error {
	m := d.mappingAt(path)
	if m == nil {
		return d.set(path, to.value(), "")
	}
	return d.whole(func() error {
		d.touched = append(d.touched, path)
		for _, f := range to.value().fields {
			at := slices.Concat(path, []string{f.key})
			if newTree(d.root).at(at).equal(f.value.tree) {
				continue
			}
			if err := d.set(at, f.value, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddBackend adds a backend behind the others.
func (d *Document) AddBackend(name string, to Ref, weight float64) error {
	path := []string{keyBackends, name}
	if d.has(path[:1], name) {
		return d.refuse(path, "there is a backend of that name")
	}
	return d.set(path, mapping(field{keyDeployment, to.value()}, field{keyWeight, number(weight)}), "")
}

// RemoveBackend removes a backend; the last one stays.
func (d *Document) RemoveBackend(name string) error {
	path := []string{keyBackends, name}
	if m := d.mappingAt(path[:1]); m != nil && len(entries(m)) == 1 {
		return d.refuse(path, "an endpoint needs a backend")
	}
	return d.remove(path)
}

// AddMirror adds a mirror behind the others. 100 percent are not written, as it
// is the default.
func (d *Document) AddMirror(name string, to Ref, percent float64) error {
	path := []string{keyMirrors, name}
	if d.has(path[:1], name) {
		return d.refuse(path, "there is a mirror of that name")
	}
	fields := []field{{keyDeployment, to.value()}}
	if percent != 100 {
		fields = append(fields, field{keyPercent, number(percent)})
	}
	mirror := mapping(fields...)
	if d.has(nil, keyMirrors) {
		return d.set(path, mirror, "")
	}
	if err := d.set(path[:1], mapping(field{name, mirror}), keyBackends); err != nil {
		return err
	}
	d.touchedOnly(path)
	return nil
}

// RemoveMirror removes a mirror.
func (d *Document) RemoveMirror(name string) error { return d.remove([]string{keyMirrors, name}) }

// PromoteToBackend makes a mirror a backend: it is removed from the mirrors and
// answers callers by its weight, under its name.
func (d *Document) PromoteToBackend(mirror string, weight float64) error {
	to, err := d.mirrorRef(mirror)
	if err != nil {
		return err
	}
	return d.whole(
		func() error { return d.RemoveMirror(mirror) },
		func() error { return d.AddBackend(mirror, to, weight) },
	)
}

// PromoteInto gives a backend the deployment of a mirror, and removes the mirror:
// of an alias, callers get the mirror's answers from now on.
func (d *Document) PromoteInto(backend, mirror string) error {
	to, err := d.mirrorRef(mirror)
	if err != nil {
		return err
	}
	return d.whole(
		func() error { return d.SetBackendDeployment(backend, to) },
		func() error { return d.RemoveMirror(mirror) },
	)
}

// mirrorRef is where a mirror's copies go.
func (d *Document) mirrorRef(name string) (Ref, error) {
	declared, _ := schema.ParseEndpoint(d.File())
	if declared != nil {
		for i := range declared.Mirrors {
			if m := &declared.Mirrors[i]; m.Name.V == name {
				r := m.Deployment
				return Ref{Branch: r.Branch.V, Name: r.Name.V, Version: r.Version.V}, nil
			}
		}
	}
	return Ref{}, d.refuse([]string{keyMirrors, name}, "there is no mirror of that name")
}

// has reports whether a mapping has a key.
func (d *Document) has(path []string, key string) bool {
	m := d.mappingAt(path)
	return m != nil && find(entries(m), key) >= 0
}

// NewBackend is a backend of a new endpoint.
type NewBackend struct {
	Name   string
	Weight float64
	To     Ref
}

// New writes the document of a new endpoint: an alias of one backend, which needs
// no weight, or a split.
func New(backends []NewBackend, assignment string) []byte {
	lines := []string{"schemaVersion: 1", "backends:"}
	for _, b := range backends {
		fields := []field{{keyDeployment, b.To.value()}}
		if len(backends) > 1 {
			fields = append(fields, field{keyWeight, number(b.Weight)})
		}
		lines = append(lines, field{b.Name, mapping(fields...)}.inBlock(2, 2, "\n"))
	}
	if assignment != "" {
		lines = append(lines, "assignment:", "  key: "+str(assignment).scalar)
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}
