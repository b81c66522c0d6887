//go:build !race

package front_test

// raceEnabled says whether allocations can be counted; see race_on_test.go.
const raceEnabled = false
