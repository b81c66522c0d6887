// Package deployments holds declared deployments and the running replicas of
// them.
//
// Declared: [Load] reads the deployment documents of every branch of a revision
// into an immutable [Set]; [Set.Resolve] finds in it the numbered [Version] that
// an endpoint's branch, name and version (or alias) address. A [Loader] does so
// for one revision after another: versions that are the same as before are the
// same pointers, so that whatever is bound to them stays bound. What is wrong is
// reported with positions, all at once. Placeholders for secrets are filled in
// while loading, and their values appear nowhere but in [Version].Header.
//
// Running: a [Pool] holds the replicas and outlives snapshots. [Pool.Bind] gives
// the replicas of a version as a [Group], [Pool.Retain] retires those that the
// current snapshot no longer has. [Pool.Run] makes the health checks and look-ups
// of names that versions ask for. A request is sent like this:
//
//	r, err := group.Take(ctx, subject) // may wait, where the version says how much it takes at a time
//	if err != nil {
//		// nothing is up, or too many wait: 503
//	}
//	defer r.Release()
//	resp, err := r.RoundTrip(req) // to r.URL() and what follows
//
// After a failure for which [Unprocessed] holds no server has processed the request,
// and [Group.Take] gives another replica to try.
//
// A version may have limits: a number of requests that each replica works on at a
// time, a breaker, a budget for retries. What they have counted, and who waits, is kept
// for the version as long as snapshots have it. They hold for live requests only.
// [Group.Admit] comes first then, and [Admission.Ended] when the last replica has
// answered, or none has; and [Admission.CallEnded] at the end of a call of gRPC, whose status
// is its last word. [Judge] says what an answer counts as.
//
// None of it is failsafe-go's, which was considered for it: its policies wrap a
// function that returns a whole result and may be called again, whereas here an answer
// is a stream, of which a part may have gone to the caller, and a request's body may be
// gone; each execution allocates its state and a closure for every policy; a
// bulkhead is one number of places, where here each replica has its own and whoever
// waits takes the first that is free; and settings cannot change while counts stay, as
// they have to with each commit.
//
// The pool guarantees that a swap neither cuts a request nor opens a connection
// for what has not changed, and that live requests and mirrors share none.
// Choosing a replica neither blocks nor allocates. Who is up is a preference among
// replicas and never makes a version unavailable; see [Group.PickFor]. But for
// those of Run, which waits for them, the package starts no goroutines; connections
// have those of their transport.
package deployments
