//go:build race

package upstream_test

// underRace is whether the race detector is on, under which sync.Pool forgets at random.
const underRace = true
