// Package load calls a proxy on loopback and tells how it fared.
//
// In a closed loop every connection keeps one request under way: the proxy sets
// the pace, and its throughput is measured. At a constant rate requests are due
// at fixed times, and their latency runs from the time they were due, whether a
// connection was free or not: a proxy that falls behind cannot make the figures
// look better by slowing its callers down (no coordinated omission). What is
// never answered counts as an error and, with its age, as a latency.
//
// One thread makes all the calls over an epoll. Run is bounded: by its times,
// its connections, and its rate.
package load
