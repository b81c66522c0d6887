// Package access says who may call which endpoint, and how much at a time. It
// is pure: it knows no sockets, no clock and no snapshot.
//
// Keys are declared in git, as hashes ([Load] reads them). A key is the text
// "sy_" and 256 random bits in 43 letters ([NewKey]); nothing else is ever
// looked up, so that a password that somebody hashed by hand is of no use. It is
// these 256 bits that make a plain SHA-256 enough: there is nothing to guess, and
// no salt or slow hash would add to it.
//
// [Set.Find] takes as long for a key that is nearly right as for any other: what
// is compared are hashes, of which a caller can choose no part, and the last
// comparison looks at all of their bytes.
//
// What a key or an endpoint may use at a time is counted by a [Meter]. Meters are
// found again by name in [Meters], so that swaps neither forget nor forgive.
package access
