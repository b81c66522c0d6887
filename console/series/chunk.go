package series

import "encoding/binary"

// chunk holds successive steps of one series in a row, each as
//
//	steps since the one before, errors, canceled, dropped, compared, agreed,
//	the number of buckets that counted something, and for each of them
//	how many it lies after the one before, and its count,
//
// all as varints. Requests are the sum of the buckets. A step takes a dozen bytes
// if it counted a few requests, and 64 if it counted thousands.
type chunk struct {
	line        *line
	first, last int64 // steps
	used        int
	bytes       [chunkSize]byte
}

const (
	chunkSize = 472 // half a KiB in all

	// maxEncoded is what a step takes at most, which fits into an empty chunk: a
	// varint of 64 bits, one of 32 bits for each count, and a byte for each place.
	maxEncoded = binary.MaxVarintLen64 + 6*binary.MaxVarintLen32 + len(slot{}.latencies)*(1+binary.MaxVarintLen32)
)

// append adds a step that is not before the last one. It reports false, and adds
// nothing, if there is no room.
func (c *chunk) append(step int64, s *slot) bool {
	var memory [maxEncoded]byte
	b := binary.AppendUvarint(memory[:0], uint64(step-c.last)) //nolint:gosec // steps go up
	for _, n := range [...]uint32{s.errors, s.canceled, s.dropped, s.compared, s.agreed, s.bucketsUsed()} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	before := 0
	for i, n := range s.latencies {
		if n > 0 {
			b = append(b, byte(i-before)) //nolint:gosec // there are fewer than 256
			b = binary.AppendUvarint(b, uint64(n))
			before = i
		}
	}
	if len(b) > len(c.bytes)-c.used {
		return false
	}
	c.used += copy(c.bytes[c.used:], b)
	c.last = step
	return true
}

func (s *slot) bucketsUsed() (n uint32) {
	for _, count := range s.latencies {
		if count > 0 {
			n++
		}
	}
	return n
}

// each gives every step.
func (c *chunk) each(do func(step int64, s *slot)) {
	rest, step := c.bytes[:c.used], c.first
	next := func() uint64 {
		v, n := binary.Uvarint(rest)
		rest = rest[n:]
		return v
	}
	for len(rest) > 0 {
		step += int64(next()) //nolint:gosec // append wrote it
		var s slot
		for _, n := range []*uint32{&s.errors, &s.canceled, &s.dropped, &s.compared, &s.agreed} {
			*n = uint32(next()) //nolint:gosec // append wrote it
		}
		place := 0
		for range next() {
			place += int(next())                //nolint:gosec // append wrote it
			s.latencies[place] = uint32(next()) //nolint:gosec // append wrote it
			s.requests += s.latencies[place]
		}
		do(step, &s)
	}
}
