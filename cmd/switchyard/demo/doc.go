// Package demo shows all of Switchyard in one process: it makes a real git
// repository with endpoints and deployments on two branches, starts small
// models, serves, sends a little traffic and prints what the log says of it.
//
// The endpoint penguins serves a real data set (examples/penguins) to two models that were trained
// over it. It ends in a report that tells what to do.
//
// With Options.Once it is a test of itself: it verifies every answer and every
// record of its own traffic, commits a change, verifies that the change serves,
// and ends.
package demo
