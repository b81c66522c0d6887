package gateway

import (
	"slices"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// release lets go of what no endpoint of s uses any more, now that s serves
// instead of the snapshot before, which may be nil. What both have in common is
// not looked at, so that a change of one endpoint costs the same among ten
// thousand; only a change of deployments has the pool look at all replicas.
func (g *Gateway) release(before, s *Snapshot) {
	if before == nil {
		before = &Snapshot{}
	}
	gone := without(before.endpoints, s.endpoints)
	for _, e := range g.bound {
		if !s.has(e) { // it was compiled, and never served
			gone = append(gone, e)
		}
	}
	g.bound = nil
	if !g.pool.Replaced(groups(gone), groups(without(s.endpoints, before.endpoints))) {
		g.pool.Retain(s.groups())
	}
	for _, e := range gone {
		for i := range e.mirrors {
			if name := e.mirrors[i].Name; !s.names(seriesKey{e.Name, name, record.Mirror}) {
				g.mirrors.Forget(e.Name, name)
			}
		}
	}
	g.metrics.retain(s, gone)
}

// without is what one list of endpoints has and another has not. Both are sorted
// by name.
func without(list, other []*endpoint) []*endpoint {
	var out []*endpoint
	for _, e := range list {
		for len(other) > 0 && other[0] != e && other[0].Name < e.Name {
			other = other[1:]
		}
		if len(other) > 0 && other[0] == e {
			other = other[1:]
			continue
		}
		out = append(out, e)
	}
	return out
}

// has reports whether the very endpoint is one of the snapshot's.
func (s *Snapshot) has(e *endpoint) bool {
	i, ok := s.places.named(e.Name)
	return ok && s.endpoints[i] == e
}

// names reports whether the snapshot has a backend or mirror that is counted so.
func (s *Snapshot) names(key seriesKey) bool {
	i, ok := s.places.named(key.endpoint)
	return ok && slices.Contains(s.endpoints[i].keys(), key)
}

// keys are those that the endpoint is counted by.
func (e *endpoint) keys() []seriesKey {
	keys := make([]seriesKey, 0, len(e.backends)+len(e.mirrors))
	for i := range e.backends {
		keys = append(keys, seriesKey{e.Name, e.backends[i].Name, record.Live})
	}
	for i := range e.mirrors {
		keys = append(keys, seriesKey{e.Name, e.mirrors[i].Name, record.Mirror})
	}
	return keys
}
