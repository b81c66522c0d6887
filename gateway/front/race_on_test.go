//go:build race

package front_test

// raceEnabled: the detector makes sync.Pool forget at random, so allocations cannot be counted.
const raceEnabled = true
