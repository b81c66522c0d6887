// Package capture puts the bodies of requests and answers into records, without
// what must not stand there, and without holding up who waits for an answer.
//
// A [Rule] is what an endpoint declares. While an attempt is made its bodies are
// kept by taps (package tap); when it has ended, a [Writer] takes the record with
// its taps, makes the captured objects of them in a goroutine of its own, some
// milliseconds later if there are many (package pace), and passes the complete record
// on:
//
//	w := capture.NewWriter(capture.Options{Done: log.Append})
//	w.Add(&rec, rule, request, answer) // returns at once
//	... at the end ...
//	w.Drain(ctx)
//
// Whoever has a goroutine of its own for a record calls [Rule.Describe] there.
//
// # What is written
//
// A body that is JSON as a whole, whatever its content type says, is written as
// that value. Any other body, also one of which only the beginning was kept, is
// written in base64. Bodies encoded with gzip or deflate are decoded first, within
// the same limit.
//
// With redaction only JSON is written. What a pointer leads to is replaced by
// "[redacted]", whatever it is, however the names on the way are escaped and how
// often they are repeated. A body that cannot be read as JSON is left out as a
// whole, for nobody could say what stands in it.
//
// # Promises
//
//   - Add never blocks. A record is never lost here: if the queue is full or the
//     process ends, it is passed on without bodies, and says so.
//   - Memory is that of the taps' budget, of a bounded queue, and of one record that
//     is being made.
package capture
