// Package soak holds the tests that need minutes, thousands of connections or a
// gateway in a process of its own.
//
// Its tests do nothing unless they are asked to, but for the two of failures, which
// then last seconds: make soak runs them, with each combination of HTTP engines, in
// 35 minutes, and writes what they measured to docs/guarantees.md. Smaller
// variants of all others run in make test, in the packages around. For how long replicas
// are at fault in those of failures, -faults says:
//
//	go test -count=1 -run FailuresAre -v ./gateway/soak -faults 10m -engines "front=own upstream=own"
//
// A soak test starts the test's own binary once more, as a gateway: so memory,
// file descriptors and goroutines are the gateway's alone. Callers, deployments
// and mirrors are in the test's process. Whatever is a time is compared with the
// same without the feature, taken in turn with it, through the same gateway.
package soak
