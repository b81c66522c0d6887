// Package otlp sends records to a collector of OpenTelemetry as logs, over HTTP
// with the official SDK's exporter.
//
// A record becomes a log record with the record's time, the severity of its level,
// the event's name and its fields as attributes, under the names that they have in
// the log; objects, such as captured bodies, are maps. The attribute
// switchyard.delivery has the id of the batch and the place in it, which stay the
// same when it is sent again.
package otlp
