package gateway

import "strings"

// places says which endpoint is reached where: by its name, and by the path that
// it may declare. It knows endpoints by their index in the snapshot's list, so
// that snapshots whose endpoints have the same names and paths share one. It is
// immutable.
type places struct {
	all     []place
	names   map[string]int
	paths   map[string]int
	deepest int // segments that the longest of the paths has
}

// place is where one endpoint is reached.
type place struct{ name, path string }

// newPlaces indexes a snapshot's endpoints. last is to be shared if it is the
// same; it may be nil.
func newPlaces(endpoints []*endpoint, last *places) *places {
	if last.fit(endpoints) {
		return last
	}
	p := &places{
		all:   make([]place, len(endpoints)),
		names: make(map[string]int, len(endpoints)),
		paths: map[string]int{},
	}
	for i, e := range endpoints {
		p.all[i] = place{e.Name, e.Path}
		p.names[e.Name] = i
		if e.Path != "" {
			p.paths[e.Path] = i
			p.deepest = max(p.deepest, strings.Count(e.Path, "/"))
		}
	}
	return p
}

// fit reports whether the endpoints are reached at just these places.
func (p *places) fit(endpoints []*endpoint) bool {
	if p == nil || len(p.all) != len(endpoints) {
		return false
	}
	for i, e := range endpoints {
		if p.all[i] != (place{e.Name, e.Path}) {
			return false
		}
	}
	return true
}

// named finds an endpoint by its name.
func (p *places) named(name string) (index int, ok bool) {
	index, ok = p.names[name]
	return index, ok
}

// above finds the endpoint whose declared path is the one given or lies above
// it. There is one at most, for no declared path lies under another.
func (p *places) above(path string) (index, length int, ok bool) {
	for range p.deepest {
		if length == len(path) {
			break
		}
		length = nextSegment(path, length)
		if index, ok = p.paths[path[:length]]; ok {
			return index, length, true
		}
	}
	return 0, 0, false
}

// nextSegment is where the segment ends whose slash stands at i.
func nextSegment(path string, i int) int {
	if n := strings.IndexByte(path[i+1:], '/'); n >= 0 {
		return i + 1 + n
	}
	return len(path)
}
