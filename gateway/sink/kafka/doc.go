// Package kafka sends records to a topic of Kafka, through franz-go.
//
// Each record is one message: its value is the line, its key the request's id, so
// that the records of a request and its copies stand in one partition, in the
// order in which they were written. The header switchyard-delivery has the id of
// the batch and the place in it, which stay the same when it is sent again. The
// producer is idempotent and waits for all replicas in sync.
//
// A broker that hangs is left when the context of a call ends, also with records in
// flight of which nobody knows whether they are written. They are sent again as new
// ones then: who heeds the header sees each once, and the first of each in order.
package kafka
