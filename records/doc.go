// Package records reads records again: the lines that a gateway logged, one for
// each attempt, live or mirror. It knows files and lines, and nothing of the
// gateway that wrote them; package gateway/record writes them, and what the fields
// mean is said there.
//
// A [Decoder] reads one line into a [Record], a [Filter] says which are meant.
package records
