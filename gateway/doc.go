// Package gateway serves the endpoints of one revision at a time.
//
// A revision is compiled as a whole: [Check] reads its documents and says all
// that is wrong with them, [Gateway.Apply] does the same and, if nothing is,
// builds a [Snapshot] and swaps it in. A snapshot is immutable; swapping is one
// atomic pointer, so a request that began under one snapshot ends under it, and
// callers notice nothing. One chi router takes the URLs of all apart, and the
// snapshot that the request carries says which endpoint is meant. A call of gRPC,
// whose path is that of a method, may name its endpoint in the metadata
// x-switchyard-endpoint.
//
// What has to outlive snapshots is kept beside them and found again by name:
// replicas with their connections in a [deployments.Pool], the queues of
// mirrors in a [mirror.Engine], counters in the metrics.
//
// The way of a request: load the snapshot, route, assign to a backend, offer
// copies to the mirrors, make the live attempt, write its record. Everything
// that a mirror does happens elsewhere (package mirror) and with nothing that
// the live attempt holds. So does comparing (package pair): the live attempt
// leaves its answer there and goes, and the copy's record is written last.
package gateway
