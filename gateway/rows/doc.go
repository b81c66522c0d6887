// Package rows counts the rows of answers to batches in Modelbit's form,
//
//	{"data": [[ID, OUTPUT], [ID, OUTPUT], ...]}
//
// as their bytes pass, whatever the pieces. Nothing is kept but a few words of
// state, nothing is allocated, and no byte waits.
//
// An answer is of that form if its first member is data, which holds one row or more
// and nothing but rows: arrays of two whose first item, the row's id, is a number or
// a text. Whatever else it is, Write gives up on it as soon as it can tell, mostly at
// its first byte: on other JSON, on bodies that are encoded, on streams. It
// is told apart and counted, and not checked: that brackets match and numbers are
// written well is taken for granted.
package rows
