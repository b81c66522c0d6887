package deployments

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Subjects are given to replicas by rendezvous hashing: each replica draws a
// score for the subject that depends on nothing but the two, and the highest has
// it. So a replica that comes takes its subjects evenly from all the others, one
// that goes gives its own to all the others, and nobody else moves; all gateways
// agree; and the next replica of a subject is the one with the next score.
//
// Loads are bounded as in Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing
// with Bounded Loads" (2016), with c = 1.25: no replica gets a request that would
// bring it above 1.25 times the average of the requests in flight, rounded up.
// Requests that are given out at the same instant may each exceed it by the
// others, since nothing is locked.
//
// A ring would need a table for each set of replicas that are up. Scores cost two
// nanoseconds a replica, and versions have few.

// pickOwn is the subject's replica, or its next one.
func (g *Group) pickOwn(subject string, tried []*Replica) *Replica {
	replicas, hash := g.Replicas(), xxhash.Sum64String(subject)
	if tried == nil {
		if r := returning(replicas, hash); r != nil {
			return r
		}
	}
	if r := own(replicas, tried, hash, (*Replica).Up); r != nil {
		return r
	}
	if r := own(replicas, tried, hash, (*Replica).reachable); r != nil {
		g.panicking()
		return r
	}
	return g.refusing(tried)
}

// ownOf is the subject's replica among those that are fit, or its next one.
func (g *Group) ownOf(subject string, tried []*Replica, fit func(*Replica) bool) *Replica {
	return own(g.Replicas(), tried, xxhash.Sum64String(subject), fit)
}

// own is the fit replica with the highest score that has room.
func own(replicas, tried []*Replica, hash uint64, fit func(*Replica) bool) *Replica {
	total, n := 0, 0
	for _, r := range replicas {
		if fit(r) && !slices.Contains(tried, r) {
			total += r.InFlight()
			n++
		}
	}
	if n == 0 {
		return nil
	}
	room := (5*(total+1) + 4*n - 1) / (4 * n) // 1.25 times the average with this request, rounded up
	var best, last *Replica
	var most uint64
	for _, r := range replicas {
		if !fit(r) || slices.Contains(tried, r) {
			continue
		}
		last = r
		if score := r.score(hash); r.InFlight() < room && (best == nil || score > most) {
			best, most = r, score
		}
	}
	if best == nil {
		return last // others took all the room meanwhile
	}
	return best
}

// returning is the subject's first replica of all if that one could not be
// connected to and may be tried again. Those whose ejection is over are let in.
func returning(replicas []*Replica, hash uint64) *Replica {
	var first *Replica
	var most uint64
	for _, r := range replicas {
		if score := r.score(hash); first == nil || score > most {
			first, most = r, score
		}
		r.readmit()
	}
	if first == nil || !first.retriable() {
		return nil
	}
	return first
}

// score is what the replica draws for the hash of a subject: a bijective mix of
// both (the finisher of SplitMix64), so that all bits of either count.
func (r *Replica) score(hash uint64) uint64 {
	x := hash ^ r.seed
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
