// Package sink brings records to receivers besides the process's log, each on its
// own: what one receiver does touches neither the others nor who produces records.
//
//	s, err := sink.New(sink.Options{Name: "warehouse", Send: send, Spool: &sink.Spool{Dir: dir}})
//	s.Append(&rec)          // never blocks
//	err = s.Run(ctx)        // brings what was appended to the receiver, until ctx ends
//
// A [Sink] is a [record.Log] with a queue of its own in memory, whose lines go in
// batches to a [Send], the receiver's protocol: packages sink/webhook, sink/kafka
// and sink/otlp. A file needs none of this: see [NewWriter].
//
// # While a receiver is down
//
// Batches wait on disk if there is a spool: within its bound, in the order in
// which they came, also over a restart. When the spool is full, or its disk is,
// lines wait in memory, like those of a sink without a spool. When that is full
// too, lines are dropped and counted, and one line says how many as soon as the
// receiver takes lines again. The memory, the spool and the time between two
// attempts are bounded.
//
// # Exactly once
//
// Each batch has an id, which stays the same however often it is sent: a receiver
// that took a batch and could not say so recognises it by its id. So what a sink
// has taken arrives exactly once at a receiver that heeds ids, or is counted as
// lost; and at least once, in that rare case twice, at any other.
package sink
