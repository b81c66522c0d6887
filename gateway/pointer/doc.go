// Package pointer finds the places of JSON documents that pointers name. A
// pointer is that of RFC 6901, except that the token "*" stands for any member of
// an object and any element of an array.
//
// Whoever goes over a document tells a [Walk] where he is, and hears which
// patterns lead there:
//
//	var set pointer.Set
//	set.Add(pattern, redacted)
//	walk := set.Walk()
//	if marks := walk.Member(name); marks&redacted != 0 { ... }
//	walk.Leave()
//
// A pattern that leads to a place says nothing about what is below: that all of
// it is meant is for the caller to know.
//
// A Set is immutable once it is walked, and safe for concurrent use; a Walk is
// for one goroutine, and can be used for one document after another without an
// allocation.
package pointer
