package plan

import (
	"bytes"
	"encoding/json"
	"math"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// backends lists the backends that change; one of the endpoints may be nil.
func (c *comparison) backends(from, to *endpoints.Endpoint) []Backend {
	before, after := backendStates(from), backendStates(to)
	changed := []Backend{}
	for _, name := range names(before, after) {
		b := Backend{Name: name, From: before.states[name], To: after.states[name]}
		b.Change = kind(b.From == nil, b.To == nil)
		if b.Change == Changed {
			b.Redefined = c.isRedefined(b.From.Deployment, b.To.Deployment)
			if b.From.equal(b.To) && !b.Redefined {
				continue
			}
		}
		changed = append(changed, b)
	}
	return changed
}

// states are the states of named parts, in the order of the file.
type states[T any] struct {
	names  []string
	states map[string]*T
}

func (s *states[T]) add(name string, state T) {
	s.names = append(s.names, name)
	s.states[name] = &state
}

// names lists all names in the order of the later file, then those that are gone.
func names[T any](before, after states[T]) []string {
	all := append([]string{}, after.names...)
	for _, name := range before.names {
		if after.states[name] == nil {
			all = append(all, name)
		}
	}
	return all
}

func kind(isNew, isGone bool) Kind {
	switch {
	case isNew:
		return Added
	case isGone:
		return Removed
	}
	return Changed
}

func backendStates(e *endpoints.Endpoint) states[BackendState] {
	all := states[BackendState]{states: map[string]*BackendState{}}
	if e == nil {
		return all
	}
	weights := make([]float64, len(e.Backends))
	for i := range e.Backends {
		weights[i] = e.Backends[i].Weight
	}
	shares := normalized(weights)
	for i := range e.Backends {
		b := &e.Backends[i]
		s := BackendState{Static: b.Static, Weight: b.Weight, Share: shares[i]}
		if b.Deployment != nil {
			d := resolved(*b.Deployment)
			s.Deployment = &d
		}
		all.add(b.Name, s)
	}
	return all
}

func resolved(r deployments.Resolved) Deployed {
	return Deployed{Branch: r.Branch, Name: r.Name, Version: r.Number, Alias: r.Alias}
}

// equal leaves out differences of shares that are rounding only: all weights may
// have been multiplied.
func (s *BackendState) equal(t *BackendState) bool {
	return s.Weight == t.Weight && math.Abs(s.Share-t.Share) < negligible && s.answersAs(t)
}

// answersAs reports whether the same is written to answer, and means the same.
func (s *BackendState) answersAs(t *BackendState) bool {
	return sameDeployed(s.Deployment, t.Deployment) && bytes.Equal(s.Static, t.Static)
}

func sameDeployed(d, e *Deployed) bool {
	return d == nil && e == nil || d != nil && e != nil && *d == *e
}

// isRedefined reports whether the version stayed and its declaration did not.
func (c *comparison) isRedefined(from, to *Deployed) bool {
	return from != nil && to != nil && from.at() == to.at() && c.redefined[to.at()]
}

func (d *Deployed) at() version {
	return version{address{d.Branch, d.Name}, d.Version}
}

// mirrors lists the mirrors that change; one of the endpoints may be nil.
func (c *comparison) mirrors(from, to *endpoints.Endpoint) []Mirror {
	before, after := mirrorStates(from, c.off[0]), mirrorStates(to, c.off[1])
	anew := from == nil || to == nil || rebound(from.Sampling, to.Sampling) == ReboundAll
	changed := []Mirror{}
	for _, name := range names(before, after) {
		m := Mirror{Name: name, From: before.states[name], To: after.states[name]}
		m.Change = kind(m.From == nil, m.To == nil)
		m.sample(anew)
		if m.Change == Changed {
			m.Redefined = c.isRedefined(&m.From.Deployment, &m.To.Deployment)
			m.Settings = changedCopies(mirrorOf(from, name), mirrorOf(to, name))
			if m.From.equal(m.To) && !m.Redefined && m.NewlySampled == 0 && m.NoLongerSampled == 0 && len(m.Settings) == 0 {
				continue
			}
		}
		changed = append(changed, m)
	}
	return changed
}

func mirrorStates(e *endpoints.Endpoint, off map[string][]schema.Mirror) states[MirrorState] {
	all := states[MirrorState]{states: map[string]*MirrorState{}}
	if e == nil {
		return all
	}
	for i := range e.Mirrors {
		m := &e.Mirrors[i]
		s := MirrorState{Deployment: resolved(m.Deployment), Percent: m.Percent, Enabled: true, Noise: m.Noise}
		s.Compare, s.Gates = asWritten(m.Compare), asWritten(m.Gates)
		all.add(m.Name, s)
	}
	for i := range off[e.Name] {
		m := &off[e.Name][i]
		s := MirrorState{Deployment: written(m.Deployment), Percent: m.Percent.V, Noise: m.Noise}
		s.Compare, s.Gates = asWritten(m.Compare), asWritten(m.Gates)
		all.add(m.Name.V, s)
	}
	return all
}

// asWritten is the JSON of a part of a document.
func asWritten(part json.Marshaler) json.RawMessage {
	text, err := part.MarshalJSON()
	if err != nil {
		panic("plan: what is declared has no form in JSON: " + err.Error())
	}
	return text
}

func (s *MirrorState) equal(t *MirrorState) bool {
	return s.Deployment == t.Deployment && s.Percent == t.Percent && s.Enabled == t.Enabled && s.judgedAs(t)
}

// judgedAs reports whether answers are judged in the same way.
func (s *MirrorState) judgedAs(t *MirrorState) bool {
	return bytes.Equal(s.Compare, t.Compare) && s.Noise == t.Noise && bytes.Equal(s.Gates, t.Gates)
}

// sample computes who is sampled newly and no longer. With the same key the
// draws stay, so that a higher percentage only adds subjects; with another key
// they are independent.
func (m *Mirror) sample(anew bool) {
	was, is := m.From.sampled(), m.To.sampled()
	if anew {
		m.NewlySampled, m.NoLongerSampled = is*(1-was), was*(1-is)
		return
	}
	m.NewlySampled, m.NoLongerSampled = max(0, is-was), max(0, was-is)
}

// sampled is the share of subjects whose requests are copied.
func (s *MirrorState) sampled() float64 {
	if s == nil || !s.Enabled {
		return 0
	}
	return s.Percent / 100
}
