package access_test

import (
	"slices"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
)

// TestFindTakesAsLongForANearlyRightKey compares the time for keys that share all
// letters but the last with a good one, and for keys that share none, taken in
// turn. What a caller could learn from is a difference that stays: of five tries
// one without it is enough.
func TestFindTakesAsLongForANearlyRightKey(t *testing.T) {
	set, good := many(t, 100)
	near := good[:len(good)-1] + "A"
	if near == good {
		near = good[:len(good)-1] + "B"
	}
	far, _ := access.NewKey()
	var ratio float64
	for range 5 {
		ratio = medianOf(set, near) / medianOf(set, far)
		if ratio > 0.9 && ratio < 1.1 {
			return
		}
	}
	t.Errorf("a nearly right key takes %.2f times as long as any other", ratio)
}

// medianOf is the median time of finding a text, in nanoseconds.
func medianOf(set *access.Set, text string) float64 {
	const rounds, each = 500, 20
	took := make([]time.Duration, rounds)
	for i := range took {
		began := time.Now()
		for range each {
			if set.Find(text) != nil {
				panic("a wrong key is found")
			}
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return float64(took[rounds/2]) / each
}
