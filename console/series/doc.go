// Package series keeps what the console draws: how many requests each backend
// and mirror had, how they ended, how long they took and how often a mirror
// agreed, in steps of some seconds over the last hour.
//
// A [Store] is an observer of the gateway's records: [Store.Add] costs a lock
// that is held for some additions, and as a rule allocates nothing: a step that is
// over is packed into some bytes when a series counts again. All that it holds is
// bounded by Options.Budget, and while that is used up, the oldest steps of all
// series go first: 10,000 series that count all the time remember about half an
// hour, and none is missing.
//
// Latencies are counted in buckets whose bounds grow by half, so that a
// percentile is at most that far from the true one.
package series
