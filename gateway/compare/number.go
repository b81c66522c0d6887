package compare

import (
	"bytes"
	"math"
	"strconv"

	"github.com/switchyard-gateway/switchyard/schema"
)

// exactUpTo is the largest of the integers that all have a float64 of their own.
// Integers beyond are names rather than quantities, and compared by their digits.
const exactUpTo = 1 << 53

// mostExponent is what exponents are counted up to.
const mostExponent = 1 << 30

// tolerance is how far two numbers that agree may be apart.
type tolerance struct {
	schema.Tolerance
	written bool // it was asked for, and holds for integers too
}

func newTolerance(t *schema.Tolerance) tolerance {
	if t == nil {
		return tolerance{Tolerance: schema.DefaultTolerance()}
	}
	return tolerance{Tolerance: *t, written: true}
}

// agree reports whether two numbers, as JSON writes them, agree. It is symmetric.
//
// Equal numbers agree, however they are written: 1, 1.0 and 10e-1. Numbers that
// are both written as integers agree only then, unless a tolerance was asked for
// and both are at most 2^53. All others may be apart by Abs, or by Rel of the
// larger one, as in Python's math.isclose (PEP 485). What no float64 holds, above
// 1.8e308, agrees with what is equal.
func (t tolerance) agree(a, b []byte) bool {
	if sameDigits(a, b) {
		return true
	}
	whole := integer(a) && integer(b)
	if whole && !t.written {
		return equalDecimals(a, b)
	}
	x, errX := strconv.ParseFloat(string(a), 64)
	y, errY := strconv.ParseFloat(string(b), 64)
	switch {
	case errX != nil || errY != nil, whole && (math.Abs(x) > exactUpTo || math.Abs(y) > exactUpTo):
		return equalDecimals(a, b)
	case x == y:
		return !whole || equalDecimals(a, b)
	}
	return math.Abs(x-y) <= max(t.Abs, t.Rel*max(math.Abs(x), math.Abs(y)))
}

// sameDigits reports whether two numbers are the same but for zeros at the end of a
// fraction, which programs write or not: 0.5 and 0.50, 1 and 1.0.
func sameDigits(a, b []byte) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if !bytes.HasPrefix(b, a) {
		return false
	}
	rest := b[len(a):]
	if len(rest) == 0 {
		return true
	}
	fraction := bytes.IndexByte(a, '.') >= 0
	if !fraction {
		fraction, rest = rest[0] == '.', rest[1:]
	}
	return fraction && !bytes.ContainsAny(a, "eE") && len(bytes.TrimRight(rest, "0")) == 0
}

// integer reports whether a number is written without a fraction and exponent.
func integer(s []byte) bool {
	for _, c := range s {
		if c == '.' || c == 'e' || c == 'E' {
			return false
		}
	}
	return true
}

// decimal is a number as 0.DIGITS times ten to the power of exp. Zero has no
// digits.
type decimal struct {
	negative    bool
	whole, part []byte // the digits, in two pieces
	exp         int
	known       bool // the exponent is one that an int holds
}

// equalDecimals reports whether two numbers are equal, digit by digit.
func equalDecimals(a, b []byte) bool {
	x, y := parseDecimal(a), parseDecimal(b)
	zero := x.len() == 0
	if zero || y.len() == 0 {
		return zero && y.len() == 0
	}
	if x.negative != y.negative || x.exp != y.exp || x.len() != y.len() || !x.known || !y.known {
		return false
	}
	for i := range x.len() {
		if x.digit(i) != y.digit(i) {
			return false
		}
	}
	return true
}

// parseDecimal takes a number of JSON's grammar apart.
func parseDecimal(s []byte) decimal {
	d := decimal{known: true}
	if s[0] == '-' {
		d.negative = true
		s = s[1:]
	}
	if i := bytes.IndexAny(s, "eE"); i >= 0 {
		var err error
		d.exp, err = strconv.Atoi(string(s[i+1:]))
		d.known = err == nil && d.exp > -mostExponent && d.exp < mostExponent
		s = s[:i]
	}
	d.whole, d.part, _ = bytes.Cut(s, []byte("."))
	d.exp += len(d.whole)
	for d.len() > 0 && d.digit(0) == '0' { // in front
		d.exp--
		if len(d.whole) > 0 {
			d.whole = d.whole[1:]
			continue
		}
		d.part = d.part[1:]
	}
	d.part = bytes.TrimRight(d.part, "0")
	if len(d.part) == 0 {
		d.whole = bytes.TrimRight(d.whole, "0")
	}
	return d
}

func (d *decimal) len() int { return len(d.whole) + len(d.part) }

func (d *decimal) digit(i int) byte {
	if i < len(d.whole) {
		return d.whole[i]
	}
	return d.part[i-len(d.whole)]
}
