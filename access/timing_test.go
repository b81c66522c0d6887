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
		n, f := medians(set, near, far)
		if ratio = n / f; ratio > 0.9 && ratio < 1.1 {
			return
		}
	}
	t.Errorf("a nearly right key takes %.2f times as long as any other", ratio)
}

// medians are the median times of finding each of two texts, in nanoseconds. What
// else the machine does meets both alike, for they take turns.
func medians(set *access.Set, one, other string) (ofOne, ofOther float64) {
	const rounds, each = 500, 20
	took := [2][]time.Duration{}
	for range rounds {
		for i, text := range []string{one, other} {
			began := time.Now()
			for range each {
				if set.Find(text) != nil {
					panic("a wrong key is found")
				}
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	slices.Sort(took[0])
	slices.Sort(took[1])
	return float64(took[0][rounds/2]) / each, float64(took[1][rounds/2]) / each
}
