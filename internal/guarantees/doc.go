// Package guarantees keeps docs/guarantees.md true: each line of the requirements
// (requirements.txt) with the tests that are named after its id, how they ended
// last, and what they measured.
//
// Tests tell what they measured by testbed.Measured. The program in write reads
// the output of go test -json, adds what it says to figures.json, and writes the
// page; make guarantees and make soak run it. Figures of tests that fail are not
// taken, and the page says that they failed.
package guarantees
