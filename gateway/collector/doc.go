// Package collector calls collectors of OpenTelemetry, for the exporters of the
// official SDK, which take an HTTP client.
//
//	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithHTTPClient(collector.NewClient(header, timeout)), ...)
//	...
//	ctx, answer := collector.Expect(ctx)
//	err := exporter.ExportSpans(ctx, spans)
//	... answer.Status, answer.Rejected ...
//
// What a collector says in words goes no further than here: the exporters would
// put its reason and body into their errors, and a collector that repeats what it
// was sent, the fields of the header among it, would have the token in our log. So
// the answer is told in numbers, and exporters see an empty one. Redirects are not
// followed, for the token is not for others. The fields of the header are asked for
// at each call, so that secrets can be exchanged.
package collector
