// Package series keeps what the console draws: how many requests each backend
// and mirror had, how they ended, how long they took and how often a mirror
// agreed, in steps of some seconds over the last hour.
//
// A [Store] is an observer of the gateway's records: [Store.Add] costs a lock
// that is held for some additions, and allocates nothing once a series is known
// in the current minute. All that it holds is bounded by Options.Budget. While
// that is used up, the oldest minutes of all series go first, so that more
// series than it was made for have a shorter past, and none is missing.
//
// Latencies are counted in buckets whose bounds grow by half, so that a
// percentile is at most that far from the true one.
package series
