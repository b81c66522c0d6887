package testbed

// Engines are the two HTTP engines of a gateway: whether its own take the place of
// net/http's towards callers (Front) and towards replicas (Upstream).
type Engines struct{ Front, Upstream bool }

// AllEngines are all combinations, the standard library's first.
func AllEngines() []Engines {
	return []Engines{{}, {Front: true}, {Upstream: true}, {Front: true, Upstream: true}}
}

// String is as in "front=own upstream=std".
func (e Engines) String() string {
	name := map[bool]string{false: "std", true: "own"}
	return "front=" + name[e.Front] + " upstream=" + name[e.Upstream]
}
