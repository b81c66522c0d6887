package endpoints

import (
	"math"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

// Assign chooses the backend of a subject by weighted rendezvous hashing,
// salted with the endpoint's name: the same on every gateway, and moving as few
// subjects as the weights allow when weights change. It returns an index into
// Backends; one of weight 0 is never chosen. The package text has the formula.
func (e *Endpoint) Assign(subject string) int {
	if len(e.Backends) == 1 {
		return 0
	}
	h := xxhash.Sum64String(subject)
	best, least := -1, 0.0
	for i := range e.Backends {
		b := &e.Backends[i]
		if b.Weight <= 0 {
			continue
		}
		score := -math.Log(uniform(h, e.backendSalt(i))) / b.Weight
		if best < 0 || score < least || score == least && b.Name < e.Backends[best].Name {
			best, least = i, score
		}
	}
	return mustChoose(best)
}

// AssignRandom chooses a backend at random by weight. It returns an index into
// Backends; one of weight 0 is never chosen.
func (e *Endpoint) AssignRandom() int {
	if len(e.Backends) == 1 {
		return 0
	}
	return e.assignAt(rand.Float64())
}

// assignAt is the backend at a place in [0, 1) of all weights laid end to end.
func (e *Endpoint) assignAt(place float64) int {
	sum := 0.0
	for i := range e.Backends {
		sum += e.Backends[i].Weight
	}
	left, last := place*sum, -1
	for i := range e.Backends {
		weight := e.Backends[i].Weight
		if weight <= 0 {
			continue
		}
		if left < weight {
			return i
		}
		left -= weight
		last = i // rounding may leave a little more than there is
	}
	return mustChoose(last)
}

func mustChoose(i int) int {
	if i < 0 {
		panic("endpoints: no backend has a weight above 0; the schema refuses that")
	}
	return i
}

// Sampled reports whether the mirror at index i of Mirrors gets copies of a
// subject's requests, salted with the endpoint's and the mirror's name. Raising
// the percentage only adds subjects.
func (e *Endpoint) Sampled(i int, subject string) bool {
	m := &e.Mirrors[i]
	return m.Percent >= 100 || uniform(xxhash.Sum64String(subject), e.mirrorSalt(i)) < m.Percent/100
}

// SampledRandom reports, at random by percentage, whether the mirror at index i
// of Mirrors gets a copy of one request.
func (e *Endpoint) SampledRandom(i int) bool {
	percent := e.Mirrors[i].Percent
	return percent >= 100 || rand.Float64() < percent/100
}

// backendSalt is computed beforehand by Load, as most of the work is in it.
func (e *Endpoint) backendSalt(i int) uint64 {
	if s := e.Backends[i].salt; s != 0 {
		return s
	}
	return salt("assign", e.Name, e.Backends[i].Name)
}

func (e *Endpoint) mirrorSalt(i int) uint64 {
	if s := e.Mirrors[i].salt; s != 0 {
		return s
	}
	return salt("sample", e.Name, e.Mirrors[i].Name)
}

// salt sets one choice apart from all others.
func salt(purpose, endpoint, name string) uint64 {
	return xxhash.Sum64String(purpose + "\x00" + endpoint + "\x00" + name)
}

// uniform draws from (0, 1), both excluded, for a hashed subject and a salt. 52
// bits and a half are what a float64 holds exactly.
func uniform(h, salt uint64) float64 {
	return (float64(mix(h^salt)>>12) + 0.5) / (1 << 52)
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014, in Stafford's variant 13). It
// leaves no trace of how two salts are related.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
