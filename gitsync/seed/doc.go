// Package seed makes small git repositories with a work tree, for the demo and
// for tests on machines without a git binary.
//
// What it makes is an ordinary repository: people may edit and commit in it
// with git. A Repository is for one goroutine at a time, and must not be used
// while somebody else commits in its directory.
package seed
