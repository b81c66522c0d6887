// Package peer knows the proxies that are measured next to each other: where
// their programs come from, how each is set up for the same work, started,
// told of a change, and stopped.
//
// All get the same Site: endpoints under /e/ on one port of loopback, one worker
// or as many threads as there are cores to run on, kept-alive connections to
// the deployments, and an access log with one JSON line for each request. What a
// peer cannot do, its Peer says.
package peer
