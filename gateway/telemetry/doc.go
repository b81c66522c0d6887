// Package telemetry sends the traces and the metrics of a gateway to a collector of
// OpenTelemetry over HTTP, with the official SDK.
//
//	traces, err := telemetry.NewTraces(ctx, telemetry.Options{URL: "http://collector:4318/v1/traces", Sampling: 0.1})
//	gateway.New(gateway.Options{Traces: traces, ...})
//	err = traces.Run(ctx)      // exports until ctx ends
//
// # Traces
//
// A request is a span of the kind SERVER, below the caller's if it sent a
// traceparent. Each attempt to answer it, and each copy, is a span of the kind CLIENT
// below that one, and its id is what the deployment gets to see. Whether a trace
// that begins here is sampled the SDK's sampler decides by the trace's id; of all
// others the caller has decided.
//
// Nothing of the SDK is on the way of a request. What is known of an attempt when it
// has ended, its record, goes into a queue of fixed size ([Traces.Attempt] and
// [Traces.Request] never wait), and one goroutine makes spans of it and sends them.
// What finds no room there, or does not reach the collector, is dropped and counted.
//
// # Metrics
//
// [Metrics] sends what /metrics shows, at an interval, through the SDK's bridge: the
// same names and labels. What a collector misses it gets with the next sending,
// since counters count from the start of the process.
package telemetry
