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
//	r := group.PickFor(subject)
//	if r == nil {
//		// nothing is up: 503
//	}
//	defer r.Release()
//	resp, err := r.RoundTrip(req) // to r.URL() and what follows
//
// After a failure for which [ConnectFailed] holds no byte was sent, and
// [Group.PickExcept] gives another replica to try.
//
// The pool guarantees that a swap neither cuts a request nor opens a connection
// for what has not changed, and that live requests and mirrors share none.
// Choosing a replica neither blocks nor allocates. Who is up is a preference among
// replicas and never makes a version unavailable; see [Group.PickFor]. But for
// those of Run, which waits for them, the package starts no goroutines; connections
// have those of their transport.
package deployments
