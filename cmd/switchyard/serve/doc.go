// Package serve is the running process: it wires a follower of a repository, a
// gateway, its two listeners and its log together, and takes them down in the
// order that loses least.
//
// [Run] does what can fail first: it opens the log and the listeners before the
// repository is read for the first time, so that a wrong setting ends the
// process at once and a repository that cannot be reached never does.
//
// When its context ends, Run takes readiness off and waits Options.ShutdownDelay
// for whoever watches it; then live requests, and after them copies, have
// Options.GracePeriod to end; then the log is flushed. Closing Options.Abort cuts
// all of this short.
package serve
