// Package deployment is what proxies call while they are measured: deployments
// that cost next to nothing, answer the same bytes to every request, and count.
//
// A server has any number of them, each on a port of its own on loopback, and
// serves all from one thread. Some misbehave, for mirrors: slow ones, one that
// never answers, one that refuses connections.
package deployment
